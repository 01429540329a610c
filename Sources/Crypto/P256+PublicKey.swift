import CMbedTLS

extension P256 {
  /// A point of the curve, and not the one at infinity: nothing else becomes a key.
  public struct PublicKey: Equatable, Hashable, Sendable {
    /// The coordinates, 32 bytes each.
    public let x: [UInt8]
    public let y: [UInt8]

    /// A point as SEC 1 section 2.3.3 writes it: 65 bytes that begin with 4, or compressed 33 that begin with 2 or 3.
    ///
    /// EDHOC sends x alone, for which 2 may be put in front: ECDH gives the same with either y.
    public init(_ encoded: [UInt8]) throws(CryptoError) {
      let curve = try Curve()
      let point = Point()
      switch (encoded.count, encoded.first) {
      case (1 + 2 * P256.fieldBytes, 4):
        let code = mbedtls_ecp_point_read_binary(curve.group, point.value, encoded, encoded.count)
        if code != 0 { throw .invalidPoint }
        x = Array(encoded[1...P256.fieldBytes])
        y = Array(encoded[(1 + P256.fieldBytes)...])
      case (1 + P256.fieldBytes, let sign?) where sign == 2 || sign == 3:
        x = Array(encoded[1...])
        y = try Self.y(of: x, isOdd: sign == 3, on: curve)
        let whole = [4] + x + y
        let code = mbedtls_ecp_point_read_binary(curve.group, point.value, whole, whole.count)
        if code != 0 { throw .invalidPoint }
      default: throw .invalidPoint
      }
      try check(mbedtls_ecp_check_pubkey(curve.group, point.value))
    }

    public var uncompressed: [UInt8] { [4] + x + y }

    public var compressed: [UInt8] { [2 + (y[P256.fieldBytes - 1] & 1)] + x }

    /// Whether the holder of the private key signed `message`. `signature` is r and s, one after the other.
    public func isValid(_ signature: [UInt8], of message: [UInt8]) throws(CryptoError) -> Bool {
      guard signature.count == P256.signatureBytes else { return false }
      let curve = try Curve()
      let point = try Point(self, on: curve)
      let r = try Number(signature[..<P256.fieldBytes])
      let s = try Number(signature[P256.fieldBytes...])
      let digest = try SHA256.hash(message)
      let code = mbedtls_ecdsa_verify(curve.group, digest, digest.count, point.value, r.value, s.value)
      if code == MBEDTLS_ERR_ECP_VERIFY_FAILED { return false }
      try check(code)
      return true
    }

    /// A y for this x, if there is one: a square root of x³ - 3x + b, which for this prime is a power. mbedtls 2.28 reads
    /// no compressed points. If x has no point, this is not one either.
    private static func y(
      of x: [UInt8], isOdd: Bool, on curve: borrowing Curve
    ) throws(CryptoError) -> [UInt8] {
      let prime = curve.group
      let x = try Number(x[...])
      let square = Number()
      try check(mbedtls_mpi_mul_mpi(square.value, x.value, x.value))
      try check(mbedtls_mpi_sub_int(square.value, square.value, 3))
      try check(mbedtls_mpi_mul_mpi(square.value, square.value, x.value))
      try check(mbedtls_mpi_add_mpi(square.value, square.value, &prime.pointee.B))
      try check(mbedtls_mpi_mod_mpi(square.value, square.value, &prime.pointee.P))
      let exponent = Number()
      try check(mbedtls_mpi_add_int(exponent.value, &prime.pointee.P, 1))
      try check(mbedtls_mpi_shift_r(exponent.value, 2))
      let y = Number()
      try check(mbedtls_mpi_exp_mod(y.value, square.value, exponent.value, &prime.pointee.P, nil))
      if (mbedtls_mpi_get_bit(y.value, 0) == 1) != isOdd {
        try check(mbedtls_mpi_sub_mpi(y.value, &prime.pointee.P, y.value))
      }
      return try y.bytes()
    }
  }
}
