import Crypto

/// A message with one signature (COSE_Sign1, RFC 9052 section 4.2): ECDSA with SHA-256 on P-256 (ES256, RFC 9053 section
/// 2.1), and nothing else.
public struct COSESign1: Equatable, Sendable {
  /// The protected header, as it was or will be sent.
  public let protected: [UInt8]
  /// The unprotected header: nobody signed it.
  public let unprotected: CBORMap
  public let payload: [UInt8]
  public let signature: [UInt8]

  private static let tag: UInt64 = 18
  /// Labels of header parameters (RFC 9052 section 3.1).
  private static let algorithm = 1
  private static let critical = 2
  private static let es256: Int64 = -7

  /// Signs `payload`, and with it `externalData`, which is not sent: what the signature is for.
  public static func signing(
    _ payload: [UInt8], externalData: [UInt8] = [], by key: P256.PrivateKey
  ) throws(CryptoError) -> COSESign1 {
    var header = CBORMap()
    header[key: algorithm] = .integer(es256)
    let protected = CBORValue.map(header).encoded
    let signed = message(protected: protected, externalData: externalData, payload: payload)
    return COSESign1(
      protected: protected, unprotected: CBORMap(), payload: payload, signature: try key.signature(of: signed))
  }

  private init(protected: [UInt8], unprotected: CBORMap, payload: [UInt8], signature: [UInt8]) {
    self.protected = protected
    self.unprotected = unprotected
    self.payload = payload
    self.signature = signature
  }

  /// Reads a message, with its tag or without. Nil if it is none, if its payload is elsewhere, if the protected header does
  /// not say ES256, or if something in it must be understood (`crit`).
  public init?(_ value: CBORValue) {
    var value = value
    if case .tagged(Self.tag, let content) = value { value = content }
    guard let parts = value.arrayValue, parts.count == 4,
      let protected = parts[0].bytesValue, let unprotected = parts[1].mapValue, let payload = parts[2].bytesValue,
      let signature = parts[3].bytesValue, signature.count == P256.signatureBytes,
      let header = Self.header(protected), Self.areDistinct(header, unprotected),
      header[key: Self.algorithm]?.integerValue == Self.es256,
      header[key: Self.critical] == nil, unprotected[key: Self.critical] == nil
    else { return nil }
    self.init(protected: protected, unprotected: unprotected, payload: payload, signature: signature)
  }

  private static func header(_ bytes: [UInt8]) -> CBORMap? {
    do throws(CBORError) {
      return try CBORDecoder.decode(bytes).mapValue
    } catch {
      return nil
    }
  }

  /// No label may stand in both headers (RFC 9052 section 3).
  private static func areDistinct(_ left: CBORMap, _ right: CBORMap) -> Bool {
    !left.entries.contains { entry in right.entries.contains { $0.key == entry.key } }
  }

  /// The array, without a tag.
  public var value: CBORValue {
    .array([.bytes(protected), .map(unprotected), .bytes(payload), .bytes(signature)])
  }

  /// Whether the holder of the private key signed the protected header, `externalData` and the payload.
  public func isSigned(by key: P256.PublicKey, externalData: [UInt8] = []) throws(CryptoError) -> Bool {
    let message = Self.message(protected: protected, externalData: externalData, payload: payload)
    return try key.isValid(signature, of: message)
  }

  /// What is signed: a Sig_structure (RFC 9052 section 4.4). EDHOC makes its signatures of it, too.
  static func message(protected: [UInt8], externalData: [UInt8], payload: [UInt8]) -> [UInt8] {
    CBORValue.array([.text("Signature1"), .bytes(protected), .bytes(externalData), .bytes(payload)]).encoded
  }
}
