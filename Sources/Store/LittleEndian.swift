/// Numbers as bytes, the least significant one first: how agent and writer speak of them.
enum LittleEndian {
  static func append(_ number: UInt64, byteCount: Int, to bytes: inout [UInt8]) {
    var rest = number
    for _ in 0..<byteCount {
      bytes.append(UInt8(truncatingIfNeeded: rest))
      rest >>= 8
    }
  }

  /// The number that at most eight bytes are.
  static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    var number: UInt64 = 0
    for byte in bytes.reversed() { number = number << 8 | UInt64(byte) }
    return number
  }
}
