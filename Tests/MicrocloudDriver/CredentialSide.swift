import Basics
import Crypto
import Microcloud

/// What a microcloud signs, in hexadecimal; times, numbers and serials in decimal:
///
///   issue SCALAR MICROCLOUD SUBJECT ROLE ISSUED EXPIRES SERIAL     a credential (SUBJECT: the point, compressed or not)
///   revoke SCALAR MICROCLOUD SEQUENCE ISSUED SERIAL...             a list
///   credential POINT TOKEN, list POINT BYTES                       what the holder of the point's key signed
enum CredentialSide {
  /// False if the command is none of these.
  static func obey(_ verb: String, _ words: [String]) -> Bool {
    let bytes = words.map { Hexadecimal.bytes($0.utf8) ?? [] }
    let numbers = words.map { Decimal.parse($0) ?? 0 }
    do throws(CredentialError) {
      switch verb {
      case "issue": try issue(words, bytes, numbers)
      case "revoke": try revoke(words, bytes, numbers)
      case "credential":
        let credential = try Credential(bytes[1], signedBy: try point(bytes[0]))
        say(
          "credential",
          [
            ("microcloud", .text(credential.microcloud)), ("role", .text(credential.role.rawValue)),
            ("subject", hexadecimal(credential.subject.compressed)), ("issued", .unsigned(credential.issued)),
            ("expires", .unsigned(credential.expires)), ("serial", .unsigned(credential.serial)),
          ])
      case "list":
        let list = try RevocationList(bytes[1], signedBy: try point(bytes[0]))
        say(
          "list",
          [
            ("microcloud", .text(list.microcloud)), ("sequence", .unsigned(list.sequence)),
            ("issued", .unsigned(list.issued)), ("serials", .array(list.serials.map { .unsigned($0) })),
          ])
      default: return false
      }
    } catch {
      say("failed", [("text", .text("\(error)"))])
    }
    return true
  }

  private static func issue(
    _ words: [String], _ bytes: [[UInt8]], _ numbers: [UInt64]
  ) throws(CredentialError) {
    guard let role = Credential.Role(rawValue: words[3]),
      let credential = Credential(
        microcloud: words[1], subject: try point(bytes[2]), role: role, issued: numbers[4], expires: numbers[5],
        serial: numbers[6])
    else { throw .malformed }
    do throws(CryptoError) {
      say("signed", [("bytes", hexadecimal(try credential.signed(by: key(bytes[0]))))])
    } catch {
      throw .crypto(error)
    }
  }

  private static func revoke(
    _ words: [String], _ bytes: [[UInt8]], _ numbers: [UInt64]
  ) throws(CredentialError) {
    guard
      let list = RevocationList(
        microcloud: words[1], sequence: numbers[2], issued: numbers[3], serials: Array(numbers[4...]))
    else { throw .malformed }
    do throws(CryptoError) {
      say("signed", [("bytes", hexadecimal(try list.signed(by: key(bytes[0]))))])
    } catch {
      throw .crypto(error)
    }
  }

  private static func key(_ scalar: [UInt8]) throws(CryptoError) -> P256.PrivateKey {
    try P256.PrivateKey(scalar: Secret(scalar))
  }

  private static func point(_ bytes: [UInt8]) throws(CredentialError) -> P256.PublicKey {
    do throws(CryptoError) {
      return try P256.PublicKey(bytes)
    } catch {
      throw .crypto(error)
    }
  }

  private static func hexadecimal(_ bytes: [UInt8]) -> CBORValue { .text(Hexadecimal.text(bytes)) }
}
