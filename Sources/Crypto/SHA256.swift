import CMbedTLS

/// SHA-256 (FIPS 180-4).
public enum SHA256 {
  public static let digestBytes = 32

  public static func hash(_ message: [UInt8]) throws(CryptoError) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: digestBytes)
    try check(digest.withUnsafeMutableBufferPointer { mbedtls_sha256_ret(message, message.count, $0.baseAddress, 0) })
    return digest
  }
}
