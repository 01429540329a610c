extension BZip2 {
  /// Packs at most `maximumInputBytes` into a stream of one block. It takes more trouble than other packers do: for a
  /// list of services a few bytes decide whether one more fits.
  public static func pack(_ input: [UInt8]) -> [UInt8] {
    precondition(input.count <= maximumInputBytes)
    var writer = BitWriter()
    for byte in signature { writer.append(UInt32(byte), bits: 8) }
    // The smallest blocks, so that who expands it needs the least memory.
    writer.append(UInt32(UInt8(ascii: "1")), bits: 8)
    let sum = checksum(input[...])
    if !input.isEmpty {
      writer.append(blockMark)
      writer.append(word: sum)
      appendBlock(input, to: &writer)
    }
    writer.append(endMark)
    writer.append(word: input.isEmpty ? 0 : combine(0, sum))
    return writer.finish()
  }

  private static func appendBlock(_ input: [UInt8], to writer: inout BitWriter) {
    let transformed = BurrowsWheeler.transform(shortenRuns(input))
    writer.append(0, bits: 1)
    writer.append(UInt32(transformed.origin), bits: 24)
    var isUsed = [Bool](repeating: false, count: 256)
    for byte in transformed.lastColumn { isUsed[Int(byte)] = true }
    append(usedBytes: isUsed, to: &writer)
    let recent = (0..<256).compactMap { isUsed[$0] ? UInt8($0) : nil }
    let symbols = moveToFront(transformed.lastColumn, recent)
    PrefixCoding.best(for: symbols, symbolCount: recent.count + 2).append(symbols, to: &writer)
  }

  /// A run of four bytes to 259 becomes four of them and the number of the others.
  private static func shortenRuns(_ input: [UInt8]) -> [UInt8] {
    var output: [UInt8] = []
    var index = 0
    while index < input.count {
      let byte = input[index]
      var count = 1
      while count < runBytes + 255, index + count < input.count, input[index + count] == byte { count += 1 }
      for _ in 0..<min(count, runBytes) { output.append(byte) }
      if count >= runBytes { output.append(UInt8(count - runBytes)) }
      index += count
    }
    return output
  }

  private static func append(usedBytes isUsed: [Bool], to writer: inout BitWriter) {
    func map(_ high: Int) -> UInt32 { (0..<16).reduce(0) { $0 << 1 | (isUsed[high * 16 + $1] ? 1 : 0) } }
    writer.append((0..<16).reduce(0) { $0 << 1 | (map($1) == 0 ? 0 : 1) }, bits: 16)
    for high in 0..<16 where map(high) != 0 { writer.append(map(high), bits: 16) }
  }

  /// Each byte as its place among those that were met last; how often the foremost one comes, as a number; and the end.
  private static func moveToFront(_ bytes: [UInt8], _ used: [UInt8]) -> [UInt16] {
    var recent = used
    var symbols: [UInt16] = []
    var run = 0
    func endRun() {
      while run > 0 {
        symbols.append(run % 2 == 1 ? 0 : 1)
        run = (run - 1) / 2
      }
    }
    for byte in bytes {
      if byte == recent[0] {
        run += 1
        continue
      }
      endRun()
      var place = 0
      while recent[place] != byte { place += 1 }
      symbols.append(UInt16(place + 1))
      recent.remove(at: place)
      recent.insert(byte, at: 0)
    }
    endRun()
    symbols.append(UInt16(used.count + 1))
    return symbols
  }
}

/// Writes numbers of some bits, the most significant bit first.
struct BitWriter {
  private var bytes: [UInt8] = []
  private var pending: UInt32 = 0
  private var pendingBits: UInt32 = 0

  /// The lowest bits of a number, 24 at most.
  mutating func append(_ number: UInt32, bits: UInt32) {
    pending = pending << bits | number
    pendingBits += bits
    while pendingBits >= 8 {
      pendingBits -= 8
      bytes.append(UInt8(truncatingIfNeeded: pending >> pendingBits))
    }
  }

  mutating func append(_ mark: (UInt32, UInt32)) {
    append(mark.0, bits: 24)
    append(mark.1, bits: 24)
  }

  mutating func append(word: UInt32) {
    append(word >> 16, bits: 16)
    append(word & 0xFFFF, bits: 16)
  }

  /// All that was written, the last byte filled up with zeros.
  mutating func finish() -> [UInt8] {
    if pendingBits > 0 { append(0, bits: 8 - pendingBits) }
    return bytes
  }
}
