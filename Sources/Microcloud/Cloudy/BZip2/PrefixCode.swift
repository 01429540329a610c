/// A canonical prefix code for reading: only the length of each symbol's code is known, shorter codes come first, and
/// among those of a length the lower symbols.
struct PrefixCode {
  /// How many codes there are of each length.
  private var counts = [UInt16](repeating: 0, count: BZip2.codeBits.upperBound + 1)
  /// All symbols in the order of their codes.
  private var symbols: [UInt16] = []

  /// Some codes may be unused; more codes than there is room for are corrupt.
  init(lengths: [UInt8]) throws(BZip2Error) {
    for length in lengths { counts[Int(length)] += 1 }
    var room = 1
    for length in BZip2.codeBits {
      room = room * 2 - Int(counts[length])
      if room < 0 { throw .corrupt }
      if counts[length] == 0 { continue }
      for symbol in lengths.indices where lengths[symbol] == length { symbols.append(UInt16(symbol)) }
    }
  }

  func symbol(from reader: inout BitReader) throws(BZip2Error) -> Int {
    /// Of the codes of this length: the one that is read, the first one, and the place of its symbol.
    var code = 0
    var first = 0
    var place = 0
    for length in BZip2.codeBits {
      code = code * 2 + (try reader.bit() ? 1 : 0)
      first *= 2
      let count = Int(counts[length])
      if code - first < count { return Int(symbols[place + code - first]) }
      place += count
      first += count
    }
    throw .corrupt
  }
}
