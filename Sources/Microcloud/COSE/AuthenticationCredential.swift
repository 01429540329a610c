import Crypto

/// What binds a peer's key to what is said of the peer: CRED_x of EDHOC (RFC 9528 section 3.5.2). Both sides must have the
/// same bytes of it. It holds whatever its author wrote; what that is worth, only the caller can tell.
public struct AuthenticationCredential: Equatable, Sendable {
  /// The most bytes of one that we take.
  public static let maximumBytes = 512
  /// CBOR's major type of an array.
  private static let arrayType: UInt8 = 4

  /// One CBOR item: a map of claims (CCS), or an untagged token (CWT) that somebody signed.
  public let encoded: [UInt8]
  /// Whether it is a token, which somebody signed.
  public var isToken: Bool { encoded.first.map { $0 >> 5 == Self.arrayType } ?? false }
  /// The key that the claims confirm (`cnf`).
  public let publicKey: P256.PublicKey

  /// Reads a claims set (CCS, RFC 9528 section 3.5.2); nil if it is none, or confirms no P-256 key.
  public init?(claimsSet encoded: [UInt8]) {
    guard let value = Self.item(encoded), let key = Self.key(inClaims: value) else { return nil }
    self.init(encoded: encoded, publicKey: key)
  }

  /// Reads a token (CWT, RFC 8392) signed with ES256, without asking who signed it; nil if it is none, is tagged, or
  /// confirms no P-256 key.
  public init?(token encoded: [UInt8]) {
    guard let value = Self.item(encoded), case .array = value, let signed = COSESign1(value),
      let claims = Self.item(signed.payload), let key = Self.key(inClaims: claims)
    else { return nil }
    self.init(encoded: encoded, publicKey: key)
  }

  /// A key that nothing is said of: a claims set with it alone.
  public init(of key: P256.PublicKey) {
    var confirmation = CBORMap()
    confirmation[key: CWTClaim.confirmationKey] = .map(COSEKey.map(of: key))
    var claims = CBORMap()
    claims[key: CWTClaim.confirmation] = .map(confirmation)
    self.init(encoded: CBORValue.map(claims).encoded, publicKey: key)
  }

  private init(encoded: [UInt8], publicKey: P256.PublicKey) {
    self.encoded = encoded
    self.publicKey = publicKey
  }

  private static func key(inClaims claims: CBORValue) -> P256.PublicKey? {
    claims[key: CWTClaim.confirmation]?[key: CWTClaim.confirmationKey].flatMap { COSEKey.publicKey(in: $0) }
  }

  private static func item(_ bytes: [UInt8]) -> CBORValue? {
    guard bytes.count <= maximumBytes else { return nil }
    do throws(CBORError) {
      return try CBORDecoder.decode(bytes)
    } catch {
      return nil
    }
  }
}
