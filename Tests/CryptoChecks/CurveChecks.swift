import Crypto

/// What is checked of a vector of P-256.
enum CurveChecks {
  /// Fields: private key, and the coordinates of the public one.
  static func key(_ fields: [[UInt8]]) throws(CryptoError) -> String? {
    let key = try P256.PrivateKey(scalar: Secret(copying: fields[0][...]))
    if key.scalar.bytes != fields[0] { return "another scalar" }
    if key.publicKey.x != fields[1] || key.publicKey.y != fields[2] { return "another public key" }
    return try point([key.publicKey.compressed] + fields[1...])
  }

  static func badKey(_ scalar: [UInt8]) -> String? {
    do throws(CryptoError) {
      _ = try P256.PrivateKey(scalar: Secret(copying: scalar[...]))
      return "it is taken"
    } catch {
      let expected = scalar.count == P256.fieldBytes ? CryptoError.invalidPrivateKey : .wrongLength
      return error == expected ? nil : "\(error)"
    }
  }

  /// Fields: an encoding, and the coordinates.
  static func point(_ fields: [[UInt8]]) throws(CryptoError) -> String? {
    let key = try P256.PublicKey(fields[0])
    if key.x != fields[1] || key.y != fields[2] { return "another point" }
    if key.compressed != [fields[2][31] & 1 == 0 ? 2 : 3] + fields[1] { return "compressed otherwise" }
    if key.uncompressed != [4] + fields[1] + fields[2] { return "encoded otherwise" }
    if try P256.PublicKey(key.uncompressed) != key { return "not the same again" }
    return try P256.PublicKey(key.compressed) == key ? nil : "not the same again when compressed"
  }

  static func badPoint(_ encoded: [UInt8]) -> String? {
    do throws(CryptoError) {
      _ = try P256.PublicKey(encoded)
      return "it is taken"
    } catch {
      return error == .invalidPoint ? nil : "\(error)"
    }
  }

  /// Fields: private key, the peer's public one in any encoding, shared secret.
  static func agreement(_ fields: [[UInt8]]) throws(CryptoError) -> String? {
    let key = try P256.PrivateKey(scalar: Secret(copying: fields[0][...]))
    let shared = try key.sharedSecret(with: P256.PublicKey(fields[1]))
    return shared.bytes == fields[2] ? nil : "another secret"
  }

  /// Fields: private key, message, signature.
  static func signing(_ fields: [[UInt8]]) throws(CryptoError) -> String? {
    let key = try P256.PrivateKey(scalar: Secret(copying: fields[0][...]))
    if try key.signature(of: fields[1]) != fields[2] { return "another signature" }
    return try verifying([key.publicKey.uncompressed, fields[1], fields[2]], isValid: true)
  }

  /// Fields: public key, message, signature. Of a good one also that it holds for nothing else.
  static func verifying(_ fields: [[UInt8]], isValid: Bool) throws(CryptoError) -> String? {
    let key = try P256.PublicKey(fields[0])
    if try key.isValid(fields[2], of: fields[1]) != isValid { return isValid ? "not valid" : "valid" }
    guard isValid else { return nil }
    if try key.isValid(fields[2], of: fields[1] + [0]) { return "valid for another message" }
    for index in [0, 31, 32, 63] {
      var changed = fields[2]
      changed[index] ^= 2
      if try key.isValid(changed, of: fields[1]) { return "valid with byte \(index) changed" }
    }
    return nil
  }
}
