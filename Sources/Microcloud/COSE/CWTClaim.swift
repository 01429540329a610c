/// Keys of claims in a CBOR Web Token (RFC 8392 section 3.1, RFC 8747 section 3.1, RFC 9200 section 14.4).
enum CWTClaim {
  static let issuer = 1
  static let expires = 4
  static let issued = 6
  static let identifier = 7
  static let confirmation = 8
  static let scope = 9

  /// Under `confirmation`: a map in which the subject's key stands under this.
  static let confirmationKey = 1
}
