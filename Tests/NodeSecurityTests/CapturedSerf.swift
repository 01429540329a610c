import Basics
import CryptoChecks
import Foundation
import Testing

/// What real serfs sent, encrypted: vectors/serf.txt.
enum CapturedSerf {
  static let key = [UInt8](0..<32)

  static func packets() throws -> [[UInt8]] { try lines("packet ") }

  static func stream() throws -> [UInt8] { try #require(lines("stream ").first) }

  private static func lines(_ kind: String) throws -> [[UInt8]] {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("vectors/serf.txt")
    let text = try String(contentsOf: file, encoding: .utf8)
    return try text.split(separator: "\n").filter { $0.hasPrefix(kind) }.map {
      try #require(Hexadecimal.bytes($0.dropFirst(kind.count).utf8))
    }
  }
}
