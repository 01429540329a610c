import Basics
import Crypto

/// A file of vectors: a word that says what is computed, and hexadecimal fields, `-` for nothing; `#` begins a comment.
///
/// Swift Testing reads it on the host, and `crypto-driver` on the boards' processors.
public enum VectorFile {
  /// How many vectors there were, and what is wrong, a line each.
  public struct Outcome {
    public var vectors = 0
    public var failures: [String] = []
  }

  public static func run(_ text: [UInt8]) -> Outcome {
    var outcome = Outcome()
    for (number, line) in ASCII.lines(text[...]).enumerated() {
      let words = ASCII.words(line.prefix { $0 != UInt8(ascii: "#") })
      guard let kind = words.first else { continue }
      outcome.vectors += 1
      let name = ASCII.string(kind)
      if let problem = problem(name, words.dropFirst().map(field)) {
        outcome.failures.append("line \(number + 1): \(name): \(problem)")
      }
    }
    return outcome
  }

  private static func problem(_ kind: String, _ fields: [[UInt8]?]) -> String? {
    var values: [[UInt8]] = []
    for field in fields {
      guard let field else { return "not hexadecimal" }
      values.append(field)
    }
    do throws(CryptoError) {
      switch (kind, values.count) {
      case ("gcm", 5): return try AEADChecks.gcm(values)
      case ("gcm-bad", 4): return try AEADChecks.badGCM(values)
      case ("ccm", 6): return try AEADChecks.ccm(values)
      case ("ccm-bad", 5): return try AEADChecks.badCCM(values)
      case ("sha256", 2): return try SHA256.hash(values[0]) == values[1] ? nil : "another digest"
      case ("hkdf", 5): return try hkdf(values)
      case ("key", 3): return try CurveChecks.key(values)
      case ("key-bad", 1): return CurveChecks.badKey(values[0])
      case ("point", 3): return try CurveChecks.point(values)
      case ("point-bad", 1): return CurveChecks.badPoint(values[0])
      case ("ecdh", 3): return try CurveChecks.agreement(values)
      case ("sign", 3): return try CurveChecks.signing(values)
      case ("verify", 3): return try CurveChecks.verifying(values, isValid: true)
      case ("verify-bad", 3): return try CurveChecks.verifying(values, isValid: false)
      default: return "no check of this name has \(values.count) fields"
      }
    } catch {
      return "\(error)"
    }
  }

  /// Fields: secret, salt, info, the extracted and the expanded secret.
  private static func hkdf(_ fields: [[UInt8]]) throws(CryptoError) -> String? {
    let extracted = try HKDF.extract(salt: fields[1], input: Secret(fields[0]))
    if extracted.bytes != fields[3] { return "another extracted secret" }
    let expanded = try HKDF.expand(extracted, info: fields[2], count: fields[4].count)
    return expanded.bytes == fields[4] ? nil : "another expanded secret"
  }

  private static func field(_ word: ArraySlice<UInt8>) -> [UInt8]? {
    word.elementsEqual("-".utf8) ? [] : Hexadecimal.bytes(word)
  }
}
