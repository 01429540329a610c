import Basics
import Crypto
import Microcloud

/// One side of EDHOC at a time, message by message, in hexadecimal:
///
///   identity SCALAR CREDENTIAL KID     who we are from now on; a KID of - sends the claims set or token itself
///   initiate METHOD C_I                message_1; the suite is ours
///   respond METHOD                     waits for message_1
///   message1|message2|message3|message4 BYTES
///   answer C_R                         message_2
///   authenticate CREDENTIAL            of the peer; - is what it sent
///   finish                             message_3 (initiator) or message_4 (responder)
///
/// What is to be sent is said as `message`; what is known of a peer as `peer`; what a session gives as `session`.
final class EDHOCSide {
  private var identity: EDHOCIdentity?
  private var initiator: EDHOCInitiator?
  private var responder: EDHOCResponder?
  private var peer: EDHOCPeer?

  /// False if the command is none of these.
  func obey(_ verb: String, _ words: [String]) -> Bool {
    do throws(EDHOCError) {
      return try carryOut(verb, words)
    } catch {
      say("failed", [("text", .text("\(error)")), ("reply", .text(Hexadecimal.text(error.reply ?? [])))])
      return true
    }
  }

  private func carryOut(_ verb: String, _ words: [String]) throws(EDHOCError) -> Bool {
    let fields = words.map { $0 == "-" ? nil : Hexadecimal.bytes($0.utf8) }
    let bytes = fields.first.flatMap { $0 } ?? []
    switch verb {
    case "identity": identity = try Self.identity(fields)
    case "initiate": try initiate(words[0], fields[1] ?? [])
    case "respond":
      guard let identity, let method = Self.method(words[0]) else { throw .outOfOrder }
      responder = EDHOCResponder(methods: [method], identity: identity)
    case "message1":
      let request = try responder?.receiveMessage1(bytes)
      say("request", [("connection", .text(Hexadecimal.text(request?.connection.bytes ?? [])))])
    case "answer":
      guard let connection = ConnectionIdentifier(bytes) else { throw .outOfOrder }
      Self.send(try responder?.message2(ephemeral: try Self.newKey(), connection: connection))
    case "message2": tell(try initiator?.receiveMessage2(bytes))
    case "message3": tell(try responder?.receiveMessage3(bytes))
    case "message4":
      _ = try initiator?.receiveMessage4(bytes)
      say("confirmed")
    case "authenticate": try authenticate(fields.first ?? nil)
    case "finish": try finish()
    default: return false
    }
    return true
  }

  private static func identity(_ fields: [[UInt8]?]) throws(EDHOCError) -> EDHOCIdentity {
    guard fields.count == 3, let scalar = fields[0], let claims = fields[1],
      let credential = AuthenticationCredential(claimsSet: claims) ?? AuthenticationCredential(token: claims)
    else { throw .unsupportedCredential }
    do throws(CryptoError) {
      let key = try P256.PrivateKey(scalar: Secret(scalar))
      if let kid = fields[2] { return EDHOCIdentity(key: key, credential: credential, keyIdentifier: kid) }
      if credential.isToken { return EDHOCIdentity(key: key, token: credential) }
      return EDHOCIdentity(key: key, claimsSet: credential)
    } catch {
      throw .crypto(error)
    }
  }

  private func initiate(_ number: String, _ connection: [UInt8]) throws(EDHOCError) {
    guard let identity, let method = Self.method(number), let connection = ConnectionIdentifier(connection) else {
      throw .outOfOrder
    }
    var made = EDHOCInitiator(
      method: method, identity: identity, ephemeral: try Self.newKey(), connection: connection)
    Self.send(try made.message1())
    initiator = made
  }

  private func authenticate(_ claims: [UInt8]?) throws(EDHOCError) {
    guard let credential = claims.map({ AuthenticationCredential(claimsSet: $0) }) ?? peer?.credential else {
      throw .unknownCredential
    }
    try initiator?.authenticate(credential)
    if let session = try responder?.authenticate(credential) { try tell(session) }
    say("authenticated")
  }

  private func finish() throws(EDHOCError) {
    if let (message, session) = try initiator?.message3() {
      Self.send(message)
      try tell(session)
    } else {
      Self.send(try responder?.message4())
    }
  }

  private static func method(_ number: String) -> EDHOCMethod? {
    Decimal.parse(number).flatMap { EDHOCMethod(rawValue: Int64(truncatingIfNeeded: $0)) }
  }

  private static func newKey() throws(EDHOCError) -> P256.PrivateKey {
    do throws(CryptoError) {
      return try P256.PrivateKey.generate()
    } catch {
      throw .crypto(error)
    }
  }

  private static func send(_ message: [UInt8]?) {
    say("message", [("bytes", .text(Hexadecimal.text(message ?? [])))])
  }

  private func tell(_ peer: EDHOCPeer?) {
    self.peer = peer
    let name: CBORValue =
      if case .keyIdentifier(let bytes)? = peer?.identifier { .text(Hexadecimal.text(bytes)) } else { .null }
    let credential = peer?.credential.map { CBORValue.text(Hexadecimal.text($0.encoded)) } ?? .null
    say("peer", [("kid", name), ("credential", credential)])
  }

  private func tell(_ session: EDHOCSession) throws(EDHOCError) {
    let (secret, salt) = try session.oscoreKeys()
    var updated = session
    try updated.update(context: [1, 2, 3])
    say(
      "session",
      [
        ("secret", .text(Hexadecimal.text(secret.bytes))), ("salt", .text(Hexadecimal.text(salt.bytes))),
        ("peer", .text(Hexadecimal.text(session.peerConnection.bytes))),
        ("own", .text(Hexadecimal.text(session.ownConnection.bytes))),
        ("updated", .text(Hexadecimal.text(try updated.oscoreKeys().masterSecret.bytes))),
      ])
  }
}
