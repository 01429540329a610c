import Foundation
import LinuxSystem
import TestSupport
import Testing

@testable import Store

/// The agent's side, with a writer that does as the test says.
@Suite struct OutboxTests {
  @Test func aWriterThatStandsStillIsNotWaitedFor() throws {
    let (writer, store) = try FakeWriter.start()
    var interests: [Bool] = []
    store.onWritableInterest = { interests.append($0) }
    var acknowledged: [UInt64] = []
    for number in 1...1000 as ClosedRange<UInt64> { store.insert(number) { _ in acknowledged.append(number) } }
    #expect(interests == [true], "the socket is full")
    var received: [UInt64] = []
    for _ in 0..<1000 where received.count < 1000 {
      for transaction in try writer.received() {
        received.append(transaction.number)
        try writer.reply(transaction.number)
      }
      store.handleCompletion()
    }
    #expect(received == Array(1...1000) && acknowledged == received)
    #expect(interests == [true, false])
  }

  @Test func repliesFindTheirWrites() throws {
    let (writer, store) = try FakeWriter.start()
    var outcomes: [String] = []
    for number in 1...3 as ClosedRange<UInt64> {
      store.insert(number) { outcomes.append("\(number) \($0?.description ?? "")") }
    }
    try writer.reply(3)
    try writer.reply(7)  // nobody's
    try writer.reply(1, StoreError(.full, "no room"))
    store.handleCompletion()
    #expect(outcomes == ["3 ", "1 no room"])
    try writer.reply(2)
    store.handleCompletion()
    #expect(outcomes.last == "2 " && outcomes.count == 3)
  }

  @Test func whatIsTooLargeIsRefusedAndNotSent() throws {
    let (writer, store) = try FakeWriter.start()
    var outcomes: [StoreError?] = []
    var interests: [Bool] = []
    store.onWritableInterest = { interests.append($0) }
    store.insert(1, bytes: Transaction.maximumBytes) { outcomes.append($0) }
    store.write(Transaction("SELECT 1", Array(repeating: .null, count: Transaction.maximumValues + 1))) {
      outcomes.append($0)
    }
    #expect(outcomes.isEmpty && interests == [true], "it is told when the loop comes by")
    store.handleCompletion()
    #expect(outcomes.map { $0?.kind } == [.refused, .refused] && interests == [true, false])
    #expect(try writer.received().isEmpty)
  }

  @Test func whatFitsIsSent() throws {
    let (writer, store) = try FakeWriter.start()
    var body = Transaction.maximumBytes
    while row(1, bytes: body).problem != nil { body -= 1 }
    store.insert(1, bytes: body)
    #expect(try writer.received().count == 1)
  }

  @Test func aWriterThatStopsFailsEverything() throws {
    let (writer, store) = try FakeWriter.start()
    var failures: [StoreError?] = []
    for number in 1...100 as ClosedRange<UInt64> { store.insert(number) { failures.append($0) } }
    try writer.reply(1)
    try writer.reply(0, StoreError(.stopped, "sync: disk I/O error"))
    try writer.reply(2)  // too late
    store.insert(101) { failures.append($0) }
    #expect(failures.isEmpty)
    store.handleCompletion()
    store.insert(102) { failures.append($0) }
    store.close()
    #expect(failures.count == 102 && failures.filter { $0 == nil }.count == 1)
    #expect(failures.dropFirst().allSatisfy { $0?.kind == .stopped })
    #expect(store.failure?.description.contains("sync: disk I/O error") == true)
  }

  @Test(arguments: [true, false]) func aWriterThatIsGoneFailsEverything(hasRead: Bool) throws {
    var failures: [StoreError?] = []
    let store: Store
    do {
      let (writer, made) = try FakeWriter.start()
      store = made
      for number in 1...1000 as ClosedRange<UInt64> { store.insert(number) { failures.append($0) } }
      if hasRead { _ = try writer.received() }
    }
    store.handleCompletion()
    #expect(failures.count == 1000 && failures.allSatisfy { $0?.kind == .stopped })
    #expect(store.failure != nil && !store.wantsWritable)
    store.close()
  }

  @Test func aWriterThatCannotOpenIsAnError() throws {
    let (ours, theirs) = try MessageSocket.pair()
    let writer = FakeWriter(MessageSocket(FileDescriptor(owning: theirs)))
    try writer.reply(0, StoreError(.inUse, "it is"))
    #expect(throws: StoreError(.inUse, "it is")) {
      _ = try Store("/store", MessageSocket(FileDescriptor(owning: ours)), process: 0)
    }
  }
}
