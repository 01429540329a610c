/// How a block's symbols are written: some prefix codes, and for each group of 50 symbols which of them it uses.
struct PrefixCoding {
  /// The most codes that are tried: more do not pay in texts as short as ours.
  private static let maximumCodes = 4
  /// The most rounds of fitting codes to groups and groups to codes.
  private static let maximumRounds = 4

  /// Code by code the length of each symbol.
  private var codes: [[UInt8]]
  private var selectors: [UInt8]
  /// What it all takes.
  private var bits: Int

  /// The smallest of the ways that are tried.
  static func best(for symbols: [UInt16], symbolCount: Int) -> PrefixCoding {
    let groupCount = (symbols.count + BZip2.groupSymbols - 1) / BZip2.groupSymbols
    var best: PrefixCoding?
    for codeCount in 1...min(groupCount, maximumCodes) {
      // Bytes that stand before the same bytes stand together, so neighbours are alike.
      var selectors = (0..<groupCount).map { UInt8($0 * codeCount / groupCount) }
      for _ in 0..<maximumRounds {
        let coding = PrefixCoding(symbols, symbolCount: symbolCount, codeCount: codeCount, selectors)
        let isBetter = best.map { coding.bits < $0.bits } ?? true
        if isBetter { best = coding }
        if coding.selectors == selectors { break }
        selectors = coding.selectors
      }
    }
    return best!
  }

  /// Fits codes to the groups that use them, then chooses for each group anew.
  private init(_ symbols: [UInt16], symbolCount: Int, codeCount: Int, _ oldSelectors: [UInt8]) {
    codes = []
    bits = 0
    for code in 0..<codeCount {
      var frequencies = [UInt32](repeating: 0, count: symbolCount)
      for (index, symbol) in symbols.enumerated() where oldSelectors[index / BZip2.groupSymbols] == code {
        frequencies[Int(symbol)] += 1
      }
      codes.append(CodeLengths.fitting(frequencies))
    }
    // There must be two.
    if codeCount == 1 { codes.append(CodeLengths.even(symbolCount)) }
    for code in codes { bits += CodeLengths.bits(code) }
    selectors = []
    var recent = Array(0..<UInt8(codes.count))
    for start in stride(from: 0, to: symbols.count, by: BZip2.groupSymbols) {
      let group = symbols[start..<min(start + BZip2.groupSymbols, symbols.count)]
      var cheapest = (place: 0, bits: Int.max)
      for place in recent.indices {
        let code = codes[Int(recent[place])]
        let bits = group.reduce(place + 1) { $0 + Int(code[Int($1)]) }
        if bits < cheapest.bits { cheapest = (place, bits) }
      }
      let selector = recent.remove(at: cheapest.place)
      recent.insert(selector, at: 0)
      selectors.append(selector)
      bits += cheapest.bits
    }
  }

  /// Writes the codes, and the symbols in them.
  func append(_ symbols: [UInt16], to writer: inout BitWriter) {
    writer.append(UInt32(codes.count), bits: 3)
    writer.append(UInt32(selectors.count), bits: 15)
    var recent = Array(0..<UInt8(codes.count))
    for selector in selectors {
      var place = 0
      while recent[place] != selector { place += 1 }
      for _ in 0..<place { writer.append(1, bits: 1) }
      writer.append(0, bits: 1)
      recent.remove(at: place)
      recent.insert(selector, at: 0)
    }
    for code in codes { CodeLengths.append(code, to: &writer) }
    let words = codes.map { CodeLengths.words($0) }
    for (index, symbol) in symbols.enumerated() {
      let code = Int(selectors[index / BZip2.groupSymbols])
      writer.append(UInt32(words[code][Int(symbol)]), bits: UInt32(codes[code][Int(symbol)]))
    }
  }
}
