import Crypto

/// Why an exchange ended. `reply` is what to send to the peer.
public enum EDHOCError: Error, Equatable, Sendable {
  /// Not the message that comes here, or not encoded as it has to be.
  case malformed
  /// Longer than `EDHOCLimits` say.
  case tooLarge
  /// A method that we do not use with this peer.
  case unsupportedMethod
  /// The peer chose a cipher suite that we lack, or prefers another one that we have.
  case wrongSuite
  /// An ephemeral key that is no point of the curve.
  case invalidKey
  /// Both sides would call the connection the same.
  case sameConnectionIdentifiers
  /// A kind of credential, or of naming one, that we do not know.
  case unsupportedCredential
  /// A reference to a credential that we do not have. The caller may end an exchange so.
  case unknownCredential
  /// The peer says that it is we.
  case ownCredential
  /// The caller does not want this peer.
  case refused
  /// The same, and why: a line in ASCII of at most `EDHOCLimits.diagnosticBytes`, which the peer is told.
  case notAdmitted(String)
  /// External authorization data that we would have to understand.
  case unknownCriticalItem(UInt16)
  /// The peer does not hold the credential's key, or the message was changed on its way.
  case notAuthentic
  /// The peer ended the exchange.
  case peerFailed(EDHOCPeerError)
  /// A call that does not come now; a message that came twice, too. The exchange goes on.
  case outOfOrder
  case crypto(CryptoError)
}

extension EDHOCError: CustomStringConvertible {
  /// One line for a person.
  public var description: String {
    switch self {
    case .peerFailed(let error): "EDHOC: the peer ended the exchange: \(error)"
    case .unknownCriticalItem(let label): "EDHOC: \(text) (label \(label))"
    case .crypto(let error): "EDHOC: \(error)"
    default: "EDHOC: \(text)"
    }
  }

  /// What the peer may read, too: it says nothing of our keys.
  var text: String {
    switch self {
    case .malformed: "the message is malformed"
    case .tooLarge: "the message is too large"
    case .unsupportedMethod: "the method is not supported"
    case .wrongSuite: "only cipher suite 2 is supported"
    case .invalidKey: "the ephemeral key is not a point of the curve"
    case .sameConnectionIdentifiers: "both connection identifiers are the same"
    case .unsupportedCredential: "credentials of this type are not supported"
    case .unknownCredential: "the credential is unknown"
    case .ownCredential: "the credential is the receiver's own"
    case .refused: "the peer is not accepted"
    case .notAdmitted(let line): line
    case .unknownCriticalItem: "a critical authorization item is not understood"
    case .notAuthentic: "the message is not authentic"
    case .peerFailed, .outOfOrder, .crypto: "it failed"
    }
  }

  /// The error message that tells the peer (RFC 9528 section 6); nil if none may be sent.
  public var reply: [UInt8]? {
    switch self {
    case .peerFailed, .outOfOrder: nil
    case .wrongSuite: EDHOCPeerError.suites([EDHOCSuite.number]).encoded
    case .unknownCredential: EDHOCPeerError.unknownCredential.encoded
    default: EDHOCPeerError.unspecified(text).encoded
    }
  }
}
