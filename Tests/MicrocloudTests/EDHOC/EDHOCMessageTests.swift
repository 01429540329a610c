import Crypto
import Testing

@testable import Microcloud

/// What is read of single messages, and what is not.
struct EDHOCMessageTests {
  private func receive1(_ message: [UInt8], knownItems: [UInt16] = []) throws -> EDHOCResponder.Request {
    let key = try P256.PrivateKey.generate()
    var responder = EDHOCResponder(
      methods: EDHOCMethod.allCases,
      identity: EDHOCIdentity(key: key, claimsSet: AuthenticationCredential(of: key.publicKey)), knownItems: knownItems)
    return try responder.receiveMessage1(message)
  }

  private func receive2(_ plaintext: [UInt8], knownItems: [UInt16] = []) throws -> EDHOCPeer {
    var initiator = try EDHOCExchange(.bothDiffieHellman, knownItems: knownItems).initiator
    return try initiator.receiveMessage2(EDHOCForgery.message2(plaintext, answering: initiator.message1()))
  }

  private let message1 = EDHOCTrace.diffieHellman["message_1"]
  private let proof: [UInt8] = [0x48, 0, 1, 2, 3, 4, 5, 6, 7]

  /// RFC 9529 chapter 4.
  @Test func everyInvalidMessageIsRefused() throws {
    for message in EDHOCTrace.invalid.all("message_1") {
      let error = #expect(throws: EDHOCError.self) { try receive1(message) }
      #expect(error?.reply != nil)
    }
    for message in EDHOCTrace.invalid.all("message_2") {
      var initiator = try EDHOCExchange(.bothDiffieHellman).initiator
      _ = try initiator.message1()
      #expect(throws: EDHOCError.malformed) { try initiator.receiveMessage2(message) }
    }
    for plaintext in EDHOCTrace.invalid.all("PLAINTEXT_2") {
      var initiator = try EDHOCExchange(.bothDiffieHellman).initiator
      let message = try EDHOCForgery.message2(plaintext, answering: initiator.message1())
      #expect(throws: EDHOCError.self) {
        _ = try initiator.receiveMessage2(message)
        // The short MAC is well-formed, and no proof.
        try initiator.authenticate(EDHOCTrace.diffieHellman.credential("CRED_R"))
      }
    }
  }

  @Test func suitesAreChosenByTheInitiatorsPreference() throws {
    for (suites, isTaken) in [
      ([2], true), ([6, 2], true), ([0, 1, 3, 2], true), ([6], false), ([2, 6], false), ([2, 2], false),
      ([6, 2, 3], false), ([0, -24, 2], true),
    ] as [([Int64], Bool)] {
      let message = EDHOCMessage1(
        method: .bothSign, suites: suites, key: EDHOCTrace.diffieHellman["G_X"], connection: ConnectionIdentifier([])!
      ).encoded(items: [])
      if isTaken {
        #expect(try receive1(message).method == .bothSign)
      } else {
        #expect(throws: EDHOCError.wrongSuite) { try receive1(message) }
      }
    }
    let many = CBORValue.array(Array(repeating: 6, count: EDHOCLimits.suites) + [2]).encoded
    #expect(throws: EDHOCError.malformed) { try receive1([3] + many + message1[4...]) }
  }

  @Test func connectionIdentifiersAreWrittenInOneWay() throws {
    for (identifier, item) in [
      ([0x21], [0x21]), ([0x0D], [0x0D]), ([0x18], [0x41, 0x18]), ([0x38], [0x41, 0x38]), ([], [0x40]),
      ([0x17], [0x17]), ([0x37], [0x37]), ([0xAB, 0xCD], [0x42, 0xAB, 0xCD]), ([0xFF], [0x41, 0xFF]),
    ] as [([UInt8], [UInt8])] {
      #expect(ConnectionIdentifier(identifier)?.encoded == item)
      #expect(try ConnectionIdentifier(CBORDecoder.decode(item))?.bytes == identifier)
    }
    for item in [
      [0x41, 0x0E], [0x41, 0x37], [0x18, 0x18], [0x38, 0x18], [0x60], [0xF5], [0xA0], [0x48] + Array(0..<8),
    ] as [[UInt8]] {
      #expect(try ConnectionIdentifier(CBORDecoder.decode(item)) == nil)
    }
    #expect(ConnectionIdentifier(Array(0..<8)) == nil)
  }

  @Test func credentialsAreNamedOrCarried() throws {
    #expect(try receive2([0x27, 0x32] + proof).identifier == .keyIdentifier([0x32]))
    #expect(try receive2([0x27, 0x42, 1, 2] + proof).identifier == .keyIdentifier([1, 2]))
    let claims = EDHOCTrace.diffieHellman["CRED_R"]
    let peer = try receive2([0x27, 0xA1, 0x0E] + claims + proof)
    #expect(peer.identifier == .claimsSet(claims))
    #expect(peer.credential?.encoded == claims)
    #expect(
      peer.credential?.publicKey.x == EDHOCTrace.diffieHellman["Responders-public-authentication-key-x-coordinate"])
  }

  /// A claims set keeps its author's order of keys: both sides hash the same bytes.
  @Test func credentialsAreNotEncodedAnew() throws {
    let key = try P256.PrivateKey.generate().publicKey
    let claims: [UInt8] = [0xA2, 0x08, 0xA1, 0x01] + CBORValue.map(COSEKey.map(of: key)).encoded + [0x02, 0x61, 0x78]
    #expect(try receive2([0x27, 0xA1, 0x0E] + claims + proof).credential?.encoded == claims)
  }

  @Test func otherNamesOfCredentialsAreRefused() throws {
    for (name, error) in [
      // x5t, two parameters, an empty map, kccs with its label in two bytes.
      ([0xA1, 0x18, 0x22, 0x82, 0x2E, 0x41, 0], .unsupportedCredential),
      ([0xA2, 0x04, 0x41, 0, 0x0E, 0xA0], .unsupportedCredential), ([0xA0], .unsupportedCredential),
      ([0xA1, 0x18, 0x0E, 0xA0], .unsupportedCredential), ([0xBF, 0x0E, 0xA0, 0xFF], .unsupportedCredential),
      // Claims without a key, a token that is none.
      ([0xA1, 0x0E, 0xA0], .unsupportedCredential), ([0xA1, 0x0D, 0x80], .unsupportedCredential),
      // A key identifier in a map, text, an integer too long.
      ([0xA1, 0x04, 0x42, 1, 2], .malformed), ([0x61, 0x78], .malformed), ([0x18, 0x20], .malformed),
      ([0x58, 65] + Array(repeating: 0, count: 65), .malformed),
    ] as [([UInt8], EDHOCError)] {
      #expect(throws: error) { try receive2([0x27] + name + proof) }
    }
  }

  @Test func authorizationDataIsTold() throws {
    var exchange = try EDHOCExchange(.bothDiffieHellman, knownItems: [7, 300])
    let items = [
      AuthorizationItem(label: 7, isCritical: true, value: [1, 2]),
      AuthorizationItem(label: 1, isCritical: false, value: nil),
      AuthorizationItem(label: 300, isCritical: true, value: nil),
      AuthorizationItem(label: 65535, isCritical: false, value: []),
    ]
    let padded = items + [.padding(Array(repeating: 9, count: 30))]
    let outcome = try exchange.run(.init(items1: padded, items2: padded, items3: padded, items4: padded))
    #expect(outcome.request.items == items)
    #expect(outcome.responder.items == items)
    #expect(outcome.initiator.items == items)
    #expect(outcome.items4 == items)
  }

  @Test func whatIsCriticalMustBeKnown() throws {
    // Label -7 of each message; known, unknown, and not critical.
    let item: [UInt8] = [0x26]
    #expect(throws: EDHOCError.unknownCriticalItem(7)) { try receive1(message1 + item) }
    #expect(try receive1(message1 + item, knownItems: [7]).items.count == 1)
    #expect(throws: EDHOCError.unknownCriticalItem(7)) { try receive2([0x27, 0x32] + proof + item) }
    #expect(try receive2([0x27, 0x32] + proof + item, knownItems: [7]).items.first?.isCritical == true)
    for number in 1...4 {
      var exchange = try EDHOCExchange(.bothSign)
      let critical = [AuthorizationItem(label: 9, isCritical: true, value: [0])]
      #expect(throws: EDHOCError.unknownCriticalItem(9)) {
        try exchange.run(
          .init(
            items1: number == 1 ? critical : [], items2: number == 2 ? critical : [],
            items3: number == 3 ? critical : [], items4: number == 4 ? critical : []))
      }
    }
  }

  @Test func paddingIsIgnored() throws {
    for padding in [[0], [0, 0x40], [0, 0x41, 0xE9], [0, 0, 0x41, 0xE9]] as [[UInt8]] {
      #expect(try receive1(message1 + padding).items.isEmpty)
    }
  }

  @Test func malformedAuthorizationDataIsRefused() throws {
    // A string without a label; a label of text; one beyond the registry; a value in too long a form; too many.
    for (items, error) in [
      ([0x41, 0], .malformed), ([0x61, 0x78], .malformed), ([0x1A, 0, 1, 0, 0], .malformed),
      ([1, 0x58, 1, 0], .malformed), ([1, 0x41], .malformed), ([1, 0x5F, 0xFF], .malformed),
      (Array(repeating: 1, count: EDHOCLimits.authorizationItems + 1), .tooLarge),
    ] as [([UInt8], EDHOCError)] {
      #expect(throws: error) { try receive1(message1 + items) }
    }
    #expect(throws: EDHOCError.tooLarge) { try receive1(message1 + Array(repeating: 0, count: 1024)) }
  }

  @Test func nothingTooLongIsSent() throws {
    let items = [AuthorizationItem(label: 1, isCritical: false, value: Array(repeating: 0, count: 1024))]
    for course in [
      EDHOCExchange.Course(items1: items), .init(items2: items), .init(items3: items), .init(items4: items),
    ] {
      var exchange = try EDHOCExchange(.bothDiffieHellman)
      #expect(throws: EDHOCError.tooLarge) { try exchange.run(course) }
    }
    var exchange = try EDHOCExchange(.bothSign)
    let session = try exchange.run().initiatorSession
    #expect(throws: EDHOCError.crypto(.wrongLength)) { try session.exported(40000, count: HKDF.maximumBytes + 1) }
  }

  @Test func errorsAreToldAndHeard() throws {
    let errors: [EDHOCError] = [
      .malformed, .tooLarge, .unsupportedMethod, .wrongSuite, .invalidKey, .sameConnectionIdentifiers,
      .unsupportedCredential, .unknownCredential, .ownCredential, .refused, .unknownCriticalItem(3), .notAuthentic,
      .crypto(.noRandomness),
    ]
    for error in errors {
      let reply = try #require(error.reply)
      var initiator = try EDHOCExchange(.bothSign).initiator
      _ = try initiator.message1()
      let heard = #expect(throws: EDHOCError.self) { try initiator.receiveMessage2(reply) }
      guard case .peerFailed(let told) = heard else {
        Issue.record("\(error) was heard as \(String(describing: heard))")
        continue
      }
      #expect(told.encoded == reply)
      #expect(heard?.reply == nil)
      switch error {
      case .wrongSuite: #expect(told == .suites([2]))
      case .unknownCredential: #expect(told == .unknownCredential)
      default:
        #expect("EDHOC: \(told)" == error.description.prefix { $0 != "(" }.trimmed || error == .crypto(.noRandomness))
      }
    }
  }

  @Test func othersErrorsAreRead() throws {
    func heard(_ message: [UInt8]) throws -> EDHOCPeerError? { try EDHOCPeerError(inPlaceOfBytes: message) }
    #expect(try heard([0x02, 0x82, 0x09, 0x08]) == .suites([9, 8]))
    #expect(try heard([0x03, 0xF5]) == .unknownCredential)
    #expect(try heard([0x18, 0x64, 0xA0]) == .other(100))
    #expect(try heard([0x00, 0xF5]) == .other(0))
    #expect(try heard([0x01, 0x63, 0x61, 0x1B, 0x62]) == .unspecified("a?b"))
    let long = CBORValue.text(String(repeating: "\u{20AC}", count: 100)).encoded
    #expect(try heard([1] + long) == .unspecified(String(repeating: "?", count: EDHOCLimits.diagnosticBytes)))
    #expect(try heard([0x41, 0]) == nil)
    for message in [[1], [1, 0x41, 0], [3, 0xF4], [2, 0x80], [2, 0x81, 2], [3, 0xF5, 0]] as [[UInt8]] {
      #expect(throws: EDHOCError.malformed) { try heard(message) }
    }
  }
}

extension Substring {
  fileprivate var trimmed: String { String(last == " " ? dropLast() : self) }
}
