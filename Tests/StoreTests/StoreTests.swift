import Foundation
import LinuxSystem
import TestSupport
import Testing

@testable import Store

@Suite struct StoreTests {
  let directory = TemporaryDirectory()

  @Test func valuesComeBackAsTheyWere() throws {
    let schema = Schema(migrations: ["CREATE TABLE v (n, u, t, b, e, z)"])
    let store = try Store.open(directory.store, schema: schema).startProgram().store
    var done = false
    let none: String? = nil
    store.write(
      Transaction(
        "INSERT INTO v VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        [
          SQLValue(Int64.min), SQLValue(UInt64.max), SQLValue("año\0x"), SQLValue([0, 255] as [UInt8]), SQLValue(""),
          SQLValue(none),
        ])
    ) { failure in
      #expect(failure == nil)
      done = true
    }
    #expect(!done)
    store.run(until: { done })
    store.close()
    let again = try Store.open(directory.store, schema: schema)
    try again.read { (database: Database) throws(StoreError) in
      let row = try database.prepare("SELECT * FROM v")
      #expect(try! row.step())
      #expect(row.signed(0) == Int64.min && row.unsigned(1) == UInt64.max)
      #expect(row.text(2) == "año\0x" && row.bytes(3) == [0, 255])
      #expect(row.text(4) == "" && !row.isNull(4) && row.isNull(5))
      #expect(try! !row.step())
    }
  }

  @Test func theFilesAreTheOwnersAloneAndNoneIsShared() throws {
    let store = try openStore(directory.store)
    var done = false
    store.insert(1) { _ in done = true }
    store.run(until: { done })
    #expect(directory.names == ["store", "store-wal"])
    for name in directory.names {
      let mode = try FileManager.default.attributesOfItem(atPath: directory.file(name))[.posixPermissions] as? Int
      #expect(mode == 0o600)
    }
  }

  @Test func aWriteWithinACompletionIsAWriteOfItsOwn() throws {
    let store = try openStore(directory.store)
    var order: [Int] = []
    store.insert(1) { _ in
      order.append(1)
      store.insert(2) { _ in order.append(2) }
    }
    store.run(until: { order.count == 2 })
    store.close()
    #expect(order == [1, 2])
    #expect(try Store.open(directory.store, schema: rows).numbers() == [1, 2])
  }

  @Test func aFailedWriteLeavesNothingAndHarmsNobody() throws {
    let store = try openStore(directory.store)
    var outcomes: [String] = []
    store.insert(1) { outcomes.append("\($0 == nil)") }
    var twice = Transaction("INSERT INTO rows VALUES (2, NULL)")
    twice.run("INSERT INTO rows VALUES (1, NULL)")  // there already
    store.write(twice) { failure in
      #expect(failure?.kind == .refused)
      outcomes.append(failure?.description ?? "")
    }
    store.write(Transaction("INSERT INTO nowhere VALUES (1)")) { outcomes.append($0?.description ?? "") }
    store.write(Transaction("DELETE FROM rows WHERE id = ?1", [.integer(1), .integer(2)])) {
      outcomes.append($0?.description ?? "")
    }
    store.insert(3) { outcomes.append("\($0 == nil)") }
    store.run(until: { outcomes.count == 5 })
    store.close()
    #expect(
      outcomes == [
        "true", "use store \(directory.store): UNIQUE constraint failed: rows.id",
        "use store \(directory.store): no such table: nowhere",
        "use store \(directory.store): column index out of range", "true",
      ])
    #expect(try Store.open(directory.store, schema: rows).numbers() == [1, 3])
  }

  /// A value that an earlier run of the same statement was given is not its any more.
  @Test func aValueThatIsNotGivenIsNull() throws {
    let store = try openStore(directory.store)
    var count = 0
    let insert = "INSERT INTO rows VALUES (?1, ?2)"
    store.write(Transaction(insert, [.integer(1), .text("one")])) { _ in count += 1 }
    store.write(Transaction(insert, [.integer(2)])) { _ in count += 1 }
    store.run(until: { count == 2 })
    store.close()
    let isNull = try Store.open(directory.store, schema: rows).read { (database: Database) throws(StoreError) in
      try database.number("SELECT body IS NULL FROM rows WHERE id = 2")
    }
    #expect(isNull == 1)
  }

  @Test func aLongLogIsCopiedAndWrittenAnew() throws {
    let store = try openStore(directory.store, checkpointPages: 8)
    var count = 0
    func next(_ number: UInt64) {
      store.insert(number) { _ in
        count += 1
        if number < 40 { next(number + 1) }
      }
    }
    next(1)
    store.run(until: { count == 40 })
    store.close()
    let logBytes = try FileManager.default.attributesOfItem(atPath: directory.file("store-wal"))[.size] as? Int
    #expect(logBytes! > 0 && logBytes! < 16 * 4120, "the log is bounded")
    #expect(try Store.open(directory.store, schema: rows).numbers() == Array(1...40))
  }

  @Test func moreStatementsThanAreKept() throws {
    let store = try openStore(directory.store)
    var count = 0
    for number in 1...100 {
      store.write(Transaction("INSERT INTO rows VALUES (\(number), NULL)")) { if $0 == nil { count += 1 } }
    }
    store.close()
    #expect(count == 100)
  }

  @Test func closingPerformsWhatWaits() throws {
    let store = try openStore(directory.store)
    var count = 0
    for number in 1...500 as ClosedRange<UInt64> { store.insert(number) { if $0 == nil { count += 1 } } }
    store.close()
    #expect(count == 500)
    var late: StoreError?
    store.insert(501) { late = $0 }
    #expect(late == nil)
    store.handleCompletion()
    #expect(late?.kind == .stopped)
    #expect(try Store.open(directory.store, schema: rows).numbers() == Array(1...500))
  }
}
