import TestSupport
import Testing

@testable import Store

@Suite struct TransactionTests {
  private var sample: Transaction {
    var transaction = Transaction(
      "INSERT INTO año VALUES (?1, ?2, ?3, ?4)",
      [
        .null, .integer(-2), .text("ü\0"), .blob([0, 1, 255]),
      ])
    transaction.run("DELETE FROM x")
    transaction.run("", [.text(""), .blob([])])
    return transaction
  }

  private func steps(_ message: [UInt8]) throws -> [TransactionReader.Step] {
    var reader = try #require(TransactionReader(message))
    var found: [TransactionReader.Step] = []
    while let step = try reader.next() { found.append(step) }
    return found
  }

  @Test func isReadAsItWasMade() throws {
    let message = sample.message(number: 0x0102_0304_0506_0708, isUrgent: true)
    let reader = try #require(TransactionReader(message))
    #expect(reader.number == 0x0102_0304_0506_0708 && reader.isUrgent)
    #expect(
      try steps(message) == [
        .init(
          sql: "INSERT INTO año VALUES (?1, ?2, ?3, ?4)",
          values: [
            .null, .integer(-2), .text("ü\0"), .blob([0, 1, 255]),
          ]),
        .init(sql: "DELETE FROM x", values: []),
        .init(sql: "", values: [.text(""), .blob([])]),
      ])
    #expect(try #require(TransactionReader(sample.message(number: 1, isUrgent: false))).isUrgent == false)
  }

  /// Cut short anywhere but behind a statement, it makes no sense; and nothing is read beyond its end.
  @Test func everyBeginningIsRefusedOrWhole() throws {
    let message = sample.message(number: 1, isUrgent: true)
    var whole = 0
    for count in 0..<message.count {
      guard var reader = TransactionReader(Array(message[..<count])) else {
        #expect(count < Transaction.headerBytes)
        continue
      }
      do {
        while try reader.next() != nil {}
        whole += 1
      } catch {
        #expect(error.kind == .refused)
      }
    }
    #expect(whole == 3, "no statement, one, and two")
  }

  @Test func whateverTheBytesAreTheyAreReadOrRefused() {
    var random = SeededGenerator(seed: 20_261_126)
    let message = sample.message(number: 1, isUrgent: true)
    var refused = 0
    for _ in 0..<20_000 {
      var bytes = message
      for _ in 0...Int.random(in: 0..<4, using: &random) {
        let index = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 2: bytes.remove(at: index)
        default: bytes.insert(255, at: index)
        }
      }
      guard var reader = TransactionReader(bytes) else { continue }
      do {
        while let step = try reader.next() { #expect(step.values.count <= Transaction.maximumValues) }
      } catch {
        refused += 1
      }
    }
    #expect(refused > 1000)
  }

  @Test func aMessageThatIsTooLongIsRefused() {
    #expect(TransactionReader([UInt8](repeating: 0, count: Transaction.maximumBytes + 1)) == nil)
  }

  @Test func repliesAreReadAsTheyWereMade() {
    let replies = [
      WriterReply(0, nil), WriterReply(.max, StoreError(.full, "no room")), WriterReply(2, StoreError(.refused, "")),
    ]
    for reply in replies { #expect(WriterReply(reply.bytes) == reply) }
    let long = WriterReply(1, StoreError(.system, String(repeating: "x", count: 5000)))
    #expect(long.bytes.count == WriterReply.maximumBytes)
    #expect(WriterReply(long.bytes)?.failure?.kind == .system)
    #expect(WriterReply([]) == nil && WriterReply([1, 2, 3]) == nil)
    #expect(WriterReply([0, 0, 0, 0, 0, 0, 0, 0, 99]) == nil, "no such kind")
  }
}
