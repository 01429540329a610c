/// How EDHOC writes connection and key identifiers (RFC 9528 section 3.3.2): byte strings, of which those that are the
/// encoding of an integer from -24 to 23 stand as that integer, one byte shorter.
enum CompactIdentifier {
  static func encoded(_ bytes: [UInt8]) -> [UInt8] {
    isInteger(bytes) ? bytes : CBORValue.bytes(bytes).encoded
  }

  /// The identifier that an item is; nil if it is none, or would have been written as an integer.
  static func bytes(_ item: CBORValue) -> [UInt8]? {
    switch item {
    case .unsigned(0..<24), .negative(0..<24): item.encoded
    case .bytes(let bytes) where !isInteger(bytes): bytes
    default: nil
    }
  }

  private static func isInteger(_ bytes: [UInt8]) -> Bool {
    bytes.count == 1 && (bytes[0] < 0x18 || (0x20..<0x38).contains(bytes[0]))
  }
}
