/// Reads numbers of some bits, from the most significant bit on.
struct BitReader {
  private var bytes: ArraySlice<UInt8>
  /// Read, but not yet handed out: the lowest `pendingBits`.
  private var pending: UInt32 = 0
  private var pendingBits: UInt32 = 0

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
  }

  /// Whether not even a part of a byte is left.
  var isAtEnd: Bool { bytes.isEmpty && pendingBits == 0 }

  /// The next bits, 24 at most.
  mutating func number(bits: UInt32) throws(BZip2Error) -> UInt32 {
    while pendingBits < bits {
      guard let byte = bytes.popFirst() else { throw .truncated }
      pending = pending << 8 | UInt32(byte)
      pendingBits += 8
    }
    pendingBits -= bits
    return pending >> pendingBits & (1 << bits - 1)
  }

  mutating func bit() throws(BZip2Error) -> Bool {
    try number(bits: 1) == 1
  }

  /// 32 bits, which are more than `number` takes.
  mutating func word() throws(BZip2Error) -> UInt32 {
    let high = try number(bits: 16)
    return high << 16 | (try number(bits: 16))
  }

  /// Passes over what is left of a byte.
  mutating func alignToByte() {
    pendingBits -= pendingBits % 8
  }
}
