import Foundation
import LinuxSystem
import TestSupport
import Testing

@testable import Store

/// Keeps, beside a running store, what a disk would surely hold: each file as it was when its last sync began.
private final class Disk {
  struct Image {
    let step: DurabilitySequencer.Step
    let database: Data
    let log: Data
    let acknowledged: Int
  }

  let path: String
  var acknowledged = 0
  private(set) var images: [Image] = []
  private var durableDatabase: Data
  private var durableLog: Data
  private var under: (step: DurabilitySequencer.Step, database: Data, log: Data)?

  init(_ path: String) throws {
    self.path = path
    durableDatabase = try Data(contentsOf: URL(fileURLWithPath: path))
    durableLog = try Data(contentsOf: URL(fileURLWithPath: path + "-wal"))
  }

  func begin(_ step: DurabilitySequencer.Step) {
    let database = try! Data(contentsOf: URL(fileURLWithPath: path))
    let log = try! Data(contentsOf: URL(fileURLWithPath: path + "-wal"))
    if let under {
      if under.step == .syncLog || under.step == .syncEmptiedLog { durableLog = under.log }
      if under.step == .syncDatabase { durableDatabase = under.database }
    }
    under = (step, database, log)
    for database in [durableDatabase, database, torn(durableDatabase, database)] {
      for log in logs(durableLog, log) {
        images.append(Image(step: step, database: database, log: log, acknowledged: acknowledged))
      }
    }
  }

  /// What may be found of a log: before, after, and torn. A cut to nothing happens at once or not at all; but frames that
  /// are written after a cut that was not synced may lie over the old ones.
  private func logs(_ old: Data, _ new: Data) -> [Data] {
    if new.isEmpty { return [old, new] }
    return [old, new, torn(old, new + old.dropFirst(new.count))]
  }

  /// Every other page of 4 KiB is the new one; the others are as before, or zeros where there was none.
  private func torn(_ old: Data, _ new: Data) -> Data {
    var bytes = new
    for start in stride(from: 0, to: new.count, by: 8192) {
      let end = min(start + 4096, new.count)
      let before = start < old.count ? old[start..<min(end, old.count)] : Data()
      bytes.replaceSubrange(start..<end, with: before + Data(count: end - start - before.count))
    }
    return bytes
  }
}

@Suite struct CrashTests {
  let directory = TemporaryDirectory()

  @Test func aPowerCutInAnyStepLosesNothingAcknowledged() throws {
    let store = try Store.open(directory.store, schema: rows, checkpointPages: 8).store
    let disk = try Disk(directory.store)
    store.onStep = { disk.begin($0) }
    func next(_ number: UInt64) {
      store.insert(number) { _ in
        disk.acknowledged = Int(number)
        if number < 14 { next(number + 1) }
      }
    }
    next(1)
    store.run(until: { disk.acknowledged == 14 })
    #expect(Set(disk.images.map { $0.step.description }).count == 5)
    for image in disk.images {
      let place = TemporaryDirectory()
      try image.database.write(to: URL(fileURLWithPath: place.store))
      try image.log.write(to: URL(fileURLWithPath: place.store + "-wal"))
      let opened = try Store.open(place.store, schema: rows)
      let numbers = try opened.store.numbers()
      #expect(opened.setAside == nil, "\(image.step)")
      #expect(numbers == (0..<numbers.count).map { UInt64($0 + 1) }, "\(image.step)")
      #expect(numbers.count >= image.acknowledged, "\(image.step)")
    }
  }

  @Test func aProcessThatEndsWithoutClosingLosesNothing() throws {
    let outcome = try runProgram([driverPath, directory.store, "150"])
    #expect(outcome.lines == ["open"] + (1...150).map { "acknowledged \($0)" })
    let opened = try Store.open(directory.store, schema: rows)
    #expect(opened.setAside == nil)
    #expect(try opened.store.numbers() == Array(1...150))
  }

  @Test func aProcessThatIsKilledLosesNothingAcknowledged() throws {
    // The shell stops reading after a hundred lines; the driver's next line ends it (SIGPIPE or SIGKILL), wherever it is.
    let outcome = try runProgram(["sh", "-c", "\(driverPath) \(directory.store) 100000 | head -n 100"])
    #expect(outcome.lines.filter { $0.hasPrefix("acknowledged") }.last == "acknowledged 99")
    // The driver may take a moment to end.
    var opened: Store.Opened?
    for _ in 0..<200 where opened == nil {
      opened = try? Store.open(directory.store, schema: rows)
      if opened == nil { usleep(50_000) }
    }
    let numbers = try #require(opened).store.numbers()
    #expect(opened?.setAside == nil)
    #expect(numbers.count >= 99 && numbers == (0..<numbers.count).map { UInt64($0 + 1) })
  }

  /// On a file system of its own, in a mount namespace of its own, that fills up: the smaller one while the log grows, the
  /// larger one while the log is copied.
  @Test(arguments: [128, 256, 420, 600]) func aFullDiskRefusesTheWriteAndKeepsTheRest(kibibytes: Int) throws {
    let script = """
      mount -t tmpfs -o size=\(kibibytes)k none \(directory.path)/disk && \
      \(driverPath) \(directory.path)/disk/store 1000; cp \(directory.path)/disk/store* \(directory.path)
      """
    try FileManager.default.createDirectory(atPath: directory.file("disk"), withIntermediateDirectories: false)
    let outcome = try runProgram(["unshare", "--mount", "sh", "-c", script])
    let last = try #require(outcome.lines.last)
    let acknowledged = outcome.lines.filter { $0.hasPrefix("acknowledged") }.count
    #expect(last.hasPrefix("refused \(acknowledged + 1): use store"), "\(last)")
    #expect(acknowledged > 5 && acknowledged < 1000)
    let opened = try Store.open(directory.store, schema: rows)
    #expect(opened.setAside == nil)
    #expect(try opened.store.numbers() == (1...acknowledged).map { UInt64($0) })
  }

  @Test func noSyncIsEverCalledOnceTheStoreIsOpen() throws {
    let trace = directory.file("trace")
    let calls = "fsync,fdatasync,sync_file_range,msync,sync,syncfs,io_submit,write"
    let outcome = try runProgram([
      "strace", "-f", "-o", trace, "-e", "trace=\(calls)", driverPath, directory.store, "200",
    ])
    #expect(outcome.lines.last == "acknowledged 200")
    let lines = try String(contentsOfFile: trace, encoding: .utf8).split(separator: "\n")
    let open = try #require(lines.firstIndex { $0.contains("write(1, \"open") })
    #expect(lines[..<open].contains { $0.contains("fsync(") }, "the trace sees syncs")
    let running = lines[open...]
    #expect(!running.contains { $0.contains("sync(") || $0.contains("sync_file_range(") || $0.contains("syncfs(") })
    let submitted = running.filter { $0.contains("io_submit(") }
    #expect(submitted.filter { $0.contains("IOCB_CMD_FDSYNC") }.count > 200)
    #expect(submitted.contains { $0.contains("IOCB_CMD_FSYNC") }, "the log was emptied at least once")
  }
}
