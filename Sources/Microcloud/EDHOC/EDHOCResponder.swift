import Crypto

/// The side that is asked for an exchange (EDHOC, RFC 9528): `receiveMessage1`, `message2`, `receiveMessage3`,
/// `authenticate`, and `message4` if the two agreed on that.
///
/// After an error other than `outOfOrder` it is done for; `EDHOCError.reply` is then for the peer. It is a value: who keeps a
/// copy may ignore a forged message and go on with the copy. To refuse a peer, drop it and send
/// `EDHOCError.unknownCredential.reply` or `.refused.reply`.
public struct EDHOCResponder {
  private let methods: [EDHOCMethod]
  private let identity: EDHOCIdentity
  private let knownItems: [UInt16]
  private var state: State

  private enum State {
    case new
    case asked(Message1)
    case waitingForMessage3(Answered)
    case seenPeer(Message3)
    case authenticated(Secret, transcript: [UInt8])
    case ended
  }

  private struct Message1 {
    let method: EDHOCMethod
    let peerKey: P256.PublicKey
    let peerConnection: ConnectionIdentifier
    let digest: [UInt8]
  }

  private struct Answered {
    let method: EDHOCMethod
    /// For Diffie-Hellman with the initiator's static key.
    let ephemeral: P256.PrivateKey
    let ownConnection: ConnectionIdentifier
    let peerConnection: ConnectionIdentifier
    let secret: Secret
    let transcript: [UInt8]
  }

  /// The peer's message, decrypted, but of nobody yet.
  private struct Message3 {
    let answered: Answered
    let plaintext: [UInt8]
    let content: EDHOCPlaintext
  }

  /// What an initiator begins with.
  public struct Request: Equatable, Sendable {
    public let method: EDHOCMethod
    /// What ours must differ from.
    public let connection: ConnectionIdentifier
    /// External authorization data, which anybody may have written.
    public let items: [AuthorizationItem]
  }

  /// - Parameters:
  ///   - methods: those that the caller takes; the identity's key serves for each.
  ///   - knownItems: labels of external authorization data that the caller understands.
  public init(methods: [EDHOCMethod], identity: EDHOCIdentity, knownItems: [UInt16] = []) {
    self.methods = methods
    self.identity = identity
    self.knownItems = knownItems
    state = .new
  }

  /// What the initiator wants (section 5.2.3).
  public mutating func receiveMessage1(_ message: [UInt8]) throws(EDHOCError) -> Request {
    guard case .new = state else { throw .outOfOrder }
    state = .ended
    var reader = try EDHOCReader(message)
    let first = try EDHOCMessage1(&reader)
    guard methods.contains(first.method) else { throw .unsupportedMethod }
    guard EDHOCSuite.isChosen(in: first.suites) else { throw .wrongSuite }
    guard first.key.count == EDHOCSuite.keyBytes else { throw .malformed }
    let items = try AuthorizationItem.decode(&reader, known: knownItems).items
    let peerKey = try EDHOCSuite.ephemeralKey(first.key[...])
    state = .asked(
      Message1(
        method: first.method, peerKey: peerKey, peerConnection: first.connection,
        digest: try EDHOCSuite.hash(message)))
    return Request(method: first.method, connection: first.connection, items: items)
  }

  /// Says who we are (section 5.3.2). Anybody who sent message_1 can read it.
  /// - Parameters:
  ///   - ephemeral: a new key, for this exchange alone.
  ///   - connection: what no other connection of ours is called, and the initiator does not call it.
  public mutating func message2(
    ephemeral: P256.PrivateKey, connection: ConnectionIdentifier, items: [AuthorizationItem] = []
  ) throws(EDHOCError) -> [UInt8] {
    guard case .asked(let request) = state else { throw .outOfOrder }
    state = .ended
    if connection == request.peerConnection { throw .sameConnectionIdentifiers }
    let x = ephemeral.publicKey.x
    let transcript = try EDHOCSuite.hash(CBORValue.bytes(x).encoded + CBORValue.bytes(request.digest).encoded)
    let keystreamSecret = try EDHOCSuite.extract(
      salt: transcript, try EDHOCSuite.agree(ephemeral, request.peerKey))
    var secret = keystreamSecret
    if !request.method.isResponderSigning {
      secret = try EDHOCSuite.mix(
        secret, .salt3, transcript: transcript, with: try EDHOCSuite.agree(identity.key, request.peerKey))
    }

    let encodedItems = AuthorizationItem.encode(items)
    let proof = EDHOCProof.message2(
      method: request.method, connection: connection, identifier: identity.identifier, credential: identity.credential,
      transcript: transcript, items: encodedItems)
    let plaintext =
      connection.encoded
      + EDHOCPlaintext.encode(
        identity.identifier, proof: try proof.made(secret, key: identity.key), items: encodedItems)
    let ciphertext = try EDHOCCipher.applyKeystream(keystreamSecret, transcript: transcript, to: plaintext[...])
    let message = try EDHOCCipher.bounded(CBORValue.bytes(x + ciphertext).encoded)

    state = .waitingForMessage3(
      Answered(
        method: request.method, ephemeral: ephemeral, ownConnection: connection,
        peerConnection: request.peerConnection, secret: secret,
        transcript: try EDHOCSuite.transcript(transcript, plaintext, credential: identity.credential.encoded)))
    return message
  }

  /// Who the initiator says it is (section 5.4.3).
  public mutating func receiveMessage3(_ message: [UInt8]) throws(EDHOCError) -> EDHOCPeer {
    guard case .waitingForMessage3(let answered) = state else { throw .outOfOrder }
    state = .ended
    if let error = try EDHOCPeerError(inPlaceOfBytes: message) { throw .peerFailed(error) }
    let plaintext = try EDHOCCipher.message3(answered.secret, transcript: answered.transcript).open(message)
    var reader = try EDHOCReader(plaintext)
    let content = try EDHOCPlaintext(&reader, known: knownItems)
    let peer = try EDHOCPeer(content.identifier, content.items)
    state = .seenPeer(Message3(answered: answered, plaintext: plaintext, content: content))
    return peer
  }

  /// Takes the credential that the caller found for the initiator, or found good, and verifies that the initiator has it.
  public mutating func authenticate(_ credential: AuthenticationCredential) throws(EDHOCError) -> EDHOCSession {
    guard case .seenPeer(let message) = state else { throw .outOfOrder }
    state = .ended
    if identity.isSame(as: credential) { throw .ownCredential }
    let answered = message.answered
    var secret = answered.secret
    if !answered.method.isInitiatorSigning {
      secret = try EDHOCSuite.mix(
        secret, .salt4, transcript: answered.transcript,
        with: try EDHOCSuite.agree(answered.ephemeral, credential.publicKey))
    }
    let proof = EDHOCProof.message3(
      method: answered.method, identifier: message.content.identifier, credential: credential,
      transcript: answered.transcript, items: message.content.encodedItems)
    try proof.verify(message.content.proof, secret, by: credential.publicKey)

    let transcript = try EDHOCSuite.transcript(answered.transcript, message.plaintext, credential: credential.encoded)
    let session = try EDHOCSession(
      secret, transcript: transcript, own: answered.ownConnection, peer: answered.peerConnection)
    state = .authenticated(secret, transcript: transcript)
    return session
  }

  /// Confirms that we have the keys (section 5.5.2), where no OSCORE message does.
  public mutating func message4(items: [AuthorizationItem] = []) throws(EDHOCError) -> [UInt8] {
    guard case .authenticated(let secret, let transcript) = state else { throw .outOfOrder }
    state = .ended
    return try EDHOCCipher.message4(secret, transcript: transcript).seal(AuthorizationItem.encode(items))
  }
}
