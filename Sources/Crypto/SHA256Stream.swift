import CMbedTLS

/// SHA-256 of bytes that come piece by piece.
public struct SHA256Stream: ~Copyable {
  private var context = mbedtls_sha256_context()

  public init() throws(CryptoError) {
    mbedtls_sha256_init(&context)
    try check(mbedtls_sha256_starts_ret(&context, 0))
  }

  /// Takes the next bytes.
  public mutating func update(_ bytes: UnsafeRawBufferPointer) throws(CryptoError) {
    guard let start = bytes.baseAddress else { return }
    try check(mbedtls_sha256_update_ret(&context, start.assumingMemoryBound(to: UInt8.self), bytes.count))
  }

  /// The hash of all bytes; nothing can follow.
  public consuming func finish() throws(CryptoError) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: SHA256.digestBytes)
    try check(digest.withUnsafeMutableBufferPointer { mbedtls_sha256_finish_ret(&context, $0.baseAddress) })
    return digest
  }
}
