import Foundation
import TestSupport

/// Python's standard library, asked many things at once.
enum PythonOracle {
  /// What libbz2 packs each input to; the level goes from 1 to 9.
  static func packed(_ inputs: [[UInt8]], level: Int = 9) throws -> [[UInt8]] {
    try ask("import bz2\ndef answer(data): return bz2.compress(data, \(level))", inputs).map { $0! }
  }

  /// What libbz2 expands each input to; nil where it refuses.
  static func expanded(_ inputs: [[UInt8]]) throws -> [[UInt8]?] {
    try ask("import bz2\ndef answer(data): return bz2.decompress(data)", inputs)
  }

  /// What a function `answer` gives for each input; nil where it fails.
  static func ask(_ function: String, _ inputs: [[UInt8]]) throws -> [[UInt8]?] {
    let loop = """
      import sys
      for line in sys.stdin:
        try: print("=" + answer(bytes.fromhex(line)).hex())
        except (OSError, EOFError, ValueError): print("!")
      """
    let folder = TemporaryDirectory()
    let questions = inputs.map { hexadecimal($0) + "\n" }.joined()
    try questions.write(toFile: folder.file("questions"), atomically: true, encoding: .utf8)
    let python = Process()
    let answers = Pipe()
    python.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    python.arguments = ["python3", "-c", function + "\n" + loop]
    python.standardInput = FileHandle(forReadingAtPath: folder.file("questions"))
    python.standardOutput = answers
    try python.run()
    let text = String(decoding: answers.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    python.waitUntilExit()
    let lines = text.split(separator: "\n")
    precondition(lines.count == inputs.count, "python3 did not answer: is it there, with its module bz2?")
    return lines.map { $0.first == "=" ? bytes(String($0.dropFirst())) : nil }
  }

  private static func hexadecimal(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }
}
