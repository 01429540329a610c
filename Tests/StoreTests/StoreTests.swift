import Foundation
import LinuxSystem
import TestSupport
import Testing

@testable import Store

@Suite struct StoreTests {
  let directory = TemporaryDirectory()

  @Test func valuesComeBackAsTheyWere() throws {
    let schema = Schema(migrations: ["CREATE TABLE v (n, u, t, b, e, z)"])
    let store = try Store.open(directory.store, schema: schema).store
    var done = false
    store.write { (database: Database) throws(StoreError) in
      let none: String? = nil
      try database.prepare("INSERT INTO v VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
        .bind(1, Int64.min).bind(2, UInt64.max).bind(3, "año\0x").bind(4, [0, 255] as [UInt8]).bind(5, "").bind(6, none)
        .run()
      #expect(database.changedRows == 1 && database.lastInsertedRow == 1)
    } completion: { failure in
      #expect(failure == nil)
      done = true
    }
    #expect(!done)
    store.run(until: { done })
    store.close()
    let again = try Store.open(directory.store, schema: schema).store
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
    let store = try Store.open(directory.store, schema: rows).store
    var done = false
    store.insert(1) { _ in done = true }
    store.run(until: { done })
    #expect(directory.names == ["store", "store-wal"])
    for name in directory.names {
      let mode = try FileManager.default.attributesOfItem(atPath: directory.file(name))[.posixPermissions] as? Int
      #expect(mode == 0o600)
    }
  }

  @Test func writesThatWaitShareASync() throws {
    let store = try Store.open(directory.store, schema: rows).store
    var steps: [DurabilitySequencer.Step] = []
    var acknowledged: [UInt64] = []
    store.onStep = { steps.append($0) }
    for number in 1...20 as ClosedRange<UInt64> {
      store.insert(number, bytes: 10) { failure in if failure == nil { acknowledged.append(number) } }
    }
    #expect(acknowledged.isEmpty)
    store.run(until: { acknowledged.count == 20 })
    #expect(acknowledged == Array(1...20))
    #expect(steps == [.syncLog, .syncLog])  // the first alone, the other nineteen together
  }

  @Test func aWriteWithinABodyOrACompletionIsAWriteOfItsOwn() throws {
    let store = try Store.open(directory.store, schema: rows).store
    var order: [Int] = []
    store.write { (database: Database) throws(StoreError) in
      store.insert(1) { _ in
        order.append(2)
        store.insert(2) { _ in order.append(3) }
      }
    } completion: { _ in
      order.append(1)
    }
    store.run(until: { order.count == 3 })
    #expect(order == [1, 2, 3])
    #expect(try store.numbers() == [1, 2])
  }

  @Test func aFailedWriteLeavesNothingAndHarmsNobody() throws {
    let store = try Store.open(directory.store, schema: rows).store
    var outcomes: [String] = []
    store.insert(1) { outcomes.append("\($0 == nil)") }
    store.write { (database: Database) throws(StoreError) in
      try database.execute("INSERT INTO rows VALUES (2, NULL)")
      try database.execute("INSERT INTO rows VALUES (1, NULL)")  // there already
    } completion: { failure in
      outcomes.append("\(failure?.kind == .refused)")
      #expect(failure?.description == "use store \(directory.store): UNIQUE constraint failed: rows.id")
    }
    store.write { (database: Database) throws(StoreError) in
      throw StoreError(.refused, "changed its mind")
    } completion: { failure in
      outcomes.append(failure?.description ?? "")
    }
    store.insert(3) { outcomes.append("\($0 == nil)") }
    store.run(until: { outcomes.count == 4 })
    #expect(outcomes.sorted() == ["changed its mind", "true", "true", "true"])
    #expect(try store.numbers() == [1, 3])
  }

  @Test func aLongLogIsCopiedAndEmptied() throws {
    let store = try Store.open(directory.store, schema: rows, checkpointPages: 8).store
    var steps: [DurabilitySequencer.Step] = []
    store.onStep = { steps.append($0) }
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
    #expect(steps.filter { $0 == .syncEmptiedLog }.count >= 3)
    for (index, step) in steps.enumerated() where step == .copyLog {
      #expect(Array(steps[index...].prefix(4)) == [.copyLog, .syncDatabase, .emptyLog, .syncEmptiedLog])
    }
    let logBytes = try FileManager.default.attributesOfItem(atPath: directory.file("store-wal"))[.size] as? Int
    #expect(logBytes! < 16 * 4120, "the log is bounded")
    #expect(try Store.open(directory.store, schema: rows).store.numbers() == Array(1...40))
  }

  @Test func aReadLeftInTheMiddleDoesNotHoldTheLog() throws {
    let store = try Store.open(directory.store, schema: rows, checkpointPages: 2).store
    var count = 0
    for number in 1...3 as ClosedRange<UInt64> { store.insert(number) { _ in count += 1 } }
    store.run(until: { count == 3 })
    let open = try store.read { (database: Database) throws(StoreError) in
      let statement = try database.prepare("SELECT id FROM rows")
      #expect(try! statement.step())
      return statement
    }
    var steps: [DurabilitySequencer.Step] = []
    store.onStep = { steps.append($0) }
    store.insert(4) { _ in count += 1 }
    store.run(until: { count == 4 && steps.last == .syncEmptiedLog })
    #expect(store.failure == nil)
    _ = open
  }

  @Test func aFailedSyncStopsTheStore() throws {
    let store = try Store.open(directory.store, schema: rows).store
    var failures: [StoreError?] = []
    store.insert(1) { failures.append($0) }  // being synced
    store.insert(2) { failures.append($0) }  // waiting for that
    store.syncEnded(.inputOutput)
    store.insert(3) { failures.append($0) }  // too late
    #expect(failures.isEmpty)
    store.run(until: { failures.count == 3 })
    #expect(failures.allSatisfy { $0?.kind == .stopped })
    #expect(store.failure?.description.contains("sync: Input/output error") == true)
    for _ in 0..<3 { store.handleCompletion() }
    #expect(failures.count == 3)
    store.close()
    #expect(try Store.open(directory.store, schema: rows).setAside == nil)
  }

  @Test func closingPerformsWhatWaits() throws {
    let store = try Store.open(directory.store, schema: rows).store
    var count = 0
    for number in 1...5 as ClosedRange<UInt64> { store.insert(number) { if $0 == nil { count += 1 } } }
    store.close()
    #expect(count == 5)
    var late: StoreError?
    store.insert(6) { late = $0 }
    store.handleCompletion()
    #expect(late?.kind == .stopped)
    #expect(try Store.open(directory.store, schema: rows).store.numbers() == [1, 2, 3, 4, 5])
  }
}
