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

extension Store {
  /// Writes one row; `completed` gets its number, or nothing if it failed.
  func insert(_ number: UInt64, bytes: Int = 3000, completion: @escaping (StoreError?) -> Void = { _ in }) {
    write { (database: Database) throws(StoreError) in
      try database.prepare("INSERT INTO rows VALUES (?1, ?2)")
        .bind(1, number).bind(2, [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: bytes)).run()
    } completion: {
      completion($0)
    }
  }

  func numbers() throws -> [UInt64] {
    try read { (database: Database) throws(StoreError) in
      var found: [UInt64] = []
      let statement = try database.prepare("SELECT id FROM rows ORDER BY id")
      while try statement.step() { found.append(statement.unsigned(0)) }
      return found
    }
  }

  /// Turns what stands for a loop until `isDone`.
  func run(until isDone: () -> Bool) {
    for _ in 0..<100_000 {
      if isDone() { return }
      synchroniserWait()
      handleCompletion()
    }
    Issue.record("the store did not get there")
  }

  private func synchroniserWait() {
    var wait = pollfd(fd: completionDescriptor, events: Int16(POLLIN), revents: 0)
    #expect(poll(&wait, 1, 10_000) == 1)
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
