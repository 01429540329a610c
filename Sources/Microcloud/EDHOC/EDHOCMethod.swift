/// How the two sides of EDHOC prove their identities (RFC 9528 section 3.2). They agree on it beforehand.
///
/// A key should serve one purpose only: for signatures, or for static Diffie-Hellman (RFC 9528 section 9.2).
public enum EDHOCMethod: Int64, Sendable, CaseIterable {
  case bothSign = 0
  case initiatorSigns = 1
  case responderSigns = 2
  case bothDiffieHellman = 3

  /// Whether the initiator signs, and otherwise shows that it has a static Diffie-Hellman key.
  public var isInitiatorSigning: Bool { self == .bothSign || self == .initiatorSigns }

  public var isResponderSigning: Bool { self == .bothSign || self == .responderSigns }
}
