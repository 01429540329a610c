import Crypto

/// Why a message could not be protected, or why a protected one is not believed (RFC 8613 section 8).
public enum OSCOREError: Error, Equatable, Sendable {
  /// The OSCORE option, or what a request must have in it, cannot be read.
  case malformedOption
  /// We have no context of that identifier, or not any more.
  case contextNotFound
  /// A request of this number came before, or so long ago that nobody knows.
  case replayed
  /// It was not made with the context's key, or was changed since.
  case notAuthentic
  /// What was protected is no CoAP message. The peer has gone wrong: it was made with the right key.
  case malformedPlaintext
  /// The context has sent as many messages as its numbers reach; a new one is needed.
  case exhausted
  /// An identifier is too long, or the two ends have the same one.
  case invalidIdentifier
  /// The message is protected already, or asks a proxy for what cannot be hidden from it.
  case notProtectable
  /// More or longer options than a message has, or too long for the cipher.
  case tooLarge
  /// The library failed, as when it has no memory.
  case failed(CryptoError)
}

extension OSCOREError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .malformedOption: "read OSCORE message: its OSCORE option is malformed"
    case .contextNotFound: "OSCORE: there is no such security context (any more); make a new one"
    case .replayed: "read OSCORE message: a request of its number came before"
    case .notAuthentic: "read OSCORE message: it was not made with this security context, or was changed since"
    case .malformedPlaintext: "read OSCORE message: what it protects is no CoAP message"
    case .exhausted: "protect CoAP message: the security context has no number left; make a new one"
    case .invalidIdentifier: "make OSCORE context: two different identifiers of at most 7 bytes are needed"
    case .notProtectable: "protect CoAP message: it has an option that OSCORE does not take (OSCORE, Proxy-Uri)"
    case .tooLarge: "protect CoAP message: it is too large; send it in blocks"
    case .failed(let error): "OSCORE: \(error)"
    }
  }
}

extension OSCOREError {
  /// The answer to a request that could not be verified: in plain, and not to be kept by caches (section 8.2). Nil: none.
  var response: CoAPMessage? {
    switch self {
    case .malformedOption: Self.response(.badOption, "Failed to decode COSE")
    case .contextNotFound: Self.response(.unauthorized, "Security context not found")
    case .replayed: Self.response(.unauthorized, "Replay detected")
    case .notAuthentic: Self.response(.badRequest, "Decryption failed")
    default: nil
    }
  }

  private static func response(_ code: CoAPCode, _ text: StaticString) -> CoAPMessage {
    let payload = text.withUTF8Buffer { Array($0) }
    var message = CoAPMessage(code: code, payload: payload)
    message.options.add(CoAPOption(.maxAge, 0))
    return message
  }
}
