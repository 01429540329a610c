/// How a message names its sender's credential, or carries it (ID_CRED_x, RFC 9528 section 3.5.3).
public enum CredentialIdentifier: Equatable, Sendable {
  /// By a key identifier (`kid`), which need not be unique.
  case keyIdentifier([UInt8])
  /// A claims set by value (`kccs`): nobody vouches for what stands in it.
  case claimsSet([UInt8])
  /// A token by value (`kcwt`): who signed it vouches for it.
  case token([UInt8])

  /// Labels of header parameters (RFC 9052 section 3.1, RFC 9528 section 10.6).
  private static let keyIdentifierLabel: Int64 = 4
  private static let tokenLabel: Int64 = 13
  private static let claimsSetLabel: Int64 = 14

  /// The header map: what is signed and authenticated.
  var header: [UInt8] {
    switch self {
    case .keyIdentifier(let bytes): Self.header(Self.keyIdentifierLabel, CBORValue.bytes(bytes).encoded)
    case .claimsSet(let item): Self.header(Self.claimsSetLabel, item)
    case .token(let item): Self.header(Self.tokenLabel, item)
    }
  }

  /// As it is sent: a key identifier stands for its map.
  var encoded: [UInt8] {
    if case .keyIdentifier(let bytes) = self { CompactIdentifier.encoded(bytes) } else { header }
  }

  private static let mapOfOne: UInt8 = 0xA1

  private static func header(_ label: Int64, _ item: [UInt8]) -> [UInt8] {
    [mapOfOne] + CBORValue.integer(label).encoded + item
  }

  /// Reads what was sent: `item`, and the bytes that it came as, since a credential is not encoded anew.
  init(_ item: CBORValue, sent: ArraySlice<UInt8>) throws(EDHOCError) {
    if let bytes = CompactIdentifier.bytes(item) {
      guard bytes.count <= EDHOCLimits.keyIdentifierBytes else { throw .malformed }
      self = .keyIdentifier(bytes)
      return
    }
    guard let map = item.mapValue else { throw .malformed }
    guard map.entries.count == 1, sent.first == Self.mapOfOne else { throw .unsupportedCredential }
    let value = Array(sent.dropFirst(2))
    switch map.entries[0].key.integerValue {
    // A key identifier alone is never sent as a map.
    case Self.keyIdentifierLabel: throw .malformed
    case Self.claimsSetLabel where sent.dropFirst().first == UInt8(Self.claimsSetLabel): self = .claimsSet(value)
    case Self.tokenLabel where sent.dropFirst().first == UInt8(Self.tokenLabel): self = .token(value)
    default: throw .unsupportedCredential
    }
  }
}
