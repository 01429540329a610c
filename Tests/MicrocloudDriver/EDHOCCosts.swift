import Basics
import Crypto
import Microcloud

/// What EDHOC costs:
///
///   cost METHOD SIDE TIMES     one exchange, of which `initiator` or `responder` then does its part so many times anew
///
/// It says the bytes of each message as `cost`; an instrument counts the rest. Credentials are sent if the method has
/// `+` after it, and named if not.
enum EDHOCCosts {
  /// False if the command is not this.
  static func obey(_ verb: String, _ words: [String]) -> Bool {
    guard verb == "cost", words.count == 3, let times = Decimal.parse(words[2]),
      let number = Decimal.parse(String(words[0].prefix { $0 != "+" })),
      let method = EDHOCMethod(rawValue: Int64(truncatingIfNeeded: number))
    else { return false }
    do throws(EDHOCError) {
      let exchange = try Exchange(method, byValue: words[0].hasSuffix("+"))
      for _ in 0..<times {
        if words[1] == "initiator" { try exchange.initiate() } else { try exchange.respond() }
      }
      say("cost", [("bytes", .array(exchange.messages.map { .unsigned(UInt64($0.count)) }))])
    } catch {
      complain("\(error)")
    }
    return true
  }

  private struct Exchange {
    let method: EDHOCMethod
    let first: EDHOCIdentity
    let second: EDHOCIdentity
    let initiator: EDHOCInitiator
    let responder: EDHOCResponder
    private(set) var messages: [[UInt8]] = []

    private static let (firstName, secondName) = (ConnectionIdentifier([1])!, ConnectionIdentifier([2])!)

    init(_ method: EDHOCMethod, byValue: Bool) throws(EDHOCError) {
      self.method = method
      first = try Self.identity(1, byValue)
      second = try Self.identity(2, byValue)
      var initiator = EDHOCInitiator(
        method: method, identity: first, ephemeral: try Self.key(3), connection: Self.firstName)
      var responder = EDHOCResponder(methods: [method], identity: second)
      self.initiator = initiator
      self.responder = responder
      messages.append(try initiator.message1())
      _ = try responder.receiveMessage1(messages[0])
      messages.append(try responder.message2(ephemeral: try Self.key(4), connection: Self.secondName))
      _ = try initiator.receiveMessage2(messages[1])
      try initiator.authenticate(second.credential)
      messages.append(try initiator.message3().message)
    }

    /// From the ephemeral key to OSCORE's.
    func initiate() throws(EDHOCError) {
      _ = try Self.key(3)
      var initiator = initiator
      _ = try initiator.message1()
      _ = try initiator.receiveMessage2(messages[1])
      try initiator.authenticate(second.credential)
      _ = try initiator.message3().session.oscoreKeys()
    }

    func respond() throws(EDHOCError) {
      var responder = responder
      _ = try responder.receiveMessage1(messages[0])
      _ = try responder.message2(ephemeral: try Self.key(4), connection: Self.secondName)
      let peer = try responder.receiveMessage3(messages[2])
      _ = try responder.authenticate(peer.credential ?? first.credential).oscoreKeys()
    }

    private static func identity(_ number: UInt8, _ byValue: Bool) throws(EDHOCError) -> EDHOCIdentity {
      let key = try Self.key(number)
      let claims = AuthenticationCredential(of: key.publicKey)
      return byValue
        ? EDHOCIdentity(key: key, claimsSet: claims)
        : EDHOCIdentity(key: key, credential: claims, keyIdentifier: [number])
    }

    /// Made as a new one is, but always the same.
    private static func key(_ number: UInt8) throws(EDHOCError) -> P256.PrivateKey {
      do throws(CryptoError) {
        return try P256.PrivateKey(scalar: Secret(Array(repeating: number, count: P256.fieldBytes)))
      } catch {
        throw .crypto(error)
      }
    }
  }
}
