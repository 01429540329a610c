import Crypto

/// How EDHOC encrypts (RFC 9528 sections 5.3 to 5.5): message_2 with a keystream, which proves nothing, message_3 and
/// message_4 with AES-CCM.
struct EDHOCCipher {
  private let cipher: AESCCM
  private let nonce: Secret
  private let additionalData: [UInt8]

  static func message3(_ secret: Secret, transcript: [UInt8]) throws(EDHOCError) -> EDHOCCipher {
    try EDHOCCipher(secret, .key3, .nonce3, transcript)
  }

  static func message4(_ secret: Secret, transcript: [UInt8]) throws(EDHOCError) -> EDHOCCipher {
    try EDHOCCipher(secret, .key4, .nonce4, transcript)
  }

  private init(
    _ secret: Secret, _ keyLabel: EDHOCSuite.Label, _ nonceLabel: EDHOCSuite.Label, _ transcript: [UInt8]
  ) throws(EDHOCError) {
    let key = try EDHOCSuite.expand(secret, keyLabel, context: transcript, count: AESCCM.keyBytes)
    nonce = try EDHOCSuite.expand(secret, nonceLabel, context: transcript, count: AESCCM.nonceBytes)
    // Enc_structure (RFC 9052 section 5.3).
    additionalData = CBORValue.array([.text("Encrypt0"), .bytes([]), .bytes(transcript)]).encoded
    do throws(CryptoError) {
      cipher = try AESCCM(key: key.bytes, tag: .short)
    } catch {
      throw .crypto(error)
    }
  }

  /// The message with this plaintext.
  func seal(_ plaintext: [UInt8]) throws(EDHOCError) -> [UInt8] {
    let sealed: [UInt8]
    do throws(CryptoError) {
      sealed = try cipher.seal(plaintext[...], nonce: nonce.bytes, additionalData: additionalData)
    } catch {
      throw .crypto(error)
    }
    return try Self.bounded(CBORValue.bytes(sealed).encoded)
  }

  /// The plaintext of a message.
  func open(_ message: [UInt8]) throws(EDHOCError) -> [UInt8] {
    var reader = try EDHOCReader(message)
    let sealed = try reader.bytes()
    try reader.end()
    do throws(CryptoError) {
      return try cipher.open(sealed[...], nonce: nonce.bytes, additionalData: additionalData)
    } catch {
      throw error == .notAuthentic ? .notAuthentic : .crypto(error)
    }
  }

  /// Encrypts or decrypts the plaintext of message_2.
  static func applyKeystream(
    _ secret: Secret, transcript: [UInt8], to text: ArraySlice<UInt8>
  ) throws(EDHOCError) -> [UInt8] {
    let keystream = try EDHOCSuite.expand(secret, .keystream2, context: transcript, count: text.count)
    return zip(text, keystream.bytes).map { $0 ^ $1 }
  }

  /// A message of ours that peers may take.
  static func bounded(_ message: [UInt8]) throws(EDHOCError) -> [UInt8] {
    guard message.count <= EDHOCLimits.messageBytes else { throw .tooLarge }
    return message
  }
}
