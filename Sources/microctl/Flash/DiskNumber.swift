/// Numbers as disks have them, the least significant byte first.
enum DiskNumber {
  /// The number that `count` bytes from an offset on are, at most eight; nil: they are not all there.
  static func read(_ bytes: ArraySlice<UInt8>, _ offset: Int, _ count: Int) -> UInt64? {
    guard offset >= 0, count <= 8, offset <= bytes.count - count else { return nil }
    let start = bytes.startIndex + offset
    return bytes[start..<start + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// Puts a number there. The bytes must be.
  static func write(_ number: UInt64, _ bytes: inout [UInt8], _ offset: Int, _ count: Int) {
    for index in 0..<count { bytes[offset + index] = UInt8(truncatingIfNeeded: number >> (8 * UInt64(index))) }
  }
}
