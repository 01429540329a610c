/// Numbers as bytes, the most significant one first.
public enum BigEndian {
  public static func bytes(_ number: UInt64) -> [UInt8] {
    // Not by shifts: where numbers have 32 bits, each of 64 is a call.
    withUnsafeBytes(of: number.bigEndian) { Array($0) }
  }

  /// The number that at most eight bytes are.
  public static func number(_ bytes: some Sequence<UInt8>) -> UInt64 {
    bytes.reduce(0) { $0 << 8 | UInt64($1) }
  }
}
