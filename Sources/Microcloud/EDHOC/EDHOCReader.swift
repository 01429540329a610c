/// Reads a message or plaintext item by item (a CBOR sequence, RFC 8742), and accepts only deterministic encodings (RFC
/// 9528 section 3.1).
struct EDHOCReader {
  private(set) var rest: ArraySlice<UInt8>

  init(_ bytes: [UInt8]) throws(EDHOCError) {
    guard bytes.count <= EDHOCLimits.messageBytes else { throw .tooLarge }
    rest = bytes[...]
  }

  mutating func item() throws(EDHOCError) -> CBORValue {
    let (value, sent) = try anyItem()
    guard sent.elementsEqual(value.encoded) else { throw .malformed }
    return value
  }

  /// An item, and the bytes that it came as, which need not be deterministic if it is a map: a credential is its author's.
  mutating func credentialItem() throws(EDHOCError) -> (value: CBORValue, sent: ArraySlice<UInt8>) {
    let (value, sent) = try anyItem()
    guard value.mapValue != nil || sent.elementsEqual(value.encoded) else { throw .malformed }
    return (value, sent)
  }

  mutating func bytes() throws(EDHOCError) -> [UInt8] {
    guard let bytes = try item().bytesValue else { throw .malformed }
    return bytes
  }

  /// The bytes of a byte string if one comes next.
  mutating func nextString() throws(EDHOCError) -> [UInt8]? {
    guard let first = rest.first, first >> 5 == 2 else { return nil }
    return try bytes()
  }

  func end() throws(EDHOCError) {
    guard rest.isEmpty else { throw .malformed }
  }

  private mutating func anyItem() throws(EDHOCError) -> (CBORValue, ArraySlice<UInt8>) {
    do throws(CBORError) {
      let (value, after) = try CBORDecoder.decodePrefix(rest, limits: EDHOCLimits.item)
      let sent = rest[..<after.startIndex]
      rest = after
      return (value, sent)
    } catch {
      throw .malformed
    }
  }
}
