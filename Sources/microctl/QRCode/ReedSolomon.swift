/// The error correction of QR codes (ISO/IEC 18004 section 7.5): polynomials over the field of 256 elements with x^8 + x^4 +
/// x^3 + x^2 + 1.
enum ReedSolomon {
  /// The codewords that go with these.
  static func correction(of data: ArraySlice<UInt8>, count: Int) -> [UInt8] {
    let generator = generator(degree: count)
    var remainder = [UInt8](repeating: 0, count: count)
    for byte in data {
      let factor = byte ^ remainder.removeFirst()
      remainder.append(0)
      for index in remainder.indices { remainder[index] ^= product(generator[index], factor) }
    }
    return remainder
  }

  /// The product of (x - 2^i) for i below the degree, without its first coefficient, which is 1.
  private static func generator(degree: Int) -> [UInt8] {
    var coefficients = [UInt8](repeating: 0, count: degree)
    coefficients[degree - 1] = 1
    var root: UInt8 = 1
    for _ in 0..<degree {
      for index in coefficients.indices {
        let next = index + 1 < degree ? coefficients[index + 1] : 0
        coefficients[index] = product(coefficients[index], root) ^ next
      }
      root = product(root, 2)
    }
    return coefficients
  }

  private static func product(_ left: UInt8, _ right: UInt8) -> UInt8 {
    var product: UInt8 = 0
    for bit in (0..<8).reversed() {
      let carries = product & 0x80 != 0
      product = product << 1 ^ (carries ? 0x1D : 0)
      if right >> UInt8(bit) & 1 != 0 { product ^= left }
    }
    return product
  }
}
