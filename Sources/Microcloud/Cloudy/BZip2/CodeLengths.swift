/// Lengths of the codes of a canonical prefix code, symbol by symbol, chosen with regard to what it takes to write the
/// lengths themselves: in a short text that is a good part of the whole.
enum CodeLengths {
  /// Longer codes are of no use to texts as short as ours.
  private static let most = 12
  /// What a step from one length to the next takes.
  private static let stepBits = 2
  /// Costs are in units of which a bit has so many.
  private static let scale: UInt64 = 1024

  /// The lengths that take the fewest bits, or nearly so, for symbols that come so often.
  ///
  /// Without the rule that codes must be told apart (the sum of 2^-length is at most 1), the shortest way through all
  /// lengths is found symbol by symbol. So that rule becomes a price on short codes, about the lowest at which it is
  /// kept.
  static func fitting(_ frequencies: [UInt32]) -> [UInt8] {
    var low: UInt64 = 0
    // What it would be if the lengths themselves took nothing is a little more.
    var high = 1 + (UInt64(frequencies.reduce(0, +)) * scale) >> UInt64(most + 1)
    var best = shortest(frequencies, price: high)
    while used(best) > 1 << most {
      low = high
      high *= 2
      best = shortest(frequencies, price: high)
    }
    while high - low > 1 + high / 16 {
      let price = (low + high) / 2
      let lengths = shortest(frequencies, price: price)
      if used(lengths) > 1 << most {
        low = price
      } else {
        high = price
        best = lengths
      }
    }
    useUp(&best, frequencies)
    return best
  }

  /// Lengths for a code that nothing uses, cheap to write.
  static func even(_ symbolCount: Int) -> [UInt8] {
    var length: UInt8 = 1
    while 1 << Int(length) < symbolCount { length += 1 }
    let shorter = 1 << Int(length) - symbolCount
    return (0..<symbolCount).map { $0 < shorter ? length - 1 : length }
  }

  /// How much of the room for codes these take, of `1 << most`.
  private static func used(_ lengths: [UInt8]) -> Int {
    lengths.reduce(0) { $0 + 1 << (most - Int($1)) }
  }

  /// The cheapest lengths if a code of length l costs `price * 2^(most - l)` units beside its own bits.
  private static func shortest(_ frequencies: [UInt32], price: UInt64) -> [UInt8] {
    let step = scale * UInt64(stepBits)
    var costs = [UInt64](repeating: 0, count: most + 1)
    // For each symbol and length, the length of the symbol before on the cheapest way there.
    var before = [UInt8](repeating: 0, count: frequencies.count * (most + 1))
    for (symbol, frequency) in frequencies.enumerated() {
      let row = symbol * (most + 1)
      for length in 1...most { before[row + length] = UInt8(length) }
      for length in 2...most where costs[length - 1] + step < costs[length] {
        costs[length] = costs[length - 1] + step
        before[row + length] = before[row + length - 1]
      }
      for length in (1..<most).reversed() where costs[length + 1] + step < costs[length] {
        costs[length] = costs[length + 1] + step
        before[row + length] = before[row + length + 1]
      }
      for length in 1...most {
        costs[length] += UInt64(frequency) * UInt64(length) * scale + price << UInt64(most - length)
      }
    }
    var length = (1...most).reduce(1) { costs[$1] < costs[$0] ? $1 : $0 }
    var lengths = [UInt8](repeating: 0, count: frequencies.count)
    for symbol in frequencies.indices.reversed() {
      lengths[symbol] = UInt8(length)
      length = Int(before[symbol * (most + 1) + length])
    }
    return lengths
  }

  /// Shortens codes until no room is left, which some readers insist on. The longest code takes what there is at least.
  private static func useUp(_ lengths: inout [UInt8], _ frequencies: [UInt32]) {
    var room = 1 << most - used(lengths)
    while room > 0 {
      var best: (symbol: Int, saved: Int)?
      for symbol in lengths.indices where 1 << (most - Int(lengths[symbol])) <= room {
        let saved = Int(frequencies[symbol]) - stepBits * stepsAdded(shortening: symbol, of: lengths)
        if best.map({ saved > $0.saved }) ?? true { best = (symbol, saved) }
      }
      guard let best else { return }
      room -= 1 << (most - Int(lengths[best.symbol]))
      lengths[best.symbol] -= 1
    }
  }

  private static func stepsAdded(shortening symbol: Int, of lengths: [UInt8]) -> Int {
    var added = 0
    if symbol > 0 { added += lengths[symbol - 1] < lengths[symbol] ? -1 : 1 }
    if symbol + 1 < lengths.count { added += lengths[symbol + 1] < lengths[symbol] ? -1 : 1 }
    return added
  }

  // MARK: Writing

  /// What the lengths take to write.
  static func bits(_ lengths: [UInt8]) -> Int {
    var bits = 5 + lengths.count
    for symbol in 1..<lengths.count {
      bits += stepBits * abs(Int(lengths[symbol]) - Int(lengths[symbol - 1]))
    }
    return bits
  }

  /// Writes the first length, and from each to the next in steps of one.
  static func append(_ lengths: [UInt8], to writer: inout BitWriter) {
    var last = lengths[0]
    writer.append(UInt32(last), bits: 5)
    for length in lengths {
      while last != length {
        writer.append(last < length ? 0b10 : 0b11, bits: 2)
        last = last < length ? last + 1 : last - 1
      }
      writer.append(0, bits: 1)
    }
  }

  /// The codes themselves: shorter ones first, and among those of a length the lower symbols.
  static func words(_ lengths: [UInt8]) -> [UInt16] {
    var words = [UInt16](repeating: 0, count: lengths.count)
    var word: UInt16 = 0
    for length in 1...most {
      for symbol in lengths.indices where Int(lengths[symbol]) == length {
        words[symbol] = word
        word += 1
      }
      word <<= 1
    }
    return words
  }
}
