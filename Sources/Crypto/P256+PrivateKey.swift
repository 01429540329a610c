import CMbedTLS

extension P256 {
  /// A private key, wiped when nobody holds it any more, and its public half.
  public final class PrivateKey {
    /// The number itself, 32 bytes.
    public let scalar: Secret
    public let publicKey: PublicKey

    /// Takes over a number from 1 up to the curve's order.
    public init(scalar: Secret) throws(CryptoError) {
      guard scalar.bytes.count == P256.fieldBytes else { throw .wrongLength }
      let curve = try Curve()
      let number = try Number(scalar.bytes[...])
      if mbedtls_ecp_check_privkey(curve.group, number.value) != 0 { throw .invalidPrivateKey }
      let point = Point()
      try check(
        mbedtls_ecp_mul(curve.group, point.value, number.value, &curve.group.pointee.G, randomBytes, nil))
      self.scalar = scalar
      publicKey = try point.key(on: curve)
    }

    /// A new key, of the kernel's random bytes.
    public static func generate() throws(CryptoError) -> PrivateKey {
      let curve = try Curve()
      let number = Number()
      try check(mbedtls_ecp_gen_privkey(curve.group, number.value, randomBytes, nil))
      return try PrivateKey(scalar: Secret(number.bytes()))
    }

    /// The secret that only the holders of the two private keys know: a coordinate, so not yet a key (see `HKDF`).
    public func sharedSecret(with peer: PublicKey) throws(CryptoError) -> Secret {
      let curve = try Curve()
      let point = try Point(peer, on: curve)
      let number = try Number(scalar.bytes[...])
      let shared = Number()
      try check(
        mbedtls_ecdh_compute_shared(curve.group, shared.value, point.value, number.value, randomBytes, nil))
      return Secret(try shared.bytes())
    }

    /// The signature of a message, r and s one after the other; always the same (RFC 6979), so that no lack of randomness
    /// gives the key away.
    public func signature(of message: [UInt8]) throws(CryptoError) -> [UInt8] {
      let curve = try Curve()
      let number = try Number(scalar.bytes[...])
      let digest = try SHA256.hash(message)
      let r = Number()
      let s = Number()
      let code = mbedtls_ecdsa_sign_det_ext(
        curve.group, r.value, s.value, number.value, digest, digest.count, MBEDTLS_MD_SHA256, randomBytes, nil)
      try check(code)
      return try r.bytes() + s.bytes()
    }
  }
}
