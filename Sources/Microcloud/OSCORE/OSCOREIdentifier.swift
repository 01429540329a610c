/// A Sender ID or Recipient ID (RFC 8613 section 3.1): 0 to 7 bytes, which is what the nonce of AES-CCM-16-64-128 has room
/// for.
public struct OSCOREIdentifier: Hashable, Sendable {
  public static let maximumBytes = 7

  /// The first eight bytes of a nonce (section 5.2): how many bytes it has, and these, with zeros before them.
  let packed: UInt64

  /// Nil: more bytes than fit.
  public init?(_ bytes: ArraySlice<UInt8>) {
    guard bytes.count <= Self.maximumBytes else { return nil }
    var packed = UInt64(0)
    for byte in bytes { packed = packed << 8 | UInt64(byte) }
    self.packed = UInt64(bytes.count) << 56 | packed
  }

  /// How many bytes it has.
  public var count: Int { Int(packed >> 56) }

  public var bytes: [UInt8] {
    var bytes: [UInt8] = []
    append(to: &bytes)
    return bytes
  }

  func append(to output: inout [UInt8]) {
    OSCOREOption.append(packed, count: count, to: &output)
  }
}
