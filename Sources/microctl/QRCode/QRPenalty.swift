/// How much a QR code looks like what a camera could take for something else (ISO/IEC 18004 section 7.8.3).
enum QRPenalty {
  static func of(_ code: QRCode) -> Int {
    let range = 0..<code.size
    let rows = range.map { row in range.map { code[row, $0] } }
    let columns = range.map { column in range.map { code[$0, column] } }
    return (rows + columns).reduce(0) { $0 + runs($1) + finders($1) } + squares(code) + imbalance(code)
  }

  /// Five or more of one colour in a row.
  private static func runs(_ line: [Bool]) -> Int {
    var penalty = 0
    var length = 0
    for index in line.indices {
      length = index > 0 && line[index] == line[index - 1] ? length + 1 : 1
      penalty += length == 5 ? 3 : length > 5 ? 1 : 0
    }
    return penalty
  }

  /// What a finder pattern looks like across its middle, with four light modules before or behind it.
  private static func finders(_ line: [Bool]) -> Int {
    let finder = [true, false, true, true, true, false, true]
    var penalty = 0
    for start in 0...(line.count - finder.count) where Array(line[start..<start + finder.count]) == finder {
      let before = line[max(0, start - 4)..<start]
      let behind = line[(start + finder.count)..<min(line.count, start + finder.count + 4)]
      if !before.contains(true) || !behind.contains(true) { penalty += 40 }
    }
    return penalty
  }

  /// Two by two of one colour.
  private static func squares(_ code: QRCode) -> Int {
    var penalty = 0
    for row in 1..<code.size {
      for column in 1..<code.size {
        let colour = code[row, column]
        if code[row - 1, column] == colour, code[row, column - 1] == colour, code[row - 1, column - 1] == colour {
          penalty += 3
        }
      }
    }
    return penalty
  }

  /// For each twentieth that the dark modules are away from half of all.
  private static func imbalance(_ code: QRCode) -> Int {
    var dark = 0
    for row in 0..<code.size {
      for column in 0..<code.size where code[row, column] { dark += 1 }
    }
    let total = code.size * code.size
    return abs(dark * 20 - total * 10) / total * 10
  }
}
