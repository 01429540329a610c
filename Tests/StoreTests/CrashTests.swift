import Foundation
import LinuxSystem
import TestSupport
import Testing

@testable import Store

/// Agents and writers that die, and disks that fail.
@Suite struct CrashTests {
  let directory = TemporaryDirectory()

  private func numbers() throws -> [UInt64] {
    let opened = try Store.open(directory.store, schema: rows)
    #expect(opened.setAside == nil)
    return try opened.numbers()
  }

  @Test func aProcessThatEndsWithoutClosingLosesNothing() throws {
    let outcome = try runProgram([driverPath, "write", directory.store, "150"])
    #expect(outcome.lines == ["open"] + (1...150).map { "acknowledged \($0)" })
    #expect(try numbers() == Array(1...150))
  }

  @Test func aProcessThatIsKilledLosesNothingAcknowledged() throws {
    // The shell stops reading after a hundred lines; the driver's next line ends it (SIGPIPE or SIGKILL), wherever it is.
    let outcome = try runProgram(["sh", "-c", "\(driverPath) write \(directory.store) 100000 | head -n 100"])
    #expect(outcome.lines.filter { $0.hasPrefix("acknowledged") }.last == "acknowledged 99")
    let found = try numbers()
    #expect(found.count >= 99 && found == (0..<found.count).map { UInt64($0 + 1) })
  }

  @Test func aWriterThatIsKilledLosesNothingAcknowledged() throws {
    let (store, writer) = try Store.open(directory.store, schema: rows).startProgram(checkpointPages: 8)
    var acknowledged: [UInt64] = []
    for number in 1...1000 as ClosedRange<UInt64> {
      store.insert(number) { if $0 == nil { acknowledged.append(number) } }
    }
    store.run(until: { acknowledged.count > 100 })
    kill(writer.processIdentifier, SIGKILL)
    store.run(until: { store.failure != nil })
    #expect(store.failure?.kind == .stopped && acknowledged.count < 1000)
    store.close()
    let found = try numbers()
    #expect(found == (0..<found.count).map { UInt64($0 + 1) } && found.count >= acknowledged.count)
  }

  /// Nobody is left to hear the answers.
  @Test func whatWasSentBeforeTheAgentDiedIsWritten() throws {
    let path = try Store.open(directory.store, schema: rows).finish()
    let socket = try socketWith((1...40).map { row($0) })
    try startWriterProgram([driverPath], path, 8, socket: socket).waitUntilExit()
    #expect(try numbers() == Array(1...40))
  }

  @Test func whatHasComeMeanwhileSharesASync() throws {
    let trace = directory.file("trace")
    let path = try Store.open(directory.store, schema: rows).finish()
    let strace = ["strace", "-f", "-o", trace, "-e", "trace=fsync,fdatasync,sendmsg", driverPath]
    let socket = try socketWith((1...20).map { row($0, bytes: 10) })
    try startWriterProgram(strace, path, Store.checkpointPages, socket: socket).waitUntilExit()
    let calls = try String(contentsOfFile: trace, encoding: .utf8).split(separator: "\n")
    #expect(calls.filter { $0.contains("sendmsg(") }.count == 21, "that it is ready, and twenty answers")
    #expect(calls.filter { $0.contains("sync(") }.count == 3, "the log's header, its name, and all twenty")
    #expect(try numbers() == Array(1...20))
  }

  @Test func aWriteThatIsNotUrgentCausesNoSync() throws {
    let trace = directory.file("trace")
    let path = try Store.open(directory.store, schema: rows).finish()
    let strace = ["strace", "-f", "-o", trace, "-e", "trace=fsync,fdatasync,sendmsg", driverPath]
    let socket = try socketWith((1...20).map { row($0) }, urgent: 0)
    try startWriterProgram(strace, path, Store.checkpointPages, socket: socket).waitUntilExit()
    let calls = try String(contentsOfFile: trace, encoding: .utf8).split(separator: "\n")
    #expect(calls.filter { $0.contains("sync(") }.count == 2, "the log's header, and its name")
    #expect(try numbers() == Array(1...20))
  }

  @Test func eachAcknowledgedWriteWasSyncedAndNeverByTheAgent() throws {
    let trace = directory.file("trace")
    let calls = "fsync,fdatasync,sync_file_range,msync,sync,syncfs,write,pwrite64,sendmsg,openat"
    let outcome = try runProgram([
      "strace", "-f", "-o", trace, "-e", "trace=\(calls)", driverPath, "write", directory.store, "200",
    ])
    #expect(outcome.lines.last == "acknowledged 200")
    let lines = try String(contentsOfFile: trace, encoding: .utf8).split(separator: "\n")
    let open = try #require(lines.firstIndex { $0.contains("write(1, \"open") })
    let agent = try #require(lines[open].split(separator: " ").first)
    #expect(lines[..<open].contains { $0.hasPrefix(agent) && $0.contains("fsync(") }, "the trace sees syncs")
    let byAgent = lines[open...].filter { $0.hasPrefix(agent) }
    #expect(byAgent.filter { $0.contains("sync") || $0.contains("pwrite64") || $0.contains("openat") } == [])
    let byWriter = lines[open...].filter { !$0.hasPrefix(agent) }
    #expect(byWriter.filter { $0.contains("fdatasync(") || $0.contains("fsync(") }.count >= 200)
    // In between two answers there is a sync.
    var hasSynced = true
    for line in byWriter {
      if line.contains("sync(") { hasSynced = true }
      if line.contains("sendmsg(") {
        #expect(hasSynced)
        hasSynced = false
      }
    }
  }

  @Test func aFailedSyncStopsTheStore() throws {
    let outcome = try runProgram([
      "strace", "-f", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=30+",
      driverPath,
      "write", directory.store, "200",
    ])
    let last = try #require(outcome.lines.last)
    let acknowledged = outcome.lines.filter { $0.hasPrefix("acknowledged") }.count
    #expect(last.hasPrefix("refused \(acknowledged + 1): store \(directory.store) has stopped"), "\(last)")
    #expect(last.contains("sync: disk I/O error") && acknowledged > 5 && acknowledged < 200)
    let found = try numbers()
    #expect(found.count >= acknowledged && found == (0..<found.count).map { UInt64($0 + 1) })
  }

  /// On a file system of its own, in a mount namespace of its own, that fills up: the smaller one while the log grows, the
  /// larger one while the log is copied.
  @Test(arguments: [128, 256, 420, 600]) func aFullDiskRefusesTheWriteAndKeepsTheRest(kibibytes: Int) throws {
    let script = """
      mount -t tmpfs -o size=\(kibibytes)k none \(directory.path)/disk && \
      \(driverPath) write \(directory.path)/disk/store 1000; sleep 0.2; cp \(directory.path)/disk/store* \(directory.path)
      """
    try FileManager.default.createDirectory(atPath: directory.file("disk"), withIntermediateDirectories: false)
    let outcome = try runProgram(["unshare", "--mount", "sh", "-c", script])
    let last = try #require(outcome.lines.last)
    let acknowledged = outcome.lines.filter { $0.hasPrefix("acknowledged") }.count
    #expect(last.hasPrefix("refused \(acknowledged + 1): use store"), "\(last)")
    #expect(acknowledged > 5 && acknowledged < 1000)
    #expect(try numbers() == (1...acknowledged).map { UInt64($0) })
  }

  /// Together they do not fit; a small one among them does.
  @Test func onAFullDiskASmallWriteStillGetsThrough() throws {
    try FileManager.default.createDirectory(atPath: directory.file("disk"), withIntermediateDirectories: false)
    let disk = directory.file("disk")
    let script = """
      mount -t tmpfs -o size=64k none \(disk) && cp \(directory.store) \(disk)/store && \
      \(driverPath) serve \(disk)/store 64; cp \(disk)/store* \(directory.path)
      """
    _ = try Store.open(directory.store, schema: rows).finish()
    let socket = try socketWith((1...4).map { row($0, bytes: 12_000) } + [row(5, bytes: 10)])
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["unshare", "--mount", "sh", "-c", script]
    process.standardInput = FileHandle(fileDescriptor: socket, closeOnDealloc: false)
    try process.run()
    close(socket)
    process.waitUntilExit()
    let found = try numbers()
    #expect(found.contains(5) && found.contains(1) && !found.contains(4), "\(found)")
  }

  /// A writer's end of a socket pair, in which these wait, and nobody at the other end any more.
  private func socketWith(_ transactions: [Transaction], urgent: Int = .max) throws -> CInt {
    let (ours, theirs) = try MessageSocket.pair()
    let agent = MessageSocket(FileDescriptor(owning: ours))
    for (index, transaction) in transactions.enumerated() {
      try agent.send(transaction.message(number: UInt64(index + 1), isUrgent: index < urgent))
    }
    return theirs
  }
}
