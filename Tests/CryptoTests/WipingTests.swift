import Basics
import CryptoChecks
import Foundation
import Testing

/// Nothing secret stays in a program's memory once it is not needed.
struct WipingTests {
  private static let disguise: UInt8 = 0x5A
  /// SwiftPM puts it beside the tests.
  private static let driver = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
    .deletingLastPathComponent().appendingPathComponent("crypto-driver")

  /// A program that has used secrets says which, in disguise, and then its whole memory is searched: as bytes, and as
  /// mbedtls's long numbers hold them, the last byte first.
  @Test func leavesNoSecretBehind() throws {
    let process = Process()
    let input = Pipe()
    let output = Pipe()
    process.executableURL = Self.driver
    process.arguments = ["forget", "0"]
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    defer {
      try? input.fileHandleForWriting.close()
      process.waitUntilExit()
    }
    var text = ""
    while text.filter({ $0 == "\n" }).count < 3 {
      let more = output.fileHandleForReading.availableData
      try #require(!more.isEmpty, "crypto-driver ended early")
      text += String(decoding: more, as: UTF8.self)
    }
    let disguised = try text.split(separator: "\n").map { try #require(Hexadecimal.bytes($0.utf8)) }
    let memory = try Self.memory(of: process.processIdentifier)
    // The search finds what is there: the disguised secrets, which the program has just printed, stood in its memory.
    #expect(disguised.contains { memory.range(of: Data(Hexadecimal.text($0).utf8)) != nil })
    for secret in disguised.map({ Data($0.map { $0 ^ Self.disguise }) }) {
      // Half of it would be too much.
      #expect(memory.range(of: secret.prefix(16)) == nil)
      #expect(memory.range(of: secret.suffix(16)) == nil)
      #expect(memory.range(of: Data(secret.reversed()).prefix(16)) == nil)
      #expect(memory.range(of: Data(secret.reversed()).suffix(16)) == nil)
    }
  }

  /// All that a process can write to.
  private static func memory(of process: Int32) throws -> Data {
    let maps = try String(contentsOfFile: "/proc/\(process)/maps", encoding: .utf8)
    let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: "/proc/\(process)/mem"))
    var memory = Data()
    for line in maps.split(separator: "\n") where line.contains(" rw") {
      let bounds = line.prefix { $0 != " " }.split(separator: "-").compactMap { UInt64($0, radix: 16) }
      try file.seek(toOffset: bounds[0])
      memory += (try? file.read(upToCount: Int(bounds[1] - bounds[0]))) ?? Data()
    }
    return memory
  }
}
