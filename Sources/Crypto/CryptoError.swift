import CMbedTLS

/// Why a cryptographic operation gave nothing.
public enum CryptoError: Error, Equatable, Sendable, CustomStringConvertible {
  /// A key, nonce, message or output of a length that the operation does not have.
  case wrongLength
  /// Key, nonce, additional data, ciphertext and tag do not belong together.
  case notAuthentic
  /// Bytes that are not a point of the curve.
  case invalidPoint
  /// A number that is not a private key: zero, or not below the curve's order.
  case invalidPrivateKey
  /// The kernel gave no random bytes.
  case noRandomness
  /// Anything else that mbedtls says, as having no memory.
  case failed(code: CInt)

  public var description: String {
    switch self {
    case .wrongLength: "a key, nonce, message or output is of a length that the cipher does not have"
    case .notAuthentic: "the message was not sealed with this key, or was changed since"
    case .invalidPoint: "the public key is not a point of the curve P-256"
    case .invalidPrivateKey: "the private key is not a number that the curve P-256 has"
    case .noRandomness: "the kernel gave no random bytes"
    case .failed(let code): "mbedtls failed with error \(code)"
    }
  }

  init(_ code: CInt) {
    switch code {
    case MBEDTLS_ERR_GCM_AUTH_FAILED, MBEDTLS_ERR_CCM_AUTH_FAILED: self = .notAuthentic
    case MBEDTLS_ERR_GCM_BAD_INPUT, MBEDTLS_ERR_CCM_BAD_INPUT: self = .wrongLength
    case MBEDTLS_ERR_ECP_INVALID_KEY: self = .invalidPoint
    case MBEDTLS_ERR_ECP_RANDOM_FAILED: self = .noRandomness
    default: self = .failed(code: code)
    }
  }
}

/// Turns a result of mbedtls into a thrown error.
func check(_ code: CInt) throws(CryptoError) {
  if code != 0 { throw CryptoError(code) }
}
