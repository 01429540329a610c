/// A QR code (ISO/IEC 18004) of some bytes, for a camera to read from a screen.
struct QRCode {
  /// Modules along each side.
  let size: Int
  private var isDark: [Bool]
  /// Has a place of its own in each code, and carries no data.
  private var isFixed: [Bool]

  /// Nil: more bytes than we make a code of.
  init?(_ bytes: [UInt8]) {
    guard let version = QRVersion(bytes: bytes.count) else { return nil }
    size = version.size
    isDark = [Bool](repeating: false, count: size * size)
    isFixed = isDark
    drawFixed(version)
    drawData(QRCodewords.of(bytes, version))
    chooseMask()
  }

  /// Whether a module is dark; what is outside is light.
  subscript(row: Int, column: Int) -> Bool {
    (0..<size).contains(row) && (0..<size).contains(column) && isDark[row * size + column]
  }

  private mutating func set(_ row: Int, _ column: Int, _ dark: Bool) {
    guard (0..<size).contains(row), (0..<size).contains(column) else { return }
    isDark[row * size + column] = dark
    isFixed[row * size + column] = true
  }

  // MARK: What every code has (section 6.3)

  private mutating func drawFixed(_ version: QRVersion) {
    for index in 0..<size {
      set(6, index, index % 2 == 0)
      set(index, 6, index % 2 == 0)
    }
    for (row, column) in [(3, 3), (3, size - 4), (size - 4, 3)] { drawSquares(row, column, radius: 4) }
    for row in version.alignment {
      for column in version.alignment {
        let isAtFinder = min(row, column) == 6 && (max(row, column) == 6 || max(row, column) == size - 7)
        if !isAtFinder { drawSquares(row, column, radius: 2) }
      }
    }
    drawFormat(mask: 0)
    if version.number >= 7 { drawVersion(version.number) }
  }

  /// A square in rings: dark in the middle, and each second ring but for the light one around all of a finder pattern.
  private mutating func drawSquares(_ row: Int, _ column: Int, radius: Int) {
    for down in -radius...radius {
      for right in -radius...radius {
        let distance = max(abs(down), abs(right))
        let isLight = radius == 4 ? distance == 2 || distance == 4 : distance == 1
        set(row + down, column + right, !isLight)
      }
    }
  }

  /// The level of error correction and the mask, twice (section 7.9).
  private mutating func drawFormat(mask: Int) {
    let lowestLevel = 1
    let bits = Self.withRemainder(lowestLevel << 3 | mask, by: 0x537, degree: 10) ^ 0x5412
    for index in 0..<15 {
      let dark = bits >> index & 1 != 0
      if index < 8 {
        // Past the timing pattern.
        set(index < 6 ? index : index + 1, 8, dark)
        set(8, size - 1 - index, dark)
      } else {
        set(8, index == 8 ? 7 : 14 - index, dark)
        set(size - 15 + index, 8, dark)
      }
    }
    set(size - 8, 8, true)
  }

  /// Its size, twice (section 7.10).
  private mutating func drawVersion(_ number: Int) {
    let bits = Self.withRemainder(number, by: 0x1F25, degree: 12)
    for index in 0..<18 {
      let dark = bits >> index & 1 != 0
      set(size - 11 + index % 3, index / 3, dark)
      set(index / 3, size - 11 + index % 3, dark)
    }
  }

  /// A number with the check bits of a BCH code behind it.
  private static func withRemainder(_ value: Int, by generator: Int, degree: Int) -> Int {
    var remainder = value
    for _ in 0..<degree { remainder = remainder << 1 ^ (remainder >> (degree - 1)) * generator }
    return value << degree | remainder
  }

  // MARK: What this one says (section 7.7.3)

  /// In columns of two from the right, up and down in turn.
  private mutating func drawData(_ codewords: [UInt8]) {
    var bit = 0
    var isUpward = true
    for right in stride(from: size - 1, through: 1, by: -2).map({ $0 <= 6 ? $0 - 1 : $0 }) {
      for step in 0..<size {
        let row = isUpward ? size - 1 - step : step
        for column in [right, right - 1] where !isFixed[row * size + column] && bit < codewords.count * 8 {
          isDark[row * size + column] = codewords[bit / 8] >> UInt8(7 - bit % 8) & 1 != 0
          bit += 1
        }
      }
      isUpward.toggle()
    }
  }

  // MARK: Masks (section 7.8)

  /// The mask under which the code looks least like what a camera takes for something else.
  private mutating func chooseMask() {
    var best = (mask: 0, penalty: Int.max)
    for mask in 0..<8 {
      var candidate = self
      candidate.apply(mask)
      let penalty = QRPenalty.of(candidate)
      if penalty < best.penalty { best = (mask, penalty) }
    }
    apply(best.mask)
  }

  private mutating func apply(_ mask: Int) {
    for row in 0..<size {
      for column in 0..<size where !isFixed[row * size + column] && Self.inverts(mask, row, column) {
        isDark[row * size + column].toggle()
      }
    }
    drawFormat(mask: mask)
  }

  private static func inverts(_ mask: Int, _ row: Int, _ column: Int) -> Bool {
    switch mask {
    case 0: (row + column) % 2 == 0
    case 1: row % 2 == 0
    case 2: column % 3 == 0
    case 3: (row + column) % 3 == 0
    case 4: (row / 2 + column / 3) % 2 == 0
    case 5: row * column % 2 + row * column % 3 == 0
    case 6: (row * column % 2 + row * column % 3) % 2 == 0
    default: ((row + column) % 2 + row * column % 3) % 2 == 0
    }
  }
}
