import Basics
import Testing

@testable import Microcloud

private func address(_ last: UInt8) -> SocketAddress {
  SocketAddress(IPAddress(networkBytes: [127, 0, 0, last])!, port: 5000)
}

private let versions = ProtocolVersions(bytes: [1, 5, 2, 2, 5, 5])

/// Packets as unmodified agents sent them.
private let examples: [(packet: String, messages: [MemberlistMessage])] = [
  (
    "0085a44e6f6465a26e31a55365714e6f01aa536f7572636541646472a47f00000baa536f757263654e6f6465a26e30aa536f75726365506f7274cd1388",
    [.ping(.init(sequence: 1, node: "n1", prober: .init(address: address(11), name: "n0")))]
  ),
  (
    "0486a441646472a47f00000cab496e6361726e6174696f6e01a44d657461a2ff80a44e6f6465a26e31a4506f7274cd1388a356736ea6010502020505",
    [.alive(.init(incarnation: 1, node: "n1", address: address(12), meta: [0xFF, 0x80], versions: versions))]
  ),
  (
    "0383a446726f6da26e31ab496e6361726e6174696f6e01a44e6f6465a26e32",
    [.suspect(.init(incarnation: 1, node: "n2", from: "n1"))]
  ),
  (
    "0583a446726f6da26e31ab496e6361726e6174696f6e01a44e6f6465a26e32",
    [.dead(.init(incarnation: 1, node: "n2", from: "n1"))]
  ),
  ("0b81a55365714e6f4c", [.nack(sequence: 0x4C)]),
  (
    "0188a44e61636bc3a44e6f6465a26e32a4506f7274cd1388a55365714e6f4caa536f7572636541646472a47f00000caa536f757263654e6f6465a26e31aa536f75726365506f7274cd1388a6546172676574a47f00000d",
    [
      .indirectPing(
        .init(
          sequence: 0x4C, target: address(13), node: "n2", wantsNack: true,
          prober: .init(address: address(12), name: "n1")))
    ]
  ),
  (
    "0702" + "0009001f" + "0b81a55365714e6f4c" + "0383a446726f6da26e31ab496e6361726e6174696f6e01a44e6f6465a26e32",
    [.nack(sequence: 0x4C), .suspect(.init(incarnation: 1, node: "n2", from: "n1"))]
  ),
]

struct MemberlistMessageTests {
  @Test func readsAndWritesWhatAgentsSend() throws {
    for (packet, messages) in examples {
      let decoded = try MemberlistPacket.decode(bytes(packet)[...])
      #expect(decoded.messages == messages)
      #expect(decoded.faults.isEmpty)
      #expect(repacked(messages) == bytes(packet))
    }
  }

  @Test func readsAndWritesAChecksum() throws {
    let packet = bytes("0c060651d2080182a54c54696d6502a44e6f6465a26e32")
    let decoded = try MemberlistPacket.decode(packet[...])
    #expect(decoded.messages == [.user(SerfMessage.join(.init(time: 2, node: "n2")).encoded)])
    #expect(repacked(decoded.messages, hasChecksum: true) == packet)
    var wrong = packet
    wrong[10] ^= 1
    #expect(throws: GossipError.checksum) { try MemberlistPacket.decode(wrong[...]) }
    #expect(throws: GossipError.checksum) { try MemberlistPacket.decode(packet.prefix(5)) }
  }

  @Test func writesTheErrorOfAStream() throws {
    var decoder = GossipStreamDecoder()
    let encoded = MemberlistMessage.error("no").encoded
    var rest = encoded[...]
    #expect(encoded == bytes("0d81a5") + "Error".utf8 + [0xA2] + "no".utf8)
    #expect(try decoder.next(from: &rest) == .message(.error("no")))
    #expect(decoder.isAtEnd)
  }

  @Test func leavesOutWhatIsEmpty() throws {
    let ping = MemberlistMessage.ping(.init(sequence: 1, node: "n"))
    #expect(ping.encoded == [0, 0x82, 0xA4] + "Node".utf8 + [0xA1, 0x6E, 0xA5] + "SeqNo".utf8 + [1])
    let ack = MemberlistMessage.ack(sequence: 200, payload: [])
    #expect(ack.encoded == [2, 0x82, 0xA7] + "Payload".utf8 + [0xC0, 0xA5] + "SeqNo".utf8 + [0xCC, 200])
    for message in [ping, ack] { #expect(try MemberlistPacket.decode(message.encoded[...]).messages == [message]) }
  }

  @Test func takesFieldsInAnyOrderAndUnknownOnes() throws {
    let packet =
      [0x03, 0x84, 0xA4] + Array("Node".utf8) + [0xD9, 2] + Array("n2".utf8) + [0xA3] + Array("New".utf8)
      + bytes("82a161c0a1629101") + [0xAB] + Array("Incarnation".utf8) + bytes("d30000000000000007")
      + [0xA4] + Array("From".utf8) + [0xC4, 1, 0x78]
    #expect(
      try MemberlistPacket.decode(packet[...]).messages == [.suspect(.init(incarnation: 7, node: "n2", from: "x"))])
  }

  @Test func knowsADepartureFromADeath() {
    #expect(MemberlistMessage.Accusation(incarnation: 1, node: "a", from: "a").isDeparture)
    #expect(!MemberlistMessage.Accusation(incarnation: 1, node: "a", from: "b").isDeparture)
  }

  @Test func readsIPv6AndMappedAddresses() throws {
    func alive(_ address: [UInt8]) -> [UInt8] {
      [0x04, 0x82, 0xA4] + Array("Addr".utf8) + [0xC4, UInt8(address.count)] + address + [0xA4] + Array("Node".utf8)
        + [0xA1, 0x6E]
    }
    func decoded(_ address: [UInt8]) throws -> IPAddress? {
      guard case .alive(let alive) = try MemberlistPacket.decode(alive(address)[...]).messages.first else { return nil }
      return alive.address.address
    }
    #expect(try decoded(bytes("00000000000000000000ffffc0000201")) == .v4(0xC000_0201))
    #expect(
      try decoded(bytes("20010db8000000000000000000000001")) == .v6(high: 0x2001_0DB8_0000_0000, low: 1))
    #expect(throws: GossipError.malformed(MessagePackError(.unexpectedValue, offset: 18))) { try decoded([1, 2, 3]) }
  }

  @Test func refusesWhatNoMemberCouldMean() {
    func error(_ packet: [UInt8]) -> GossipError? {
      do throws(GossipError) {
        _ = try MemberlistPacket.decode(packet[...])
        return nil
      } catch {
        return error
      }
    }
    #expect(error([]) == .empty)
    #expect(error([6, 0x80]) == .unexpectedMessage(type: 6))
    #expect(error([10, 0, 0, 0, 0]) == .unexpectedMessage(type: 10))
    #expect(error([13, 0x80]) == .unexpectedMessage(type: 13))
    #expect(error([99]) == .unexpectedMessage(type: 99))
    #expect(error([0xF4, 1, 0x61, 0, 0x80]) == .labelled)
    #expect(error([3, 0x80]) == .malformed(MessagePackError(.unexpectedValue, offset: 1)))
    #expect(error([3, 0x90]) == .malformed(MessagePackError(.unexpectedType, offset: 0)))
    let longName = MemberlistMessage.ping(.init(sequence: 1, node: NodeName([UInt8](repeating: 0x61, count: 513))))
    #expect(error(longName.encoded) == .malformed(MessagePackError(.tooLong, offset: 6)))
  }

  @Test func judgesVersions() {
    #expect(ProtocolVersions.ours.bytes == [1, 2, 2, 2, 5, 4])
    #expect(ProtocolVersions.ours.isValid)
    #expect(ProtocolVersions(bytes: [1, 5, 2, 2, 5]) == nil)
    #expect(ProtocolVersions(bytes: [0, 5, 2, 2, 5, 5])?.isValid == false)
    #expect(ProtocolVersions(bytes: [3, 2, 2, 2, 5, 5])?.isValid == false)
  }

  /// Agents judge all members of a push/pull together: what each speaks has to be understood by every one.
  @Test(
    arguments: [
      [1, 5, 2, 2, 5, 5],  // an agent that is not told otherwise
      [1, 5, 2, 2, 5, 4],  // one with `-protocol 4`
      [1, 2, 2, 2, 4, 4],  // one of 2015
    ] as [[UInt8]])
  func isUnderstoodByAgents(bytes: [UInt8]) throws {
    let both = [ProtocolVersions.ours, try #require(ProtocolVersions(bytes: bytes))]
    for ranges in [both.map(\.memberlist), both.map(\.serf)] {
      let least = try #require(ranges.map(\.minimum).max())
      let most = try #require(ranges.map(\.maximum).min())
      for range in ranges { #expect(least...most ~= range.current) }
    }
  }
}

/// The packet that these messages make.
func repacked(_ messages: [MemberlistMessage], hasChecksum: Bool = false) -> [UInt8]? {
  var builder = PacketBuilder(budgetBytes: 65_000, hasChecksum: hasChecksum)
  for message in messages where !builder.add(message.encoded) { return nil }
  return builder.finish()
}
