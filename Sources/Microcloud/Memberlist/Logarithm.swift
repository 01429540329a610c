/// Logarithms of small whole numbers, without floating point and its library.
enum Logarithm {
  private static let fractionBits: UInt64 = 24

  /// log2 of a number from 1 on, in units of 2^-24, rounded down.
  static func base2(_ number: UInt32) -> UInt64 {
    let whole = 31 - number.leadingZeroBitCount
    // 1 <= mantissa < 2, with 31 bits of fraction. Squaring doubles the logarithm, whose next bit becomes the whole part.
    var mantissa = UInt64(number) << UInt64(31 - whole)
    var result = UInt64(whole)
    for _ in 0..<fractionBits {
      mantissa = (mantissa * mantissa) >> 31
      let bit = mantissa >> 32
      mantissa >>= bit
      result = result << 1 | bit
    }
    return result
  }

  /// log10 of a number from 1 on, in thousandths.
  static func base10Thousandths(_ number: UInt32) -> UInt64 {
    // Half a thousandth more than the rounding down above could have taken away.
    (base2(number) * 1000 + 500) / base2(10)
  }

  /// How many digits a count has: log10(count + 1), rounded up.
  static func decimalDigits(_ count: Int) -> Int {
    var digits = 0
    var rest = count
    while rest > 0 {
      rest /= 10
      digits += 1
    }
    return digits
  }
}
