import Basics
import Crypto
import Testing

@testable import Microcloud

/// A responder with several exchanges at a time, whose messages may be lost, forged or doubled.
struct EDHOCExchangesTests {
  private var exchanges = EDHOCExchanges(identity: identity(), firstName: 0x1234)

  private static func identity() -> EDHOCIdentity {
    let key = try! P256.PrivateKey.generate()
    return EDHOCIdentity(key: key, claimsSet: AuthenticationCredential(of: key.publicKey))
  }

  private func at(_ milliseconds: UInt64) -> Instant { Instant(nanoseconds: 0).advanced(milliseconds: milliseconds) }

  /// Begins an exchange, and returns message_3, and what the initiator then has.
  private mutating func begin(
    _ identity: EDHOCIdentity = identity(), at milliseconds: UInt64 = 0
  ) throws -> (message3: [UInt8], session: EDHOCSession) {
    var initiator = try EDHOCInitiator(
      method: .bothDiffieHellman, identity: identity, ephemeral: .generate(), connection: ConnectionIdentifier([7])!)
    let message2 = try exchanges.begin(
      initiator.message1(), key: .generate(), isFree: { _ in true }, now: at(milliseconds))
    let peer = try initiator.receiveMessage2(message2)
    try initiator.authenticate(#require(peer.credential))
    let (message3, session) = try initiator.message3()
    return (message3, session)
  }

  private mutating func finish(
    _ name: ConnectionIdentifier, _ message3: [UInt8], at milliseconds: UInt64 = 0, refusal: EDHOCError? = nil
  ) throws -> EDHOCSession {
    try exchanges.finish(name, message3, refusal: { _ in refusal }, now: at(milliseconds))
  }

  @Test mutating func severalAreUnderWayAtOnce() throws {
    let first = try begin()
    let second = try begin()
    #expect(first.session.peerConnection != second.session.peerConnection)
    for (message3, theirs) in [second, first] {
      let ours = try finish(theirs.peerConnection, message3)
      #expect(try ours.exported(7, count: 16).bytes == theirs.exported(7, count: 16).bytes)
      // It leads to one context, however often it comes.
      #expect(throws: EDHOCError.refused) { try finish(theirs.peerConnection, message3) }
    }
    #expect(exchanges.count == 0)
  }

  @Test mutating func whatIsForgedEndsNothing() throws {
    let (message3, theirs) = try begin()
    for index in message3.indices {
      var forged = message3
      forged[index] ^= 1
      #expect(throws: EDHOCError.self) { try finish(theirs.peerConnection, forged) }
    }
    let other = try begin()
    #expect(throws: EDHOCError.notAuthentic) { try finish(theirs.peerConnection, other.message3) }
    #expect(throws: EDHOCError.refused) { try finish(ConnectionIdentifier([9, 9])!, message3) }
    _ = try finish(theirs.peerConnection, message3)
  }

  @Test mutating func whoIsRefusedBeginsAnew() throws {
    let (message3, theirs) = try begin()
    #expect(throws: EDHOCError.notAdmitted("no")) {
      try finish(theirs.peerConnection, message3, refusal: .notAdmitted("no"))
    }
    #expect(throws: EDHOCError.refused) { try finish(theirs.peerConnection, message3) }
  }

  @Test mutating func whatIsNotFinishedIsForgotten() throws {
    let (message3, theirs) = try begin(at: 1000)
    #expect(exchanges.nextDeadline == at(1000 + EDHOCExchanges.milliseconds))
    exchanges.expire(now: at(999 + EDHOCExchanges.milliseconds))
    #expect(exchanges.count == 1)
    #expect(throws: EDHOCError.refused) {
      try finish(theirs.peerConnection, message3, at: 1000 + EDHOCExchanges.milliseconds)
    }
    #expect(exchanges.count == 0 && exchanges.nextDeadline == nil)
  }

  @Test mutating func theOldestMakesRoom() throws {
    let begun = try (0...EDHOCExchanges.maximumCount).map { _ in try begin() }
    #expect(exchanges.count == EDHOCExchanges.maximumCount)
    #expect(throws: EDHOCError.refused) { try finish(begun[0].session.peerConnection, begun[0].message3) }
    for (message3, theirs) in begun.dropFirst() { _ = try finish(theirs.peerConnection, message3) }
  }

  /// Neither the initiator's own, nor that of a context, nor that of another exchange.
  @Test mutating func namesAreFree() throws {
    let taken = ConnectionIdentifier([0x34, 0x12])!
    let initiator = { (connection: [UInt8]) throws in
      try EDHOCInitiator(
        method: .bothDiffieHellman, identity: Self.identity(), ephemeral: .generate(),
        connection: ConnectionIdentifier(connection)!)
    }
    var names: [ConnectionIdentifier] = []
    for own in [[0x35, 0x12], [0], [1]] as [[UInt8]] {
      var one = try initiator(own)
      let message2 = try exchanges.begin(one.message1(), key: .generate(), isFree: { $0 != taken }, now: at(0))
      let peer = try one.receiveMessage2(message2)
      try one.authenticate(#require(peer.credential))
      names.append(try one.message3().session.peerConnection)
    }
    #expect(names.map { $0.bytes } == [[0x36, 0x12], [0x37, 0x12], [0x38, 0x12]])
  }
}
