import Foundation
import LinuxSystem
import TestSupport
import Testing

@testable import Store

@Suite struct OpeningTests {
  let directory = TemporaryDirectory()

  /// Makes a store with ten rows and closes it.
  private func makeStore() throws {
    let store = try Store.open(directory.store, schema: rows).store
    for number in 1...10 as ClosedRange<UInt64> { store.insert(number) }
    store.close()
    _ = try Store.open(directory.store, schema: rows)  // copies the log into the file
  }

  @Test func migratesStepByStep() throws {
    try makeStore()
    let second = Schema(
      migrations: rows.migrations + ["ALTER TABLE rows ADD COLUMN note TEXT", "CREATE TABLE more (x)"])
    var store: Store? = try Store.open(directory.store, schema: second).store
    #expect(try store!.numbers() == Array(1...10))
    #expect(try store!.read { (d: Database) throws(StoreError) in try d.number("PRAGMA user_version") } == 3)
    #expect(try store!.read { (d: Database) throws(StoreError) in try d.number("SELECT count(*) FROM more") } == 0)
    store = nil
    let error = #expect(throws: StoreError.self) { _ = try Store.open(directory.store, schema: rows) }
    #expect(error?.kind == .newerSchema)
    #expect(
      error?.description == "open store \(directory.store): it has schema version 3, this agent knows up to 1; "
        + "install the agent that wrote it, or move the file away to start afresh")
    store = try Store.open(directory.store, schema: second).store
    #expect(try store!.numbers() == Array(1...10), "a refused store is not touched")
  }

  @Test func aMigrationThatFailsLeavesTheVersionBefore() throws {
    try makeStore()
    let bad = Schema(migrations: rows.migrations + ["CREATE TABLE a (x); INSERT INTO nowhere VALUES (1)"])
    let error = #expect(throws: StoreError.self) { _ = try Store.open(directory.store, schema: bad) }
    #expect(error?.kind == .refused)
    let store = try Store.open(directory.store, schema: rows).store
    #expect(throws: StoreError.self) {
      try store.read { (d: Database) throws(StoreError) in try d.number("SELECT count(*) FROM a") }
    }
  }

  @Test func aSecondOpenerIsRefusedAtOnce() throws {
    let store = try Store.open(directory.store, schema: rows).store
    var count = 0
    store.insert(1) { _ in count += 1 }
    store.run(until: { count == 1 })
    let error = #expect(throws: StoreError.self) { _ = try Store.open(directory.store, schema: rows) }
    #expect(error?.kind == .inUse)
    // Also after the refusal above, which must not have let go of this process's locks.
    let outcome = try runProgram([driverPath, directory.store, "0"])
    #expect(outcome.status == 1)
    #expect(outcome.lines.count == 1)
    #expect(outcome.lines.first?.hasSuffix("the store is in use by another agent; stop it first") == true)
    #expect(directory.names == ["store", "store-wal"])
    store.close()
    #expect(try runProgram([driverPath, directory.store, "0"]).status == 0)
  }

  enum Damage: CaseIterable { case garbage, header, pages, truncated, short, formatVersion }

  @Test(arguments: Damage.allCases) func damageIsSetAsideAndTold(damage: Damage) throws {
    try makeStore()
    var bytes = try Data(contentsOf: URL(fileURLWithPath: directory.store))
    #expect(bytes.count > 3 * 4096)
    switch damage {
    case .garbage: bytes = Data((0..<20_000).map { UInt8(truncatingIfNeeded: $0 &* 7919 >> 3) })
    case .header: bytes[3] ^= 0x10
    case .pages: for index in stride(from: 4096, to: bytes.count, by: 4096) { bytes[index] ^= 0xFF }
    case .truncated: bytes = bytes.prefix(2 * 4096)
    case .short: bytes = bytes.prefix(100)
    case .formatVersion: bytes[18] = 9
    }
    try bytes.write(to: URL(fileURLWithPath: directory.store))
    let opened = try Store.open(directory.store, schema: rows)
    #expect(opened.setAside == directory.store + ".damaged-1")
    #expect(try Data(contentsOf: URL(fileURLWithPath: directory.store + ".damaged-1")) == bytes)
    #expect(try opened.store.numbers().isEmpty)
    var done = false
    opened.store.insert(1) { done = $0 == nil }
    opened.store.run(until: { done })
  }

  @Test func earlierDamageIsNeverReplaced() throws {
    for number in 1...3 {
      try Data("no database \(number), but long enough to be read as one".utf8)
        .write(to: URL(fileURLWithPath: directory.store))
      let opened = try Store.open(directory.store, schema: rows)
      #expect(opened.setAside == directory.store + ".damaged-\(number)")
      opened.store.close()
    }
    let first = try String(contentsOfFile: directory.store + ".damaged-1", encoding: .utf8)
    #expect(first.hasPrefix("no database 1"))
  }

  /// Whatever byte of the header flips, the answer is one of three, and the data are never lost in silence.
  @Test func anyFlippedHeaderByteIsHarmlessOrToldOrRefused() throws {
    try makeStore()
    let good = try Data(contentsOf: URL(fileURLWithPath: directory.store))
    for index in 0..<100 where index != 60 && index != 61 && index != 62 && index != 63 {  // the version: see below
      let place = TemporaryDirectory()
      var bytes = good
      bytes[index] ^= 0x81
      try bytes.write(to: URL(fileURLWithPath: place.store))
      do {
        let opened = try Store.open(place.store, schema: rows)
        if opened.setAside == nil {
          #expect(try opened.store.numbers() == Array(1...10), "byte \(index)")
        } else {
          #expect(try opened.store.numbers().isEmpty)
        }
      } catch let error as StoreError {
        #expect(error.description.hasPrefix("open store \(place.store)"), "byte \(index)")
        #expect(Files.exists(place.store))
      }
    }
  }

  @Test func aFlippedVersionIsRefused() throws {
    try makeStore()
    var bytes = try Data(contentsOf: URL(fileURLWithPath: directory.store))
    bytes[63] = 0  // version 0: the first migration is tried again
    try bytes.write(to: URL(fileURLWithPath: directory.store))
    #expect(throws: StoreError.self) { _ = try Store.open(directory.store, schema: rows) }
    #expect(directory.names.contains("store"))
  }

  @Test func aDirectoryThatIsNotThereIsAnError() {
    let path = directory.file("no/store")
    let error = #expect(throws: StoreError.self) { _ = try Store.open(path, schema: rows) }
    #expect(error?.description == "open store \(path): unable to open database file: No such file or directory")
  }
}
