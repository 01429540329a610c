/// bzip2, as Cloudy packs the list of a node's services: texts of a few kilobytes that strangers wrote.
public enum BZip2 {
  /// The most that is expanded unless the caller says less. No block may stand for more either, so that a place in one
  /// fits into 16 bits: expanding costs three bytes for each byte that is there, never the 3.6 MB that a stream may ask
  /// for.
  public static let maximumOutputBytes = 64 * 1024
  /// The most that is packed.
  public static let maximumInputBytes = 16 * 1024

  static let signature: [UInt8] = [0x42, 0x5A, 0x68]
  /// What stands before a block, and before the end of a stream: 48 bits each, in two halves.
  static let blockMark: (UInt32, UInt32) = (0x314159, 0x265359)
  static let endMark: (UInt32, UInt32) = (0x177245, 0x385090)
  /// So many symbols in a row use the same prefix code.
  static let groupSymbols = 50
  static let codeCounts: ClosedRange<Int> = 2...6
  static let codeBits: ClosedRange<Int> = 1...20
  /// A run of so many equal bytes is followed by how many more there are.
  static let runBytes = 4
  /// The symbols that say how often the foremost byte comes, in binary with the digits 1 and 2.
  static let runSymbols = 2

  /// The checksum of a block: the polynomial of IEEE 802.3, from the most significant bit on.
  static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    var sum = UInt32.max
    for byte in bytes {
      sum ^= UInt32(byte) << 24
      for _ in 0..<8 { sum = sum & 0x8000_0000 == 0 ? sum << 1 : sum << 1 ^ 0x04C1_1DB7 }
    }
    return ~sum
  }

  /// The checksum of a stream, after one more block.
  static func combine(_ stream: UInt32, _ block: UInt32) -> UInt32 {
    (stream << 1 | stream >> 31) ^ block
  }
}

/// Why something is not expanded.
public enum BZip2Error: Error, Equatable, Sendable {
  /// It does not begin as a stream does, or something else follows one.
  case notBZip2
  /// It ends too early.
  case truncated
  case corrupt
  /// The bytes are not those that were packed.
  case checksum
  /// A block is disguised, as nobody has written them since 1999.
  case randomised
  /// It stands for more bytes than the limit.
  case tooLarge
}

extension BZip2Error: CustomStringConvertible {
  /// One line for a person.
  public var description: String {
    switch self {
    case .notBZip2: "expand bzip2: this is something else"
    case .truncated: "expand bzip2: it ends too early"
    case .corrupt: "expand bzip2: it is corrupt"
    case .checksum: "expand bzip2: the checksum does not match"
    case .randomised: "expand bzip2: randomised blocks, from before 1999, are not supported"
    case .tooLarge: "expand bzip2: more bytes than the limit"
    }
  }
}
