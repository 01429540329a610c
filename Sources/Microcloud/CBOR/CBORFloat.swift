/// Half-precision floats by their bits: no library function of the boards' C runtime is needed.
enum CBORFloat {
  /// The value of a 16 bit float (IEEE 754 binary16).
  static func double(half: UInt16) -> Double {
    let sign = UInt64(half >> 15) << 63
    let exponent = UInt64(half >> 10 & 0x1F)
    let fraction = UInt64(half & 0x3FF)
    switch exponent {
    case 0:  // Subnormal: multiples of 2^-24.
      let magnitude = Double(fraction) * 0x1p-24
      return sign == 0 ? magnitude : -magnitude
    case 31: return Double(bitPattern: sign | 0x7FF << 52 | fraction << 42)
    default: return Double(bitPattern: sign | (exponent + 1023 - 15) << 52 | fraction << 42)
    }
  }

  /// The 16 bit float of exactly this value, or nil; every NaN gives the quiet one without payload.
  static func half(_ value: Double) -> UInt16? {
    if value.isNaN { return 0x7E00 }
    let bits = value.bitPattern
    let sign = UInt16(truncatingIfNeeded: bits >> 48 & 0x8000)
    if value.isInfinite { return sign | 0x7C00 }
    let exponent = Int(bits >> 52 & 0x7FF) - 1023
    let fraction = bits & (1 << 52 - 1)
    switch exponent {
    case -1023: return fraction == 0 ? sign : nil
    case -14...15:
      guard let top = shifted(fraction, by: 42) else { return nil }
      return sign | UInt16(exponent + 15) << 10 | top
    case -24 ..< -14:
      guard let top = shifted(fraction | 1 << 52, by: 28 - exponent) else { return nil }
      return sign | top
    default: return nil
    }
  }

  /// `bits` without the lowest `count`, or nil if one of them is set.
  private static func shifted(_ bits: UInt64, by count: Int) -> UInt16? {
    let top = bits >> UInt64(count)
    return top << UInt64(count) == bits ? UInt16(truncatingIfNeeded: top) : nil
  }
}
