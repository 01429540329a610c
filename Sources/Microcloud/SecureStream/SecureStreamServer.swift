import Crypto

/// The serving end of a stream of CoAP messages (RFC 8323) that its client secures: EDHOC (RFC 9528 appendix A.2) makes an
/// OSCORE context (RFC 8613) for this one stream, which ends with it.
///
/// Both sides prove static Diffie-Hellman keys (method 3), as signatures take more of a board's time. A client that does not
/// secure its stream is heard, as a stranger.
public struct SecureStreamServer {
  /// What came of a message.
  public enum Incoming: Equatable {
    /// Nothing but this is to be said about it.
    case answer(CoAPMessage)
    /// The same, and then the stream ends.
    case end(CoAPMessage)
    /// It asks for something, in plain or verified, as `isSecured` says of all that follow.
    case request(CoAPMessage)
  }

  /// Requests that are not answered yet, and observations. As many as one client of a board may have.
  public static let maximumRequests = 128

  private let identity: EDHOCIdentity
  private var state = State.plain
  /// The protected requests that something is still to be said to.
  private var requests: [Request] = []

  private enum State {
    case plain
    case answered(EDHOCResponder, ConnectionIdentifier)
    case secured(OSCOREContext)
    case ended
  }

  private struct Request {
    let token: [UInt8]
    let partialIV: UInt64
  }

  public init(identity: EDHOCIdentity) {
    self.identity = identity
  }

  /// Whether what came last as a request was verified to be the client's.
  public var isSecured: Bool { if case .secured = state { true } else { false } }

  // MARK: What comes

  /// Takes a request.
  ///
  /// - Parameters:
  ///   - makeKey: a new key each time; nil: not now, as it costs too much.
  ///   - refusal: why the bearer of a credential may not speak at all; nil: it may, once it is proven that it bears it.
  public mutating func receive(
    _ message: CoAPMessage, makeKey: () -> P256.PrivateKey?, refusal: (AuthenticationCredential) -> EDHOCError?
  ) -> Incoming {
    if message.options[.oscore] != nil { return verify(message) }
    if message.code == .post, message.path == EDHOCOverCoAP.path { return exchange(message, makeKey, refusal) }
    // Once there are keys, nothing in plain is this client's.
    if case .plain = state { return .request(message) }
    return .end(Self.refusal(.unauthorized, message))
  }

  private mutating func exchange(
    _ message: CoAPMessage, _ makeKey: () -> P256.PrivateKey?, _ refusal: (AuthenticationCredential) -> EDHOCError?
  ) -> Incoming {
    do throws(EDHOCError) {
      switch (try EDHOCOverCoAP.request(message.payload), state) {
      case (.new(let first), .plain):
        guard let key = makeKey() else { return .end(Self.refusal(.tooManyRequests, message)) }
        return .answer(EDHOCOverCoAP.answer(try begin(first, key), token: message.token))
      case (.continued(let connection, let third), .answered(let responder, let own)) where connection == own:
        try finish(third, responder, refusal)
        return .answer(CoAPMessage(code: .changed, token: message.token))
      default: throw .refused
      }
    } catch {
      state = .ended
      return .end(EDHOCOverCoAP.answer(error, token: message.token))
    }
  }

  private mutating func begin(_ message1: [UInt8], _ key: P256.PrivateKey) throws(EDHOCError) -> [UInt8] {
    var responder = EDHOCResponder(methods: [.bothDiffieHellman], identity: identity)
    let peer = try responder.receiveMessage1(message1)
    // The stream has no other connection: any name will do that is not the peer's.
    let connection = peer.connection.bytes == [0] ? ConnectionIdentifier([1])! : ConnectionIdentifier([0])!
    let answer = try responder.message2(ephemeral: key, connection: connection)
    state = .answered(responder, connection)
    return answer
  }

  private mutating func finish(
    _ message3: [UInt8], _ responder: EDHOCResponder, _ refusal: (AuthenticationCredential) -> EDHOCError?
  ) throws(EDHOCError) {
    var responder = responder
    state = .secured(try responder.finish(message3, refusal: refusal).oscoreContext())
  }

  private mutating func verify(_ message: CoAPMessage) -> Incoming {
    guard case .secured(let context) = state else {
      return .end(Self.refusal(.unauthorized, message))
    }
    do throws(OSCOREError) {
      let option = try OSCOREOption(message.options[.oscore]?.value ?? [])
      guard option.kid == context.recipientID else { throw .contextNotFound }
      let (request, partialIV) = try context.unprotect(request: message, option)
      requests.removeAll { $0.token == request.token }
      guard requests.count < Self.maximumRequests else {
        let refusal = CoAPMessage(code: .tooManyRequests, token: request.token)
        return .answer(try context.protect(response: refusal, to: partialIV, isNumbered: false))
      }
      requests.append(Request(token: request.token, partialIV: partialIV))
      return .request(request)
    } catch {
      // On a stream nothing is lost or comes twice: somebody is in between, or the client has gone wrong.
      state = .ended
      return .end(Self.refusal(error.response?.code ?? .badRequest, message))
    }
  }

  private static func refusal(_ code: CoAPCode, _ request: CoAPMessage) -> CoAPMessage {
    CoAPMessage(code: code, token: request.token)
  }

  // MARK: What goes

  /// A response or notification as it is sent; nil: it answers nothing that is still open.
  public mutating func protect(_ response: CoAPMessage) -> CoAPMessage? {
    guard case .secured(let context) = state else { return response }
    guard let index = requests.firstIndex(where: { $0.token == response.token }) else { return nil }
    let isNotification = response.options[.observe] != nil
    let partialIV = requests[index].partialIV
    if !isNotification { requests.remove(at: index) }
    do throws(OSCOREError) {
      return try context.protect(response: response, to: partialIV, isNumbered: isNotification)
    } catch {
      let failure = CoAPMessage(code: .internalServerError, token: response.token)
      return try? context.protect(response: failure, to: partialIV, isNumbered: true)
    }
  }
}
