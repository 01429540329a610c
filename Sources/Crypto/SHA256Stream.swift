import CMbedTLS

/// SHA-256 of bytes that come piece by piece.
public struct SHA256Stream: ~Copyable {
  private var context = mbedtls_sha256_context()

  public init() throws(CryptoError) {
    mbedtls_sha256_init(&context)
    try check(mbedtls_sha256_starts_ret(&context, 0))
  }

  /// Takes the next bytes.
  public mutating func update(_ bytes: ArraySlice<UInt8>) throws(CryptoError) {
    try check(bytes.withUnsafeBufferPointer { mbedtls_sha256_update_ret(&context, $0.baseAddress, $0.count) })
  }

  /// The hash of all bytes. What follows would be of no message.
  public mutating func finish() throws(CryptoError) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: SHA256.digestBytes)
    try check(digest.withUnsafeMutableBufferPointer { mbedtls_sha256_finish_ret(&context, $0.baseAddress) })
    return digest
  }
}
