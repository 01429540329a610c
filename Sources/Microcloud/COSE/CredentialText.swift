import Basics

/// What is signed as text that people copy: what it is, a colon, and base64url (RFC 4648 section 5) of the bytes and their
/// CRC-32, which tells a slip from a forgery. Blanks and line ends may stand anywhere, as mail programs put them.
public enum CredentialText {
  public enum Kind: String, Sendable, CaseIterable {
    case credential
    case revoked
  }

  /// The most letters of a text, blanks and all.
  public static let maximumCharacters = 2 * RevocationList.maximumBytes

  public static func encode(_ bytes: [UInt8], _ kind: Kind) -> String {
    kind.rawValue + ":" + ASCII.string(Base64.encoded(bytes + checksum(bytes), .url))
  }

  /// The bytes; nil if the text is another one, or was copied wrong.
  public static func decode(_ text: [UInt8], _ kind: Kind) -> [UInt8]? {
    guard text.count <= maximumCharacters else { return nil }
    let letters = text.filter { !ASCII.isBlank($0) }
    let head = Array((kind.rawValue + ":").utf8)
    guard letters.starts(with: head), let content = Base64.decode(letters.dropFirst(head.count), .url),
      content.count > checksumBytes
    else { return nil }
    let bytes = Array(content.dropLast(checksumBytes))
    return content.suffix(checksumBytes).elementsEqual(checksum(bytes)) ? bytes : nil
  }

  private static let checksumBytes = 4

  private static func checksum(_ bytes: [UInt8]) -> ArraySlice<UInt8> {
    BigEndian.bytes(UInt64(CRC32.checksum(bytes))).suffix(checksumBytes)
  }
}
