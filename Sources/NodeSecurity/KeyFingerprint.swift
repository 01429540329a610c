import Basics
import Crypto
import Microcloud

/// A public key in few bytes: its COSE key thumbprint with SHA-256 (`ckt`, RFC 9679), and that as text.
///
/// COSE rather than X.509's SubjectPublicKeyInfo, since all that names keys here (EDHOC, credentials) is COSE. The text is
/// Crockford's base32 in lower case: no letter in it is taken for a digit, and it may stand in host names.
public struct KeyFingerprint: Equatable, Hashable, Sendable, CustomStringConvertible {
  /// The thumbprint, 32 bytes.
  public let thumbprint: [UInt8]

  public init(of key: P256.PublicKey) throws(CryptoError) {
    thumbprint = try SHA256.hash(CBORValue.map(COSEKey.map(of: key)).encoded)
  }

  /// How long `short` is: 80 bits, which nobody finds a second key for. Enough to tell nodes apart, not to trust one by.
  public static let shortCharacters = 16

  /// The whole of it, 52 characters.
  public var description: String { ASCII.string(Self.base32(thumbprint)) }

  /// For the `microagent` tag and multicast DNS, and where a person compares. A node's name ends with the beginning of it.
  public var short: String { ASCII.string(Self.base32(thumbprint).prefix(Self.shortCharacters)) }

  private static let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)

  /// Five bits a character, the first ones first; the last character is filled up with zeros.
  private static func base32(_ bytes: [UInt8]) -> [UInt8] {
    var text: [UInt8] = []
    var pending: UInt32 = 0
    var bits: UInt32 = 0
    for byte in bytes {
      pending = pending << 8 | UInt32(byte)
      bits += 8
      while bits >= 5 {
        bits -= 5
        text.append(alphabet[Int(pending >> bits & 31)])
      }
      pending &= 0xFF
    }
    if bits > 0 { text.append(alphabet[Int(pending << (5 - bits) & 31)]) }
    return text
  }
}
