import Crypto

/// What is checked of a vector of AES-GCM or AES-CCM: that it seals and opens, and that nothing that was changed opens.
enum AEADChecks {
  private typealias Opening = (_ sealed: [UInt8], _ nonce: [UInt8], _ additionalData: [UInt8]) -> CryptoError?

  /// Fields: key, nonce, additional data, plaintext, sealed.
  static func gcm(_ fields: [[UInt8]]) throws(CryptoError) -> String? {
    let cipher = try AESGCM(key: fields[0])
    if try cipher.seal(fields[3][...], nonce: fields[1], additionalData: fields[2]) != fields[4] {
      return "another ciphertext"
    }
    if try cipher.open(fields[4][...], nonce: fields[1], additionalData: fields[2]) != fields[3] {
      return "another plaintext"
    }
    return forgeries(fields[4], fields[1], fields[2]) { opening(cipher, $0, $1, $2) }
  }

  /// Fields: key, nonce, additional data, sealed.
  static func badGCM(_ fields: [[UInt8]]) throws(CryptoError) -> String? {
    let failure = opening(try AESGCM(key: fields[0]), fields[3], fields[1], fields[2])
    return failure == .notAuthentic ? nil : "it opens"
  }

  /// Fields: the tag's length, then as of GCM.
  static func ccm(_ fields: [[UInt8]]) throws(CryptoError) -> String? {
    guard let tag = tag(fields[0]) else { return "no such tag" }
    let cipher = try AESCCM(key: fields[1], tag: tag)
    if try cipher.seal(fields[4][...], nonce: fields[2], additionalData: fields[3]) != fields[5] {
      return "another ciphertext"
    }
    if try cipher.open(fields[5][...], nonce: fields[2], additionalData: fields[3]) != fields[4] {
      return "another plaintext"
    }
    return forgeries(fields[5], fields[2], fields[3]) { opening(cipher, $0, $1, $2) }
  }

  static func badCCM(_ fields: [[UInt8]]) throws(CryptoError) -> String? {
    guard let tag = tag(fields[0]) else { return "no such tag" }
    let failure = opening(try AESCCM(key: fields[1], tag: tag), fields[4], fields[2], fields[3])
    return failure == .notAuthentic ? nil : "it opens"
  }

  private static func tag(_ field: [UInt8]) -> AESCCM.Tag? {
    field.count == 1 ? AESCCM.Tag(rawValue: Int(field[0])) : nil
  }

  private static func opening(
    _ cipher: AESGCM, _ sealed: [UInt8], _ nonce: [UInt8], _ additionalData: [UInt8]
  ) -> CryptoError? {
    do throws(CryptoError) {
      _ = try cipher.open(sealed[...], nonce: nonce, additionalData: additionalData)
      return nil
    } catch {
      return error
    }
  }

  private static func opening(
    _ cipher: AESCCM, _ sealed: [UInt8], _ nonce: [UInt8], _ additionalData: [UInt8]
  ) -> CryptoError? {
    do throws(CryptoError) {
      _ = try cipher.open(sealed[...], nonce: nonce, additionalData: additionalData)
      return nil
    } catch {
      return error
    }
  }

  /// A bit changed in each byte of all that is authenticated, and the message cut at each place.
  private static func forgeries(
    _ sealed: [UInt8], _ nonce: [UInt8], _ additionalData: [UInt8], _ open: Opening
  ) -> String? {
    for index in sealed.indices {
      if open(changed(sealed, index), nonce, additionalData) != .notAuthentic { return "opens changed at \(index)" }
      if open(Array(sealed.prefix(index)), nonce, additionalData) != .notAuthentic { return "opens cut at \(index)" }
    }
    for index in nonce.indices where open(sealed, changed(nonce, index), additionalData) != .notAuthentic {
      return "opens with another nonce"
    }
    for index in additionalData.indices where open(sealed, nonce, changed(additionalData, index)) != .notAuthentic {
      return "opens with other additional data"
    }
    return open(sealed, nonce, additionalData + [0]) == .notAuthentic ? nil : "opens with more additional data"
  }

  private static func changed(_ bytes: [UInt8], _ index: Int) -> [UInt8] {
    var changed = bytes
    changed[index] ^= 1 << UInt8(index & 7)
    return changed
  }
}
