import CMbedTLS

/// AES-CCM (RFC 3610) with a key of 16 and nonces of 13 bytes, as OSCORE and EDHOC use it: AES-CCM-16-64-128 and
/// AES-CCM-16-128-128 of COSE (RFC 9053 section 4.2). The key's schedule is made once.
public final class AESCCM {
  public static let keyBytes = 16
  public static let nonceBytes = 13
  /// The messages' length has two bytes in CCM with such nonces.
  public static let maximumMessageBytes = 0xFFFF

  /// The length of the tag in bytes.
  public enum Tag: Int, Sendable {
    case short = 8
    case long = 16
  }

  /// What is used for one message only.
  public struct Nonce {
    /// Eight bytes, and five and three that are none of it; as they lie in memory.
    private let words: (head: UInt64, tail: UInt64)

    /// The first eight bytes and the other five, of which each is a number, the most significant byte first.
    public init(_ head: UInt64, _ tail: UInt64) {
      words = (head.bigEndian, (tail << 24).bigEndian)
    }

    public init(_ bytes: [UInt8]) throws(CryptoError) {
      guard bytes.count == nonceBytes else { throw .wrongLength }
      var copy: (head: UInt64, tail: UInt64) = (0, 0)
      withUnsafeMutableBytes(of: &copy) { $0.copyBytes(from: bytes) }
      words = copy
    }

    public var bytes: [UInt8] { withUnsafeBytes(of: words) { Array($0.prefix(nonceBytes)) } }

    fileprivate func withPointer(_ body: (UnsafePointer<UInt8>) -> CInt) -> CInt {
      withUnsafeBytes(of: words) { body($0.baseAddress!.assumingMemoryBound(to: UInt8.self)) }
    }
  }

  private let context: UnsafeMutablePointer<mbedtls_ccm_context>
  private let tag: Tag

  public init(key: [UInt8], tag: Tag) throws(CryptoError) {
    guard key.count == Self.keyBytes else { throw .wrongLength }
    self.tag = tag
    context = .allocate(capacity: 1)
    mbedtls_ccm_init(context)
    // From here on the object is whole, and a failure ends it as it ends otherwise.
    try check(mbedtls_ccm_setkey(context, MBEDTLS_CIPHER_ID_AES, key, UInt32(key.count * 8)))
  }

  /// Wipes the schedule.
  deinit {
    mbedtls_ccm_free(context)
    context.deallocate()
  }

  /// The ciphertext and after it the tag. `nonce` is used for nothing else with this key, ever.
  public func seal(
    _ plaintext: ArraySlice<UInt8>, nonce: [UInt8], additionalData: [UInt8]
  ) throws(CryptoError) -> [UInt8] {
    var text = Array(plaintext)
    try seal(inPlace: &text, nonce: Nonce(nonce), additionalData: additionalData.span)
    return text
  }

  /// The same in the plaintext's own memory, where that has room for the tag.
  public func seal(
    inPlace text: inout [UInt8], nonce: Nonce, additionalData: Span<UInt8>
  ) throws(CryptoError) {
    let count = text.count
    guard count <= Self.maximumMessageBytes else { throw .wrongLength }
    text.append(contentsOf: repeatElement(0, count: tag.rawValue))
    let code = text.withUnsafeMutableBufferPointer { text in
      additionalData.withUnsafeBufferPointer { data in
        nonce.withPointer {
          mbedtls_ccm_encrypt_and_tag(
            context, count, $0, Self.nonceBytes, data.baseAddress, data.count, text.baseAddress, text.baseAddress,
            text.baseAddress! + count, tag.rawValue)
        }
      }
    }
    try check(code)
  }

  /// The plaintext of what `seal` gave.
  public func open(
    _ sealed: ArraySlice<UInt8>, nonce: [UInt8], additionalData: [UInt8]
  ) throws(CryptoError) -> [UInt8] {
    try open(sealed, nonce: Nonce(nonce), additionalData: additionalData.span)
  }

  /// The same, nonce and additional data without memory of their own.
  public func open(
    _ sealed: ArraySlice<UInt8>, nonce: Nonce, additionalData: Span<UInt8>
  ) throws(CryptoError) -> [UInt8] {
    guard sealed.count >= tag.rawValue else { throw .notAuthentic }
    guard sealed.count - tag.rawValue <= Self.maximumMessageBytes else { throw .wrongLength }
    var plaintext = [UInt8](repeating: 0, count: sealed.count - tag.rawValue)
    let code = plaintext.withUnsafeMutableBufferPointer { output in
      sealed.withUnsafeBufferPointer { input in
        additionalData.withUnsafeBufferPointer { data in
          nonce.withPointer {
            mbedtls_ccm_auth_decrypt(
              context, output.count, $0, Self.nonceBytes, data.baseAddress, data.count,
              input.baseAddress, output.baseAddress, input.baseAddress! + output.count, tag.rawValue)
          }
        }
      }
    }
    try check(code)
    return plaintext
  }
}
