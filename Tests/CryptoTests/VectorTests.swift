import CryptoChecks
import Foundation
import Testing

/// What `cross/check-binaries` runs on the boards' processors, here on the host's library.
struct VectorTests {
  private static func text(_ name: String) throws -> [UInt8] {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("vectors")
    return Array(try Data(contentsOf: folder.appendingPathComponent(name)))
  }

  @Test(arguments: [("rfc.txt", 20), ("nist.txt", 300), ("oracle.txt", 380)])
  func agrees(with name: String, atLeast count: Int) throws {
    let outcome = VectorFile.run(try Self.text(name))
    #expect(outcome.failures == [])
    #expect(outcome.vectors >= count)
  }

  /// The checks find a vector that is wrong: each one with a digit of its last field changed.
  @Test func findsWrongVectors() throws {
    let lines = String(decoding: try Self.text("rfc.txt"), as: UTF8.self).split(separator: "\n")
    for line in lines where !line.hasPrefix("#") {
      var words = line.prefix { $0 != "#" }.split(separator: " ").map(String.init)
      let last = words.removeLast()
      words.append(last.dropLast() + (last.last == "0" ? "1" : "0"))
      let outcome = VectorFile.run(Array(words.joined(separator: " ").utf8))
      #expect(outcome.vectors == 1)
      #expect(outcome.failures.count == 1, "\(words)")
    }
    for line in ["point-bad \(Self.generator)", "key-bad \(String(repeating: "01", count: 32))", "gcm 00", "what 00"] {
      #expect(VectorFile.run(Array(line.utf8)).failures.count == 1)
    }
  }

  /// The curve's base point (FIPS 186-4 D.1.2.3), compressed.
  private static let generator = "036b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
}
