import Foundation
import LinuxSystem
import TestSupport
import Testing

@testable import Store

extension TemporaryDirectory {
  var store: String { file("store") }
  var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path).sorted()) ?? [] }
}

let rows = Schema(migrations: ["CREATE TABLE rows (id INTEGER PRIMARY KEY, body BLOB)"])

func row(_ number: UInt64, bytes: Int = 3000) -> Transaction {
  let body = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: bytes)
  return Transaction("INSERT INTO rows VALUES (?1, ?2)", [SQLValue(number), SQLValue(body)])
}

extension Store.Opened {
  /// Starts the writer as a program of its own. A fork of this process, whose other threads are not in it, could wait for ever
  /// for what one of them holds.
  func startProgram(checkpointPages: Int = Store.checkpointPages) throws -> (store: Store, writer: Process) {
    let path = try finish()
    let (ours, theirs) = try MessageSocket.pair()
    let writer = try startWriterProgram([driverPath], path, checkpointPages, socket: theirs)
    return (try Store(path, MessageSocket(FileDescriptor(owning: ours)), process: 0), writer)
  }

  func numbers() throws -> [UInt64] {
    try read { (database: Database) throws(StoreError) in
      var found: [UInt64] = []
      let statement = try database.prepare("SELECT id FROM rows ORDER BY id")
      while try statement.step() { found.append(statement.unsigned(0)) }
      return found
    }
  }
}

/// Starts the driver's writer by these words; it owns the socket.
func startWriterProgram(_ words: [String], _ path: String, _ pages: Int, socket: CInt) throws -> Process {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = words + ["serve", path, "\(pages)"]
  process.standardInput = FileHandle(fileDescriptor: socket, closeOnDealloc: false)
  try process.run()
  _ = close(socket)
  return process
}

/// Opens a store, or a fresh one, with a writer that is a program of its own.
func openStore(_ path: String, checkpointPages: Int = Store.checkpointPages) throws -> Store {
  try Store.open(path, schema: rows).startProgram(checkpointPages: checkpointPages).store
}

extension Store {
  /// Writes one row.
  func insert(_ number: UInt64, bytes: Int = 3000, completion: @escaping (StoreError?) -> Void = { _ in }) {
    write(row(number, bytes: bytes), completion: completion)
  }

  /// Turns what stands for a loop until `isDone`.
  func run(until isDone: () -> Bool) {
    for _ in 0..<100_000 {
      if isDone() { return }
      var wait = pollfd(fd: descriptor, events: Int16(wantsWritable ? POLLIN | POLLOUT : POLLIN), revents: 0)
      #expect(poll(&wait, 1, 20_000) == 1)
      handleCompletion()
    }
    Issue.record("the store did not get there")
  }
}

/// The end of a socket pair that a writer would have, for tests that are the writer.
final class FakeWriter {
  let socket: MessageSocket

  init(_ socket: consuming MessageSocket) {
    self.socket = socket
  }

  /// A store whose writer has just said that it is ready.
  static func start() throws -> (FakeWriter, Store) {
    let (ours, theirs) = try MessageSocket.pair()
    let writer = FakeWriter(MessageSocket(FileDescriptor(owning: theirs)))
    try writer.reply(0)
    return (writer, try Store("/store", MessageSocket(FileDescriptor(owning: ours)), process: 0))
  }

  func reply(_ number: UInt64, _ failure: StoreError? = nil) throws {
    try socket.send(WriterReply(number, failure).bytes)
  }

  /// The transactions that have come.
  func received() throws -> [TransactionReader] {
    var found: [TransactionReader] = []
    while let message = try socket.receive(limitBytes: Transaction.maximumBytes, wait: false), !message.bytes.isEmpty {
      found.append(try #require(TransactionReader(message.bytes)))
    }
    return found
  }
}

struct Outcome {
  let status: Int32
  let lines: [String]
}

/// The test driver's executable, which SwiftPM puts beside the tests.
let driverPath = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
  .appendingPathComponent("store-driver").path

func runProgram(_ words: [String]) throws -> Outcome {
  let process = Process()
  let output = Foundation.Pipe()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = words
  process.standardOutput = output
  process.standardError = output
  try process.run()
  let data = output.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  return Outcome(
    status: process.terminationStatus,
    lines: String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init))
}
