import CMbedTLS

/// Keys from a shared secret: HKDF with SHA-256 (RFC 5869).
public enum HKDF {
  /// The most bytes that one secret expands to.
  public static let maximumBytes = 255 * SHA256.digestBytes

  /// A secret as good as random, of `input`, which need not be: 32 bytes. An empty salt is one of zeros.
  public static func extract(salt: [UInt8], input: Secret) throws(CryptoError) -> Secret {
    try Secret(count: SHA256.digestBytes) {
      mbedtls_hkdf_extract(sha256, salt, salt.count, input.bytes, input.bytes.count, $0)
    }
  }

  /// `count` bytes for the purpose that `info` names.
  public static func expand(_ secret: Secret, info: [UInt8], count: Int) throws(CryptoError) -> Secret {
    guard count > 0, count <= maximumBytes else { throw .wrongLength }
    return try Secret(count: count) {
      mbedtls_hkdf_expand(sha256, secret.bytes, secret.bytes.count, info, info.count, $0, count)
    }
  }

  private static var sha256: OpaquePointer? { mbedtls_md_info_from_type(MBEDTLS_MD_SHA256) }
}
