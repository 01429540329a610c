import Foundation
import LinuxSystem
import TestSupport
import Testing

@testable import Store

@Suite struct OpeningTests {
  let directory = TemporaryDirectory()

  /// Makes a store with ten rows and closes it.
  private func makeStore() throws {
    let store = try openStore(directory.store)
    for number in 1...10 as ClosedRange<UInt64> { store.insert(number) }
    store.close()
    _ = try Store.open(directory.store, schema: rows)  // copies the log into the file
  }

  @Test func migratesStepByStep() throws {
    try makeStore()
    let second = Schema(
      migrations: rows.migrations + ["ALTER TABLE rows ADD COLUMN note TEXT", "CREATE TABLE more (x)"])
    func numbers() throws -> [UInt64] {
      let opened = try Store.open(directory.store, schema: second)
      #expect(try opened.read { (d: Database) throws(StoreError) in try d.number("PRAGMA user_version") } == 3)
      #expect(try opened.read { (d: Database) throws(StoreError) in try d.number("SELECT count(*) FROM more") } == 0)
      return try opened.numbers()
    }
    #expect(try numbers() == Array(1...10))
    let error = #expect(throws: StoreError.self) { _ = try Store.open(directory.store, schema: rows) }
    #expect(error?.kind == .newerSchema)
    #expect(
      error?.description == "open store \(directory.store): it has schema version 3, this agent knows up to 1; "
        + "install the agent that wrote it, or move the file away to start afresh")
    #expect(try numbers() == Array(1...10), "a refused store is not touched")
  }

  @Test func aMigrationThatFailsLeavesTheVersionBefore() throws {
    try makeStore()
    let bad = Schema(migrations: rows.migrations + ["CREATE TABLE a (x); INSERT INTO nowhere VALUES (1)"])
    let error = #expect(throws: StoreError.self) { _ = try Store.open(directory.store, schema: bad) }
    #expect(error?.kind == .refused)
    let opened = try Store.open(directory.store, schema: rows)
    #expect(throws: StoreError.self) {
      try opened.read { (d: Database) throws(StoreError) in try d.number("SELECT count(*) FROM a") }
    }
  }

  @Test func aSecondOpenerIsRefused() throws {
    let store = try openStore(directory.store)
    for _ in 1...2 {
      let error = #expect(throws: StoreError.self) {
        _ = try Store.open(directory.store, schema: rows, patienceMilliseconds: 50)
      }
      #expect(error?.kind == .inUse)
      #expect(error?.description.hasSuffix("the store is in use by another agent; stop it first") == true)
    }
    var isDone = false
    store.insert(1) { isDone = $0 == nil }
    store.run(until: { isDone })
    #expect(directory.names == ["store", "store-wal"])
    store.close()
    #expect(try Store.open(directory.store, schema: rows).numbers() == [1])
  }

  @Test func aSecondOpenerWithinTheProcessIsRefused() throws {
    let first = try Store.open(directory.store, schema: rows)
    #expect(throws: StoreError.self) { _ = try Store.open(directory.store, schema: rows, patienceMilliseconds: 0) }
    #expect(try first.numbers() == [])
  }

  @Test func aWriterThatFinishesItsWorkIsWaitedFor() throws {
    let (store, writer) = try Store.open(directory.store, schema: rows).startProgram()
    kill(writer.processIdentifier, SIGSTOP)
    for number in 1...10 as ClosedRange<UInt64> { store.insert(number) }
    #expect(throws: StoreError.self) { _ = try Store.open(directory.store, schema: rows, patienceMilliseconds: 50) }
    // As if its agent were killed: the end is behind what was sent.
    shutdown(store.descriptor, Int32(SHUT_WR))
    kill(writer.processIdentifier, SIGCONT)
    #expect(try Store.open(directory.store, schema: rows).numbers() == Array(1...10))
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
    #expect(try opened.numbers().isEmpty)
    let store = try opened.startProgram().store
    var done = false
    store.insert(1) { done = $0 == nil }
    store.run(until: { done })
  }

  @Test func earlierDamageIsNeverReplaced() throws {
    for number in 1...3 {
      try Data("no database \(number), but long enough to be read as one".utf8)
        .write(to: URL(fileURLWithPath: directory.store))
      let opened = try Store.open(directory.store, schema: rows)
      #expect(opened.setAside == directory.store + ".damaged-\(number)")
      _ = try opened.finish()
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
          #expect(try opened.numbers() == Array(1...10), "byte \(index)")
        } else {
          #expect(try opened.numbers().isEmpty)
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
