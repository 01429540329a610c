import Crypto

/// The asking end of a stream of CoAP messages that is secured (see `SecureStreamServer`): `hello`, `takeHello`, `takeFinish`,
/// then any number of protected requests.
public struct SecureStreamClient {
  private var initiator: EDHOCInitiator
  private var context: OSCOREContext?
  /// The requests that something may still be said to.
  private var requests: [Request] = []

  /// As many as a client has open at once.
  public static let maximumRequests = 128

  private struct Request {
    let token: [UInt8]
    let partialIV: UInt64
    /// Of the last notification.
    var newest: UInt64?
  }

  /// - Parameters:
  ///   - identity: who we are; its key for static Diffie-Hellman.
  ///   - ephemeral: a new key, for this stream alone.
  public init(identity: EDHOCIdentity, ephemeral: P256.PrivateKey) {
    initiator = EDHOCInitiator(
      method: .bothDiffieHellman, identity: identity, ephemeral: ephemeral, connection: ConnectionIdentifier([])!)
  }

  /// The first request (message_1).
  public mutating func hello(token: [UInt8]) throws(EDHOCError) -> CoAPMessage {
    Self.request(.new(try initiator.message1()), token: token)
  }

  /// Takes the answer to `hello` and makes the second request (message_3). Protected requests may follow it at once.
  ///
  /// - Parameter accepts: whether the server may have this key; that it has it is proven then.
  public mutating func takeHello(
    _ answer: CoAPMessage, token: [UInt8], accepts: (AuthenticationCredential) -> Bool
  ) throws(EDHOCError) -> CoAPMessage {
    try Self.check(answer)
    let peer = try initiator.receiveMessage2(answer.payload)
    guard let credential = peer.credential else { throw .unknownCredential }
    guard accepts(credential) else { throw .refused }
    try initiator.authenticate(credential)
    let (message, session) = try initiator.message3()
    context = try session.oscoreContext()
    return Self.request(.continued(session.peerConnection, message), token: token)
  }

  /// Takes the answer to the second request. The server has proven itself already; that it took us, its first verified response
  /// says.
  public mutating func takeFinish(_ answer: CoAPMessage) throws(EDHOCError) {
    try Self.check(answer)
    if context == nil { throw .outOfOrder }
  }

  private static func request(_ request: EDHOCOverCoAP.Request, token: [UInt8]) -> CoAPMessage {
    var message = CoAPMessage(code: .post, token: token, payload: EDHOCOverCoAP.body(request))
    message.path = EDHOCOverCoAP.path
    message.contentFormat = .edhocRequest
    return message
  }

  private static func check(_ answer: CoAPMessage) throws(EDHOCError) {
    if answer.code.isSuccess { return }
    if answer.contentFormat == .edhoc, let error = try EDHOCPeerError(inPlaceOfBytes: answer.payload) {
      throw .peerFailed(error)
    }
    throw .refused
  }

  // MARK: Messages

  /// A request as it is sent.
  public mutating func protect(_ request: CoAPMessage) throws(OSCOREError) -> CoAPMessage {
    guard let context else { throw .contextNotFound }
    let (message, partialIV) = try context.protect(request: request)
    requests.removeAll { $0.token == request.token }
    if requests.count >= Self.maximumRequests { requests.removeFirst() }
    requests.append(Request(token: request.token, partialIV: partialIV))
    return message
  }

  /// What a response says; an error: it is not the server's answer to a request of ours.
  public mutating func unprotect(_ response: CoAPMessage) throws(OSCOREError) -> CoAPMessage {
    guard let context, let index = requests.firstIndex(where: { $0.token == response.token }) else {
      throw .contextNotFound
    }
    let (message, number) = try context.unprotect(response: response, to: requests[index].partialIV)
    if message.options[.observe] == nil {
      requests.remove(at: index)
      return message
    }
    // On a stream notifications come in order, and none of them twice.
    guard let number, requests[index].newest.map({ $0 < number }) ?? true else { throw .replayed }
    requests[index].newest = number
    return message
  }
}
