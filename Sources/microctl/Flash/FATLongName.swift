import Basics

/// A file's name as a FAT directory has it: eight letters and three, and in the entries before that, from its end to its
/// beginning, the whole.
struct FATLongName {
  /// The first byte of an entry that is none any more.
  static let deleted: UInt8 = 0xE5

  private static let longNameAttributes: UInt8 = 0x0F
  private static let lastPiece: UInt8 = 0x40
  /// Where an entry has its thirteen letters, of 16 bits each.
  private static let letterOffsets = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30]
  /// Of 255 letters.
  private static let maximumPieces = 20

  private var letters: [UInt16] = []
  /// How many more pieces are to come before the file's own entry.
  private var remaining = 0
  private var checksum: UInt8 = 0

  /// Takes an entry that is a piece of a long name; false: it is none.
  mutating func take(_ entry: ArraySlice<UInt8>) -> Bool {
    let bytes = Array(entry)
    guard bytes[0] != Self.deleted, bytes[11] & 0x3F == Self.longNameAttributes else { return false }
    let number = Int(bytes[0] & 0x3F)
    if bytes[0] & Self.lastPiece != 0, number <= Self.maximumPieces {
      letters = []
      remaining = number
      checksum = bytes[13]
    }
    guard remaining > 0, number == remaining, bytes[13] == checksum else {
      letters = []
      remaining = 0
      return true
    }
    remaining -= 1
    letters = Self.letterOffsets.map { UInt16(bytes[$0]) | UInt16(bytes[$0 + 1]) << 8 } + letters
    return true
  }

  /// Whether this is the name of the file whose own entry this is. What was taken is used up.
  mutating func names(_ entry: ArraySlice<UInt8>, _ name: String) -> Bool {
    defer { self = FATLongName() }
    let wanted = name.utf8.map { ASCII.lowercased($0) }
    let short = Array(entry.prefix(11))
    if !letters.isEmpty, remaining == 0, checksum == Self.checksum(of: short) {
      let long = letters.prefix { $0 != 0 }
      return long.count == wanted.count
        && zip(long, wanted).allSatisfy { $0 < 0x80 && ASCII.lowercased(UInt8($0)) == $1 }
    }
    return Self.text(of: short) == wanted
  }

  /// `NAME    EXT` as `name.ext`.
  private static func text(of short: [UInt8]) -> [UInt8] {
    let name = short[..<8].prefix { $0 != ASCII.space }
    let rest = short[8...].prefix { $0 != ASCII.space }
    return (Array(name) + (rest.isEmpty ? [] : [UInt8(ascii: ".")] + rest)).map { ASCII.lowercased($0) }
  }

  private static func checksum(of short: [UInt8]) -> UInt8 {
    short.reduce(0) { ($0 >> 1 | $0 << 7) &+ $1 }
  }
}
