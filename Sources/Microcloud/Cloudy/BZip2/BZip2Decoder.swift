extension BZip2 {
  /// What a stream, or several one after another, stands for: `limit` bytes at most, and never more than
  /// `maximumOutputBytes`.
  ///
  /// Memory grows with what is really there, and hostile bytes get no more of it than four times the limit.
  public static func expand(
    _ input: ArraySlice<UInt8>, limit: Int = maximumOutputBytes
  ) throws(BZip2Error) -> [UInt8] {
    var decoder = BZip2Decoder(input, limit: min(limit, maximumOutputBytes))
    return try decoder.expand()
  }
}

/// Expands bzip2.
private struct BZip2Decoder {
  private var reader: BitReader
  private var output: [UInt8] = []
  private let limit: Int

  init(_ input: ArraySlice<UInt8>, limit: Int) {
    reader = BitReader(input)
    self.limit = limit
  }

  mutating func expand() throws(BZip2Error) -> [UInt8] {
    repeat {
      try expandStream()
      reader.alignToByte()
    } while !reader.isAtEnd
    return output
  }

  private mutating func expandStream() throws(BZip2Error) {
    for byte in BZip2.signature where try reader.number(bits: 8) != byte { throw .notBZip2 }
    // How many hundred thousand bytes a block may have, which is more than we take anyway.
    let level = try reader.number(bits: 8)
    guard level >= 0x31, level <= 0x39 else { throw .notBZip2 }
    var combined: UInt32 = 0
    while true {
      let mark = (try reader.number(bits: 24), try reader.number(bits: 24))
      let sum = try reader.word()
      if mark == BZip2.endMark {
        if sum != combined { throw .checksum }
        return
      }
      if mark != BZip2.blockMark { throw .corrupt }
      let start = output.count
      try expandBlock()
      if BZip2.checksum(output[start...]) != sum { throw .checksum }
      combined = BZip2.combine(combined, sum)
    }
  }

  private mutating func expandBlock() throws(BZip2Error) {
    if try reader.bit() { throw .randomised }
    let origin = Int(try reader.number(bits: 24))
    let bytes = try readSymbols()
    if origin >= bytes.count { throw .corrupt }
    let next = Self.successors(of: bytes)
    var place = Int(next[origin])
    var last: UInt8 = 0
    var run = 0
    for _ in bytes.indices {
      let byte = bytes[place]
      place = Int(next[place])
      if run == BZip2.runBytes {
        try append(last, count: Int(byte))
        run = 0
      } else {
        run = run > 0 && byte == last ? run + 1 : 1
        last = byte
        try append(byte, count: 1)
      }
    }
    if run == BZip2.runBytes { throw .corrupt }
  }

  private mutating func append(_ byte: UInt8, count: Int) throws(BZip2Error) {
    if count > limit - output.count { throw .tooLarge }
    for _ in 0..<count { output.append(byte) }
  }

  /// From each place in the last column of the sorted rotations to that of the byte that follows.
  private static func successors(of bytes: [UInt8]) -> [UInt16] {
    var places = [Int](repeating: 0, count: 257)
    for byte in bytes { places[Int(byte) + 1] += 1 }
    for value in 1..<256 { places[value] += places[value - 1] }
    var next = [UInt16](repeating: 0, count: bytes.count)
    for index in bytes.indices {
      let value = Int(bytes[index])
      next[places[value]] = UInt16(index)
      places[value] += 1
    }
    return next
  }

  // MARK: Symbols

  /// The bytes of a block in the order of the sorted rotations.
  private mutating func readSymbols() throws(BZip2Error) -> [UInt8] {
    // A run of four is five bytes in a block and four outside; nothing else takes more room inside.
    let room = limit - output.count
    let most = min(room + room / 4, BZip2.maximumOutputBytes)
    var recent = try readUsedBytes()
    let endSymbol = recent.count + 1
    let codeCount = Int(try reader.number(bits: 3))
    guard BZip2.codeCounts.contains(codeCount) else { throw .corrupt }
    let selectors = try readSelectors(codeCount: codeCount, most: most / BZip2.groupSymbols + 1)
    var codes: [PrefixCode] = []
    for _ in 0..<codeCount { codes.append(try readCode(symbols: endSymbol + 1)) }

    var bytes: [UInt8] = []
    var run = 0
    var digit = 1
    for selector in selectors {
      for _ in 0..<BZip2.groupSymbols {
        let symbol = try codes[Int(selector)].symbol(from: &reader)
        if symbol < BZip2.runSymbols {
          run += digit * (symbol + 1)
          digit *= 2
          if run > most - bytes.count { throw .tooLarge }
          continue
        }
        for _ in 0..<run { bytes.append(recent[0]) }
        run = 0
        digit = 1
        if symbol == endSymbol { return bytes }
        if bytes.count == most { throw .tooLarge }
        let byte = recent.remove(at: symbol - 1)
        recent.insert(byte, at: 0)
        bytes.append(byte)
      }
    }
    throw selectors.count == most / BZip2.groupSymbols + 1 ? .tooLarge : .corrupt
  }

  /// Which bytes occur: 16 bits say in which sixteenths, and 16 more for each of these.
  private mutating func readUsedBytes() throws(BZip2Error) -> [UInt8] {
    var used: [UInt8] = []
    let sixteenths = try reader.number(bits: 16)
    for high in 0..<UInt8(16) where sixteenths << high & 0x8000 != 0 {
      let map = try reader.number(bits: 16)
      for low in 0..<UInt8(16) where map << low & 0x8000 != 0 { used.append(high << 4 | low) }
    }
    if used.isEmpty { throw .corrupt }
    return used
  }

  /// Group by group the code that it uses. Further ones than a block of the greatest size needs are passed over.
  private mutating func readSelectors(codeCount: Int, most: Int) throws(BZip2Error) -> [UInt8] {
    var recent = Array(0..<UInt8(codeCount))
    var selectors: [UInt8] = []
    for _ in 0..<(try reader.number(bits: 15)) {
      var place = 0
      while try reader.bit() {
        place += 1
        if place == codeCount { throw .corrupt }
      }
      let selector = recent.remove(at: place)
      recent.insert(selector, at: 0)
      if selectors.count < most { selectors.append(selector) }
    }
    return selectors
  }

  /// The lengths of the codes: the first one, and from each to the next in steps of one.
  private mutating func readCode(symbols: Int) throws(BZip2Error) -> PrefixCode {
    var lengths: [UInt8] = []
    var length = Int(try reader.number(bits: 5))
    for _ in 0..<symbols {
      while true {
        guard BZip2.codeBits.contains(length) else { throw .corrupt }
        guard try reader.bit() else { break }
        length += try reader.bit() ? -1 : 1
      }
      lengths.append(UInt8(length))
    }
    return try PrefixCode(lengths: lengths)
  }
}
