import Crypto

/// The side that begins an exchange (EDHOC, RFC 9528): `message1`, `receiveMessage2`, `authenticate`, `message3`, and
/// `receiveMessage4` if the two agreed on that.
///
/// After an error other than `outOfOrder` it is done for; `EDHOCError.reply` is then for the peer. It is a value: who keeps a
/// copy may ignore a forged message and go on with the copy. To refuse a peer, drop it and send
/// `EDHOCError.unknownCredential.reply` or `.refused.reply`.
public struct EDHOCInitiator {
  private let method: EDHOCMethod
  private let identity: EDHOCIdentity
  private let connection: ConnectionIdentifier
  private let knownItems: [UInt16]
  private let suites: [Int64]
  private var state: State

  private enum State {
    case new(P256.PrivateKey)
    case waitingForMessage2(P256.PrivateKey, messageDigest: [UInt8])
    case seenPeer(Message2)
    case authenticated(Authenticated)
    case waitingForMessage4(Secret, transcript: [UInt8])
    case ended
  }

  /// The peer's message, decrypted, but of nobody yet.
  private struct Message2 {
    let ephemeral: P256.PrivateKey
    let peerKey: P256.PublicKey
    let connection: ConnectionIdentifier
    let secret: Secret
    let transcript: [UInt8]
    let plaintext: [UInt8]
    let content: EDHOCPlaintext
  }

  private struct Authenticated {
    let peerKey: P256.PublicKey
    let connection: ConnectionIdentifier
    let secret: Secret
    let transcript: [UInt8]
  }

  /// - Parameters:
  ///   - ephemeral: a new key, for this exchange alone.
  ///   - connection: what no other connection of ours is called.
  ///   - knownItems: labels of external authorization data that the caller understands.
  public init(
    method: EDHOCMethod, identity: EDHOCIdentity, ephemeral: P256.PrivateKey, connection: ConnectionIdentifier,
    knownItems: [UInt16] = []
  ) {
    self.init(
      method: method, identity: identity, ephemeral: ephemeral, connection: connection, knownItems: knownItems,
      suites: [EDHOCSuite.number])
  }

  /// `suites` in order of preference, the last one chosen.
  init(
    method: EDHOCMethod, identity: EDHOCIdentity, ephemeral: P256.PrivateKey, connection: ConnectionIdentifier,
    knownItems: [UInt16], suites: [Int64]
  ) {
    self.method = method
    self.identity = identity
    self.connection = connection
    self.knownItems = knownItems
    self.suites = suites
    state = .new(ephemeral)
  }

  /// The first message (section 5.2). Everybody can read `items`.
  public mutating func message1(items: [AuthorizationItem] = []) throws(EDHOCError) -> [UInt8] {
    guard case .new(let ephemeral) = state else { throw .outOfOrder }
    state = .ended
    let message = EDHOCMessage1(
      method: method, suites: suites, key: ephemeral.publicKey.x, connection: connection)
    let encoded = try EDHOCCipher.bounded(message.encoded(items: items))
    state = .waitingForMessage2(ephemeral, messageDigest: try EDHOCSuite.hash(encoded))
    return encoded
  }

  /// Who the responder says it is (section 5.3.3).
  public mutating func receiveMessage2(_ message: [UInt8]) throws(EDHOCError) -> EDHOCPeer {
    guard case .waitingForMessage2(let ephemeral, let digest) = state else { throw .outOfOrder }
    state = .ended
    if let error = try EDHOCPeerError(inPlaceOfBytes: message) { throw .peerFailed(error) }
    var reader = try EDHOCReader(message)
    let field = try reader.bytes()
    try reader.end()
    guard field.count > EDHOCSuite.keyBytes else { throw .malformed }
    let x = Array(field[..<EDHOCSuite.keyBytes])
    let peerKey = try EDHOCSuite.ephemeralKey(x[...])

    let transcript = try EDHOCSuite.hash(CBORValue.bytes(x).encoded + CBORValue.bytes(digest).encoded)
    let secret = try EDHOCSuite.extract(salt: transcript, try EDHOCSuite.agree(ephemeral, peerKey))
    let plaintext = try EDHOCCipher.applyKeystream(
      secret, transcript: transcript, to: field[EDHOCSuite.keyBytes...])

    var content = try EDHOCReader(plaintext)
    guard let peerConnection = ConnectionIdentifier(try content.item()) else { throw .malformed }
    if peerConnection == connection { throw .sameConnectionIdentifiers }
    let told = try EDHOCPlaintext(&content, known: knownItems)
    let peer = try EDHOCPeer(told.identifier, told.items)
    state = .seenPeer(
      Message2(
        ephemeral: ephemeral, peerKey: peerKey, connection: peerConnection, secret: secret, transcript: transcript,
        plaintext: plaintext, content: told))
    return peer
  }

  /// Takes the credential that the caller found for the responder, or found good, and verifies that the responder has it.
  public mutating func authenticate(_ credential: AuthenticationCredential) throws(EDHOCError) {
    guard case .seenPeer(let message) = state else { throw .outOfOrder }
    state = .ended
    if identity.isSame(as: credential) { throw .ownCredential }
    var secret = message.secret
    if !method.isResponderSigning {
      secret = try EDHOCSuite.mix(
        secret, .salt3, transcript: message.transcript,
        with: try EDHOCSuite.agree(message.ephemeral, credential.publicKey))
    }
    let proof = EDHOCProof.message2(
      method: method, connection: message.connection, identifier: message.content.identifier, credential: credential,
      transcript: message.transcript, items: message.content.encodedItems)
    try proof.verify(message.content.proof, secret, by: credential.publicKey)
    let transcript = try EDHOCSuite.transcript(message.transcript, message.plaintext, credential: credential.encoded)
    state = .authenticated(
      Authenticated(
        peerKey: message.peerKey, connection: message.connection, secret: secret, transcript: transcript))
  }

  /// The message that tells the responder who we are, and what comes of the exchange (section 5.4.2). Nothing of the session
  /// is to be kept before something that it protects came from the peer: message_4, or an OSCORE message.
  public mutating func message3(
    items: [AuthorizationItem] = []
  ) throws(EDHOCError) -> (message: [UInt8], session: EDHOCSession) {
    guard case .authenticated(let peer) = state else { throw .outOfOrder }
    state = .ended
    let cipher = try EDHOCCipher.message3(peer.secret, transcript: peer.transcript)
    var secret = peer.secret
    if !method.isInitiatorSigning {
      secret = try EDHOCSuite.mix(
        secret, .salt4, transcript: peer.transcript, with: try EDHOCSuite.agree(identity.key, peer.peerKey))
    }
    let encodedItems = AuthorizationItem.encode(items)
    let proof = EDHOCProof.message3(
      method: method, identifier: identity.identifier, credential: identity.credential, transcript: peer.transcript,
      items: encodedItems)
    let plaintext = EDHOCPlaintext.encode(
      identity.identifier, proof: try proof.made(secret, key: identity.key), items: encodedItems)
    let message = try cipher.seal(plaintext)

    let transcript = try EDHOCSuite.transcript(peer.transcript, plaintext, credential: identity.credential.encoded)
    let session = try EDHOCSession(secret, transcript: transcript, own: connection, peer: peer.connection)
    state = .waitingForMessage4(secret, transcript: transcript)
    return (message, session)
  }

  /// What the responder adds (section 5.5.3): only it can have made this message.
  public mutating func receiveMessage4(_ message: [UInt8]) throws(EDHOCError) -> [AuthorizationItem] {
    guard case .waitingForMessage4(let secret, let transcript) = state else { throw .outOfOrder }
    state = .ended
    if let error = try EDHOCPeerError(inPlaceOfBytes: message) { throw .peerFailed(error) }
    let plaintext = try EDHOCCipher.message4(secret, transcript: transcript).open(message)
    var reader = try EDHOCReader(plaintext)
    return try AuthorizationItem.decode(&reader, known: knownItems).items
  }
}
