import Basics
import Crypto

/// What names a blob: the SHA-256 of its bytes, `sha256:` and 64 digits in lower case.
///
/// The other algorithms of the image specification are not used by anybody's images.
public struct Digest: Hashable, Sendable, CustomStringConvertible {
  /// The 32 bytes of the hash.
  public let bytes: [UInt8]

  static let prefix = "sha256:"

  /// Takes a hash as it is; nil if it is not 32 bytes.
  public init?(bytes: [UInt8]) {
    guard bytes.count == SHA256.digestBytes else { return nil }
    self.bytes = bytes
  }

  /// The digest that a text spells, with `sha256:` before it; nil if it spells none.
  public init?(_ text: String) {
    let characters = Array(text.utf8)
    guard characters.starts(with: Self.prefix.utf8) else { return nil }
    self.init(hexadecimal: characters.dropFirst(Self.prefix.utf8.count))
  }

  /// The digest of 64 digits; capitals are none (a blob has one name).
  public init?(hexadecimal digits: ArraySlice<UInt8>) {
    if digits.contains(where: { (0x41...0x46).contains($0) }) { return nil }
    guard let bytes = Hexadecimal.bytes(digits) else { return nil }
    self.init(bytes: bytes)
  }

  /// The digest of a whole blob.
  public static func of(_ blob: [UInt8]) throws(CryptoError) -> Digest {
    Digest(hash: try SHA256.hash(blob))
  }

  private init(hash: [UInt8]) {
    bytes = hash
  }

  /// The 64 digits, as in the name of a file.
  public var hexadecimal: String { Hexadecimal.text(bytes) }

  public var description: String { Self.prefix + hexadecimal }
}
