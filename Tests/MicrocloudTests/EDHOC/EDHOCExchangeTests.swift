import Crypto
import Testing

@testable import Microcloud

struct EDHOCExchangeTests {
  @Test(arguments: EDHOCMethod.allCases, EDHOCExchange.Naming.allCases)
  func bothSidesGetTheSameSession(_ method: EDHOCMethod, _ naming: EDHOCExchange.Naming) throws {
    var exchange = try EDHOCExchange(method, naming)
    let outcome = try exchange.run()
    let (first, second) = (outcome.initiatorSession, outcome.responderSession)
    #expect(try first.oscoreKeys().masterSecret.bytes == second.oscoreKeys().masterSecret.bytes)
    #expect(try first.oscoreKeys().masterSalt.bytes == second.oscoreKeys().masterSalt.bytes)
    #expect(first.ownConnection == second.peerConnection && first.peerConnection == second.ownConnection)
    #expect(
      try first.exported(40000, context: [1], count: 50).bytes == second.exported(40000, context: [1], count: 50).bytes)
    #expect(
      try first.exported(40000, context: [1], count: 50).bytes != second.exported(40000, context: [2], count: 50).bytes)
    #expect((outcome.responder.credential == nil) == (naming == .byReference))
    if naming != .byReference {
      #expect(outcome.responder.credential == exchange.responderCredential)
      #expect(outcome.initiator.credential == exchange.initiatorCredential)
    }
  }

  /// No bit of any message can be turned without one side noticing, and none of the messages that follow is then taken.
  /// Bits of message_1 and of the keystream of message_2 show at the latest when the responder is authenticated.
  @Test(arguments: [(EDHOCMethod.bothSign, 8), (.bothDiffieHellman, 1), (.initiatorSigns, 16), (.responderSigns, 16)])
  func nothingForgedIsTaken(_ method: EDHOCMethod, _ step: Int) throws {
    let honest = try EDHOCExchange(method)
    var first = honest
    let messages = try first.run().messages
    for number in 1...4 {
      for bit in stride(from: 0, to: messages[number - 1].count * 8, by: step) {
        var exchange = honest
        var course = EDHOCExchange.Course()
        course.onTheWay = { place, message in
          guard place == number else { return message }
          var message = message
          message[(bit / 8) % message.count] ^= 1 << UInt8(bit % 8)
          return message
        }
        #expect(throws: EDHOCError.self, "message \(number), bit \(bit)") { try exchange.run(course) }
      }
    }
  }

  /// Cut short or lengthened, all are refused.
  @Test(arguments: EDHOCMethod.allCases) func noOtherLengthIsTaken(_ method: EDHOCMethod) throws {
    let honest = try EDHOCExchange(method)
    for number in 1...4 {
      for change in [-9, -2, -1, 1, 2] {
        var exchange = honest
        var course = EDHOCExchange.Course()
        course.onTheWay = { place, message in
          place != number
            ? message : change < 0 ? Array(message.dropLast(-change)) : message + Array(repeating: 0, count: change)
        }
        #expect(throws: EDHOCError.self, "message \(number), \(change)") { try exchange.run(course) }
      }
    }
  }

  /// Who has the credential but not the key cannot be either side.
  @Test(arguments: EDHOCMethod.allCases) func aCredentialWithoutItsKeyIsWorthNothing(_ method: EDHOCMethod) throws {
    let (known, thief) = try (P256.PrivateKey.generate(), P256.PrivateKey.generate())
    let stolen = AuthenticationCredential(of: known.publicKey)
    var exchange = try EDHOCExchange(method)
    exchange.responder = EDHOCResponder(methods: [method], identity: EDHOCIdentity(key: thief, claimsSet: stolen))
    #expect(throws: EDHOCError.notAuthentic) { try exchange.run() }
    var other = try EDHOCExchange(method)
    other.initiator = try EDHOCInitiator(
      method: method, identity: EDHOCIdentity(key: thief, claimsSet: stolen), ephemeral: .generate(),
      connection: ConnectionIdentifier([])!)
    #expect(throws: EDHOCError.notAuthentic) { try other.run() }
  }

  /// Of two keys with the same identifier, only the right one authenticates.
  @Test(arguments: EDHOCMethod.allCases) func anotherKeyOfThatIdentifierDoesNotFit(_ method: EDHOCMethod) throws {
    var exchange = try EDHOCExchange(method, .byReference)
    _ = try exchange.responder.receiveMessage1(exchange.initiator.message1())
    _ = try exchange.initiator.receiveMessage2(
      exchange.responder.message2(ephemeral: .generate(), connection: ConnectionIdentifier([1])!))
    var second = exchange.initiator
    let other = try AuthenticationCredential(of: P256.PrivateKey.generate().publicKey)
    #expect(throws: EDHOCError.notAuthentic) { try exchange.initiator.authenticate(other) }
    try second.authenticate(exchange.responderCredential)
    // The right key in another credential is another identity.
    let renamed = AuthenticationCredential(
      claimsSet: named("other", exchange.initiatorCredential.publicKey))!
    _ = try exchange.responder.receiveMessage3(second.message3().message)
    #expect(throws: EDHOCError.notAuthentic) { try exchange.responder.authenticate(renamed) }
  }

  private func named(_ name: String, _ key: P256.PublicKey) -> [UInt8] {
    let claims: CBORValue = [2: .text(name), 8: [1: .map(COSEKey.map(of: key))]]
    return claims.encoded
  }

  @Test func nobodySpeaksWithItself() throws {
    let key = try P256.PrivateKey.generate()
    let identity = EDHOCIdentity(key: key, claimsSet: AuthenticationCredential(of: key.publicKey))
    var exchange = try EDHOCExchange(.bothDiffieHellman)
    exchange.responder = EDHOCResponder(methods: [.bothDiffieHellman], identity: identity)
    exchange.initiator = try EDHOCInitiator(
      method: .bothDiffieHellman, identity: identity, ephemeral: .generate(), connection: ConnectionIdentifier([])!)
    #expect(throws: EDHOCError.ownCredential) { try exchange.run() }
  }

  @Test func connectionsAreNeverCalledTheSame() throws {
    var exchange = try EDHOCExchange(.bothSign)
    let request = try exchange.responder.receiveMessage1(exchange.initiator.message1())
    #expect(throws: EDHOCError.sameConnectionIdentifiers) {
      try exchange.responder.message2(ephemeral: .generate(), connection: request.connection)
    }
    // A responder that does it all the same.
    var initiator = try EDHOCTrace.diffieHellman.initiator(suites: [6, 2])
    let message = try forgedMessage2([0x37, 0x32, 0x48, 0, 0, 0, 0, 0, 0, 0, 0], initiator.message1())
    #expect(throws: EDHOCError.sameConnectionIdentifiers) { try initiator.receiveMessage2(message) }
  }

  @Test func callsOutOfOrderChangeNothing() throws {
    var exchange = try EDHOCExchange(.bothDiffieHellman)
    #expect(throws: EDHOCError.outOfOrder) { try exchange.initiator.message3() }
    #expect(throws: EDHOCError.outOfOrder) { try exchange.initiator.receiveMessage2([0]) }
    #expect(throws: EDHOCError.outOfOrder) { try exchange.responder.message4() }
    #expect(throws: EDHOCError.outOfOrder) { try exchange.responder.receiveMessage3([0]) }
    _ = try exchange.run()
    #expect(throws: EDHOCError.outOfOrder) { try exchange.initiator.message1() }
  }

  /// After a failure the machine takes nothing more, but a copy of before goes on.
  @Test func aCopyOutlivesAForgedMessage() throws {
    var exchange = try EDHOCExchange(.bothDiffieHellman)
    _ = try exchange.responder.receiveMessage1(exchange.initiator.message1())
    let message2 = try exchange.responder.message2(ephemeral: .generate(), connection: ConnectionIdentifier([1])!)
    var copy = exchange.initiator
    #expect(throws: EDHOCError.self) { try copy.receiveMessage2([0x41, 0]) }
    #expect(throws: EDHOCError.outOfOrder) { try copy.receiveMessage2(message2) }
    _ = try exchange.initiator.receiveMessage2(message2)
  }

  @Test(arguments: EDHOCMethod.allCases) func aMethodThatIsNotOursIsRefused(_ method: EDHOCMethod) throws {
    var exchange = try EDHOCExchange(method)
    let others = EDHOCMethod.allCases.filter { $0 != method }
    let key = try P256.PrivateKey.generate()
    exchange.responder = EDHOCResponder(
      methods: others, identity: EDHOCIdentity(key: key, claimsSet: AuthenticationCredential(of: key.publicKey)))
    #expect(throws: EDHOCError.unsupportedMethod) { try exchange.run() }
  }

  /// A message_2 with any plaintext, for who sent `message1`: nothing but the proof in it says who made it.
  private func forgedMessage2(_ plaintext: [UInt8], _ message1: [UInt8]) throws -> [UInt8] {
    try EDHOCForgery.message2(plaintext, answering: message1)
  }
}
