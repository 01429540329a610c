import Basics
import Crypto

/// What a microcloud vouches for: that the holder of a key is a member, or an owner, until some time. A CBOR Web Token (RFC
/// 8392) that the microcloud's key signed; EDHOC carries it as it is (`kcwt`).
///
/// **Time.** Times are seconds since 1970 on people's clocks. A board that has no clock, or has not set it yet, takes for
/// now the latest time that it knows of: its clock, or the latest `issued` of anything that this microcloud signed,
/// whichever is later. That is never later than it is, so nothing ends before its time. What has ended may count a while
/// longer, until the board hears something newer; what must end at once is revoked (`RevocationList`).
public struct Credential: Equatable, Sendable {
  /// The most bytes of one.
  public static let maximumBytes = 256

  /// What the subject may do.
  public enum Role: String, Sendable, CaseIterable {
    case owner
    case member
  }

  public let microcloud: String
  /// Whose credential it is.
  public let subject: P256.PublicKey
  public let role: Role
  /// When it was signed, in seconds.
  public let issued: UInt64
  /// From when on it counts no more, in seconds; after `issued`.
  public let expires: UInt64
  /// By which it is revoked; no other credential of the microcloud has it. A small one is shorter.
  public let serial: UInt64

  /// Nil if no microcloud can be called so, or if it would end before it begins.
  public init?(
    microcloud: String, subject: P256.PublicKey, role: Role, issued: UInt64, expires: UInt64, serial: UInt64
  ) {
    guard MicrocloudName.isValid(microcloud), issued < expires else { return nil }
    self.microcloud = microcloud
    self.subject = subject
    self.role = role
    self.issued = issued
    self.expires = expires
    self.serial = serial
  }

  /// Whether it counts no more. `seconds` is now; see above for boards that have no clock.
  public func isExpired(at seconds: UInt64) -> Bool { seconds >= expires }

  /// The token that the microcloud's key signs: untagged, as EDHOC sends it.
  public func signed(by key: P256.PrivateKey) throws(CryptoError) -> [UInt8] {
    try COSESign1.signing(CBORValue.map(claims).encoded, by: key).value.encoded
  }

  private var claims: CBORMap {
    var confirmation = CBORMap()
    confirmation[key: CWTClaim.confirmationKey] = .map(COSEKey.compressedMap(of: subject))
    var claims = CBORMap()
    claims[key: CWTClaim.issuer] = .text(microcloud)
    claims[key: CWTClaim.expires] = .unsigned(expires)
    claims[key: CWTClaim.issued] = .unsigned(issued)
    claims[key: CWTClaim.identifier] = .bytes(Self.shortest(serial))
    claims[key: CWTClaim.confirmation] = .map(confirmation)
    claims[key: CWTClaim.scope] = .text(role.rawValue)
    return claims
  }

  /// Reads a token, and has it only if the holder of the microcloud's `key` signed it. Claims that we do not know might
  /// restrict it, so there may be none.
  public init(_ token: [UInt8], signedBy key: P256.PublicKey) throws(CredentialError) {
    guard token.count <= Self.maximumBytes else { throw .malformed }
    try self.init(claims: try SignedContent.read(token, signedBy: key, externalData: []))
  }

  /// Reads a token of which nobody knows who signed it: what it says of itself, for who got it to look at.
  public init(unverified token: [UInt8]) throws(CredentialError) {
    guard token.count <= Self.maximumBytes else { throw .malformed }
    try self.init(claims: try SignedContent.read(token).content)
  }

  private init(claims: CBORMap) throws(CredentialError) {
    guard claims.entries.count == 6,
      let microcloud = claims[key: CWTClaim.issuer]?.textValue,
      let expires = claims[key: CWTClaim.expires]?.unsignedValue,
      let issued = claims[key: CWTClaim.issued]?.unsignedValue,
      let serial = claims[key: CWTClaim.identifier]?.bytesValue.flatMap({ Self.number($0) }),
      let subject = claims[key: CWTClaim.confirmation]?[key: CWTClaim.confirmationKey].flatMap({
        COSEKey.publicKey(in: $0)
      }),
      let scope = claims[key: CWTClaim.scope]?.textValue, let role = Role(rawValue: scope),
      let credential = Credential(
        microcloud: microcloud, subject: subject, role: role, issued: issued, expires: expires, serial: serial)
    else { throw .malformed }
    self = credential
  }

  /// Big-endian, without leading zeros: 0 has no bytes.
  private static func shortest(_ number: UInt64) -> [UInt8] {
    Array(BigEndian.bytes(number).drop { $0 == 0 })
  }

  private static func number(_ bytes: [UInt8]) -> UInt64? {
    bytes.count <= 8 && bytes.first != 0 ? BigEndian.number(bytes) : nil
  }
}
