import CMbedTLS

/// AES-GCM (NIST SP 800-38D) with a tag of 16 bytes, as gossip uses it. The key's schedule and GCM's table are made once.
public final class AESGCM {
  public static let tagBytes = 16

  private let context: UnsafeMutablePointer<mbedtls_gcm_context>

  /// `key` of 16, 24 or 32 bytes.
  public init(key: [UInt8]) throws(CryptoError) {
    guard key.count == 16 || key.count == 24 || key.count == 32 else { throw .wrongLength }
    context = .allocate(capacity: 1)
    mbedtls_gcm_init(context)
    // From here on the object is whole, and a failure ends it as it ends otherwise.
    try check(mbedtls_gcm_setkey(context, MBEDTLS_CIPHER_ID_AES, key, UInt32(key.count * 8)))
  }

  /// Wipes the schedule.
  deinit {
    mbedtls_gcm_free(context)
    context.deallocate()
  }

  /// The ciphertext and after it the tag. `nonce`, best of 12 bytes, is used for nothing else with this key, ever.
  public func seal(
    _ plaintext: ArraySlice<UInt8>, nonce: [UInt8], additionalData: [UInt8]
  ) throws(CryptoError) -> [UInt8] {
    guard !nonce.isEmpty else { throw .wrongLength }
    var sealed = [UInt8](repeating: 0, count: plaintext.count + Self.tagBytes)
    let code = plaintext.withUnsafeBufferPointer { input in
      sealed.withUnsafeMutableBufferPointer { output in
        mbedtls_gcm_crypt_and_tag(
          context, MBEDTLS_GCM_ENCRYPT, input.count, nonce, nonce.count, additionalData, additionalData.count,
          input.baseAddress, output.baseAddress, Self.tagBytes, output.baseAddress! + input.count)
      }
    }
    try check(code)
    return sealed
  }

  /// The plaintext of what `seal` gave.
  public func open(
    _ sealed: ArraySlice<UInt8>, nonce: [UInt8], additionalData: [UInt8]
  ) throws(CryptoError) -> [UInt8] {
    guard !nonce.isEmpty else { throw .wrongLength }
    guard sealed.count >= Self.tagBytes else { throw .notAuthentic }
    var plaintext = [UInt8](repeating: 0, count: sealed.count - Self.tagBytes)
    let code = sealed.withUnsafeBufferPointer { input in
      plaintext.withUnsafeMutableBufferPointer { output in
        mbedtls_gcm_auth_decrypt(
          context, output.count, nonce, nonce.count, additionalData, additionalData.count,
          input.baseAddress! + output.count, Self.tagBytes, input.baseAddress, output.baseAddress)
      }
    }
    try check(code)
    return plaintext
  }
}
