import Crypto

/// Keys and Common IV of a context from what the two nodes share (RFC 8613 section 3.2.1).
struct OSCOREDerivation {
  private let secret: Secret
  private let idContext: [UInt8]?

  init(masterSecret: Secret, masterSalt: [UInt8], idContext: [UInt8]?) throws(OSCOREError) {
    do throws(CryptoError) {
      secret = try HKDF.extract(salt: masterSalt, input: masterSecret)
    } catch {
      throw .failed(error)
    }
    self.idContext = idContext
  }

  /// The key of whoever has this Sender ID.
  func key(of id: OSCOREIdentifier) throws(OSCOREError) -> Secret {
    try expand(id.bytes, "Key", AESCCM.keyBytes)
  }

  func commonIV() throws(OSCOREError) -> Secret {
    try expand([], "IV", AESCCM.nonceBytes)
  }

  private func expand(_ id: [UInt8], _ type: String, _ count: Int) throws(OSCOREError) -> Secret {
    do throws(CryptoError) {
      return try HKDF.expand(secret, info: info(id, type, count), count: count)
    } catch {
      throw .failed(error)
    }
  }

  func info(_ id: [UInt8], _ type: String, _ count: Int) -> [UInt8] {
    let context = idContext.map { CBORValue.bytes($0) } ?? .null
    let algorithm = CBORValue.unsigned(UInt64(OSCOREContext.algorithm))
    return CBORValue.array([.bytes(id), context, algorithm, .text(type), .unsigned(UInt64(count))]).encoded
  }
}
