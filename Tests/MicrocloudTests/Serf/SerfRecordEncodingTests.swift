import Basics
import Testing

@testable import Microcloud

@Suite struct SerfRecordEncodingTests {
  private static let record = SerfRecord(
    clocks: SerfClocks(member: 7, event: 300, query: 70_000),
    peers: ["10.1.2.3:7946", "[2001:db8::1]:5000"].compactMap { SocketAddress($0) })

  @Test func isReadAgainFromTheStore() throws {
    #expect(SerfRecord(Self.record.value) == Self.record)
    #expect(SerfRecord(SerfRecord().value) == SerfRecord())
  }

  @Test func whatIsNoneIsNotRead() {
    let tooMany = SerfRecord(peers: (0...SerfRecord.maximumPeers).map { SocketAddress(.v4(UInt32($0)), port: 1) })
    let values: [CBORValue] = [
      .null, .array([]), .array([1, 2, 3]), .array([1, 2, "x", .array([])]), .array([1, 2, 3, "10.1.2.3:7946"]),
      tooMany.value,
    ]
    for value in values { #expect(SerfRecord(value) == nil) }
    // A peer that makes no sense is left out.
    #expect(SerfRecord(.array([1, 2, 3, .array(["10.1.2.3:1", "x", 5])]))?.peers.count == 1)
  }
}
