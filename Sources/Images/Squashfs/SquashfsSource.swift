/// What a squashfs image is read from: whoever holds its bytes, and inflates them.
public protocol SquashfsSource: AnyObject {
  /// So many bytes from this place on, all of them. They are used before the next is asked for.
  func read(_ count: Int, at offset: UInt64) throws(SquashfsError) -> ArraySlice<UInt8>

  /// What so many bytes from this place on are once inflated (zlib, RFC 1950): at most `limitBytes`.
  func inflate(_ count: Int, at offset: UInt64, limitBytes: Int) throws(SquashfsError) -> ArraySlice<UInt8>
}

/// Numbers as they lie in an image: the least significant byte first.
struct LittleEndianFields {
  private var rest: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) {
    rest = bytes
  }

  /// The next number; where no bytes are left, they count as 0: whoever asks has read as many as it needs.
  mutating func next<Number: FixedWidthInteger & UnsignedInteger>(_: Number.Type = Number.self) -> Number {
    var number: Number = 0
    for (index, byte) in rest.prefix(Number.bitWidth / 8).enumerated() { number |= Number(byte) << Number(8 * index) }
    rest = rest.dropFirst(Number.bitWidth / 8)
    return number
  }

  mutating func skip(_ count: Int) {
    rest = rest.dropFirst(count)
  }
}
