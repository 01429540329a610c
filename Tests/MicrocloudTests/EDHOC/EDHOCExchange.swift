import Crypto

@testable import Microcloud

/// Two sides, and what they say to each other.
struct EDHOCExchange {
  let method: EDHOCMethod
  var initiator: EDHOCInitiator
  var responder: EDHOCResponder
  let initiatorCredential: AuthenticationCredential
  let responderCredential: AuthenticationCredential

  enum Naming: CaseIterable { case byReference, byValue, byToken }

  init(_ method: EDHOCMethod, _ naming: Naming = .byValue, knownItems: [UInt16] = []) throws {
    self.method = method
    let first = try Self.identity(naming, kid: [0x2B])
    let second = try Self.identity(naming, kid: Array("responder".utf8))
    initiatorCredential = first.credential
    responderCredential = second.credential
    initiator = try EDHOCInitiator(
      method: method, identity: first, ephemeral: .generate(), connection: ConnectionIdentifier([])!,
      knownItems: knownItems)
    responder = EDHOCResponder(methods: [method], identity: second, knownItems: knownItems)
  }

  private static func identity(_ naming: Naming, kid: [UInt8]) throws -> EDHOCIdentity {
    let key = try P256.PrivateKey.generate()
    let claims = AuthenticationCredential(of: key.publicKey)
    switch naming {
    case .byReference: return EDHOCIdentity(key: key, credential: claims, keyIdentifier: kid)
    case .byValue: return EDHOCIdentity(key: key, claimsSet: claims)
    case .byToken:
      let token = try COSESign1.signing(claims.encoded, by: .generate()).value.encoded
      return EDHOCIdentity(key: key, token: AuthenticationCredential(token: token)!)
    }
  }

  /// What each message has, and what a message is turned into on its way.
  struct Course {
    var items1: [AuthorizationItem] = []
    var items2: [AuthorizationItem] = []
    var items3: [AuthorizationItem] = []
    var items4: [AuthorizationItem] = []
    var onTheWay: (_ number: Int, _ message: [UInt8]) -> [UInt8] = { $1 }
  }

  struct Outcome {
    var messages: [[UInt8]] = []
    var request: EDHOCResponder.Request
    var responder: EDHOCPeer
    var initiator: EDHOCPeer
    var items4: [AuthorizationItem]
    var initiatorSession: EDHOCSession
    var responderSession: EDHOCSession
  }

  mutating func run(_ course: Course = Course()) throws -> Outcome {
    var messages: [[UInt8]] = []
    func pass(_ message: [UInt8]) -> [UInt8] {
      messages.append(message)
      return course.onTheWay(messages.count, message)
    }
    let request = try responder.receiveMessage1(pass(initiator.message1(items: course.items1)))
    let connection = ConnectionIdentifier([0xFF, 1])!
    let peer2 = try initiator.receiveMessage2(
      pass(responder.message2(ephemeral: .generate(), connection: connection, items: course.items2)))
    try initiator.authenticate(peer2.credential ?? responderCredential)
    let (message3, initiatorSession) = try initiator.message3(items: course.items3)
    let peer3 = try responder.receiveMessage3(pass(message3))
    let responderSession = try responder.authenticate(peer3.credential ?? initiatorCredential)
    let items4 = try initiator.receiveMessage4(pass(responder.message4(items: course.items4)))
    return Outcome(
      messages: messages, request: request, responder: peer2, initiator: peer3, items4: items4,
      initiatorSession: initiatorSession, responderSession: responderSession)
  }
}
