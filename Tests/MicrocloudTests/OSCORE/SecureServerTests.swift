import Basics
import Testing

@testable import Microcloud

/// The server's role under OSCORE.
@Suite struct SecureServerTests {
  @Test func aVerifiedRequestIsAnsweredProtected() throws {
    let nodes = try SecureNodes()
    try nodes.request(CoAPMessage(.get, "secret"))
    let (message, handle) = try #require(nodes.requests.first)
    #expect(message.path == ["secret"] && message.code == .get && message.options[.oscore] == nil)
    #expect(handle.protection == CoAPProtection(context: nodes.serverContext, request: 0, principal: 100))
    #expect(handle.isProven && !handle.isFresh)
    nodes.respond(CoAPMessage(code: .content, payload: Array("the answer".utf8)))
    #expect(nodes.responses == [CoAPMessage(code: .content, token: handle.token, payload: Array("the answer".utf8))])
    for (_, bytes) in nodes.sent {
      let text = String(decoding: bytes, as: UTF8.self)
      #expect(!text.contains("secret") && !text.contains("answer"))
    }
    #expect(try nodes.messages(.client).map(\.code) == [.post])
    #expect(try nodes.messages(.server).map(\.code) == [.changed])
    #expect(nodes.server.contexts.context(nodes.serverContext)?.uses == 0)
    #expect(nodes.client.contexts.context(nodes.context)?.uses == 0 && nodes.client.exchanges.isEmpty)
  }

  @Test func aPlainRequestHasNoPrincipal() throws {
    let nodes = try SecureNodes()
    try nodes.request(CoAPMessage(.get, "a"), plain: true)
    #expect(nodes.requests.first?.handle.protection == nil)
    nodes.respond(CoAPMessage(code: .content, payload: [1]))
    #expect(nodes.responses.map(\.payload) == [[1]])
  }

  /// RFC 8613 section 8.2: in plain, not to be cached, and without a trace.
  @Test func whatCannotBeVerifiedIsRefusedInPlain() throws {
    let nodes = try SecureNodes()
    nodes.onWay = { _, _ in nil }
    try nodes.request(CoAPMessage(.post, "a"))
    let original = nodes.sent[0].bytes
    var messageID: UInt8 = 0
    func expect(_ bytes: [UInt8], _ code: CoAPCode, _ text: String) throws {
      nodes.sent = []
      messageID += 1
      nodes.arrive(renumbered(bytes, messageID), from: .client)
      let answer = try #require(try nodes.messages(.server).first)
      #expect(answer.code == code && String(decoding: answer.payload, as: UTF8.self) == text)
      #expect(answer.options.unsigned(.maxAge) == 0 && answer.options[.oscore] == nil && nodes.sent.count == 1)
    }
    func option(_ value: [UInt8]) -> [UInt8] {
      changed(original) {
        $0.options.remove(.oscore)
        $0.options.add(CoAPOption(.oscore, value))
      }
    }
    try expect(option([0x09, 0, 9]), .unauthorized, "Security context not found")
    try expect(option([0x19, 0, 1, 5, 1]), .unauthorized, "Security context not found")
    try expect(option([0x08, 1, 2, 3, 4, 5, 6, 7, 8]), .unauthorized, "Security context not found")
    for value in [[], [0x01, 0], [0x08, 1], [0xE9, 0, 1], [0x0E, 0, 1]] as [[UInt8]] {
      try expect(option(value), .badOption, "Failed to decode COSE")
    }
    try expect(option([0x09, 1, 1]), .badRequest, "Decryption failed")
    try expect(changed(original) { $0.payload[3] ^= 1 }, .badRequest, "Decryption failed")
    try expect(changed(original) { $0.payload = [] }, .badRequest, "Decryption failed")
    #expect(nodes.requests.isEmpty)
    let place = try #require(nodes.server.endpoint.peers.place(of: nodes.clientAddress))
    #expect(!nodes.server.endpoint.peers[place].isProven, "who cannot be verified proves nothing")
    // None of this kept the request itself from being taken, once.
    nodes.arrive(original, from: .client)
    #expect(nodes.requests.count == 1)
    try expect(original, .unauthorized, "Replay detected")
    #expect(nodes.requests.count == 1)
    #expect(nodes.server.contexts.context(nodes.serverContext)?.uses == 1)
  }

  /// Somebody sends nonsense in another's name, with the message id of its next request.
  @Test func aForgeryIsNotTakenForTheOriginal() throws {
    let nodes = try SecureNodes()
    nodes.onWay = { _, _ in nil }
    try nodes.request(CoAPMessage(.post, "a"))
    let original = nodes.sent[0].bytes
    var forged = original
    forged[forged.count - 1] ^= 1
    nodes.arrive(forged, from: .client)
    #expect(try nodes.messages(.server).last?.code == .badRequest)
    #expect(nodes.server.endpoint.rememberedBytes == 0 && nodes.server.nextDeadline == nil)
    nodes.arrive(original, from: .client)
    #expect(nodes.requests.count == 1)
  }

  @Test func aVerifiedRequestIsNeverAnsweredInPlain() throws {
    // Its context goes while it is under work.
    let nodes = try SecureNodes()
    try nodes.request(CoAPMessage(.get, "a"))
    nodes.server.contexts.remove(nodes.serverContext)
    nodes.respond(CoAPMessage(code: .content, payload: [1]))
    #expect(try nodes.messages(.server).map(\.code) == [.empty])
    #expect(nodes.responses.isEmpty)

    // The answer fits into no datagram.
    let long = try SecureNodes()
    try long.request(CoAPMessage(.get, "a"))
    long.respond(CoAPMessage(code: .content, payload: [UInt8](repeating: 1, count: 1190)))
    #expect(try long.messages(.server).map(\.code) == [.changed])
    #expect(long.responses.map(\.code) == [.internalServerError])

    // A block of the largest size does.
    let block = try SecureNodes()
    try block.request(CoAPMessage(.get, "a"))
    block.respond(
      CoAPBody([UInt8](repeating: 1, count: 4000), contentFormat: .cbor).response(to: block.requests[0].message))
    #expect(block.responses.map(\.payload.count) == [1024])

    // What is inside is not understood.
    let critical = try SecureNodes()
    var message = CoAPMessage(.get, "a")
    message.options.add(CoAPOption(CoAPOptionNumber(rawValue: 65001), [1]))
    try critical.request(message)
    #expect(critical.requests.isEmpty && critical.responses.map(\.code) == [.badOption])
    #expect(try critical.messages(.server).map(\.code) == [.changed])
    #expect(critical.server.contexts.context(critical.serverContext)?.uses == 0)
  }

  @Test func aRequestIsAnsweredOnce() throws {
    let nodes = try SecureNodes()
    try nodes.request(CoAPMessage(.get, "a"))
    nodes.respond(CoAPMessage(code: .content, payload: [1]))
    nodes.respond(CoAPMessage(code: .content, payload: [2]))
    #expect(nodes.responses.map(\.payload) == [[1]] && nodes.sent.count == 2)
    #expect(nodes.server.contexts.context(nodes.serverContext)?.uses == 0)
  }

  @Test func aCopyOfTheDatagramGetsTheSameAnswer() throws {
    let nodes = try SecureNodes()
    nodes.answer = { _, _ in CoAPMessage(code: .changed, payload: [1]) }
    try nodes.request(CoAPMessage(.post, "a"))
    nodes.arrive(nodes.sent[0].bytes, from: .client)
    #expect(nodes.requests.count == 1 && nodes.sent.count == 3 && nodes.sent[1].bytes == nodes.sent[2].bytes)
  }

  @Test func itIsVerifiedThoughItsAddressIsNew() throws {
    // OSCORE is not held up by a challenge, and its answers are not bound by what a stranger is sent.
    let nodes = try SecureNodes()
    nodes.answer = { _, _ in CoAPMessage(code: .content, payload: [UInt8](repeating: 1, count: 1000)) }
    try nodes.request(CoAPMessage(.post, "a"))
    #expect(nodes.responses.map(\.payload.count) == [1000])
    // The same node at another address.
    nodes.onWay = { _, _ in nil }
    try nodes.request(CoAPMessage(.post, "a"))
    let other = SocketAddress(.v4(0x0A00_0099), port: 1)
    let effects = nodes.server.receive(nodes.sent.last!.bytes, from: other, now: nodes.now)
    guard case .request(_, let handle)? = effects.last else { return #expect(Bool(false), "not taken: \(effects)") }
    #expect(handle.source == other && handle.protection?.principal == 100)
  }

  /// RFC 9668: the request brings what its context is made of.
  @Test func aRequestMayBringItsContext() throws {
    let nodes = try SecureNodes()
    var limits = CoAPLimits()
    limits.criticalOptions.append(.edhoc)
    nodes.server = SecureCoAPEndpoint(limits: limits, digest: { Checksum.of([2] + $0) })
    let message3 = CBORValue.bytes([1, 2, 3]).encoded
    let (_, effects) = try nodes.client.request(
      CoAPMessage(.post, "a", payload: [9]), to: nodes.serverAddress, context: nodes.context, message3: message3,
      now: nodes.now)
    nodes.perform(.client, effects)
    let (message, handle) = try #require(nodes.requests.first)
    #expect(handle.protection == nil && message.options[.oscore] != nil && message.options[.edhoc] != nil)
    let (came, ciphertext) = try EDHOCOverCoAP.split(message.payload)
    #expect(came == message3)
    let number = nodes.server.contexts.insert(nodes.pair.server)
    nodes.perform(.server, nodes.server.verify(message, ciphertext: ciphertext, from: handle, now: nodes.now))
    #expect(nodes.requests.count == 2 && nodes.requests[1].message.payload == [9])
    #expect(nodes.requests[1].handle.protection?.context == number && nodes.requests[1].message.options[.edhoc] == nil)
    nodes.respond(CoAPMessage(code: .changed), to: 1)
    #expect(nodes.responses.map(\.code) == [.changed])
    // The next has no need of it.
    try nodes.request(CoAPMessage(.get, "a"))
    #expect(nodes.requests.last?.handle.protection?.request == 1)
  }

  // MARK: Options that have a say about the exchange

  @Test func onlyTheInnerNoResponseCounts() throws {
    let nodes = try SecureNodes()
    nodes.answer = { _, _ in CoAPMessage(code: .content, payload: [1]) }
    var message = CoAPMessage(.get, "a")
    message.options.add(CoAPOption(.noResponse, 2))
    try nodes.request(message)
    #expect(nodes.responses.isEmpty && nodes.requests.count == 1)
    #expect(try nodes.messages(.server).map(\.code) == [.empty])

    let outer = try SecureNodes()
    outer.answer = { _, _ in CoAPMessage(code: .content, payload: [1]) }
    outer.onWay = { side, bytes in
      side == .client ? changed(bytes) { $0.options.add(CoAPOption(.noResponse, 26)) } : bytes
    }
    try outer.request(CoAPMessage(.get, "a"))
    #expect(try outer.messages(.server).map(\.code) == [.changed])
  }

  @Test func aChallengeIsTakenUpInside() throws {
    let nodes = try SecureNodes()
    let id = try nodes.request(CoAPMessage(.post, "door"))
    nodes.perform(.server, nodes.server.challenge(nodes.requests[0].handle, now: nodes.now))
    #expect(nodes.responses.isEmpty && nodes.requests.count == 2, "the client asks again by itself")
    #expect(nodes.requests[1].handle.isFresh && !nodes.requests[0].handle.isFresh)
    #expect(try nodes.messages(.server).allSatisfy { $0.options[.echo] == nil }, "the challenge is not seen outside")
    #expect(nodes.requests[1].handle.protection?.request == 1)
    nodes.respond(CoAPMessage(code: .changed), to: 1)
    #expect(nodes.responses.map(\.code) == [.changed] && nodes.ends.isEmpty && nodes.client.exchanges.isEmpty)
    #expect(nodes.client.contexts.context(nodes.context)?.uses == 0)
    #expect(nodes.client.cancel(id, now: nodes.now).isEmpty)
  }

  @Test func anOuterEchoSaysNothing() throws {
    let nodes = try SecureNodes()
    try nodes.request(CoAPMessage(.post, "a"))
    let challenge = nodes.server.endpoint.challengeMessage(nodes.clientAddress, now: nodes.now)
    nodes.onWay = { side, bytes in
      side == .client ? changed(bytes) { $0.options.add(challenge.options[.echo]!) } : bytes
    }
    nodes.respond(CoAPMessage(code: .changed))
    try nodes.request(CoAPMessage(.post, "a"))
    #expect(nodes.requests.count == 2 && !nodes.requests[1].handle.isFresh)
  }

  /// A body of protected blocks has no plain one in it, though the address is the same.
  @Test func blocksOfDifferentProtectionMakeNoBody() throws {
    let nodes = try SecureNodes()
    var receiver = CoAPBlockReceiver()
    var bodies: [[UInt8]] = []
    nodes.answer = { message, handle in
      switch receiver.receive(message, from: handle.source, protection: handle.protection, now: nodes.now) {
      case .answer(let answer): return answer
      case .complete(let whole):
        bodies.append(whole.payload)
        return CoAPBlockReceiver.finish(CoAPMessage(code: .changed), to: whole)
      }
    }
    nodes.server.prove(nodes.clientAddress, now: nodes.now)
    func block(_ number: UInt64, isMore: Bool, plain: Bool) throws -> CoAPCode? {
      var message = CoAPMessage(.put, "a", payload: [UInt8](repeating: plain ? 1 : 2, count: 16))
      message.setBlock(.block1, CoAPBlock(number: number, isMore: isMore, exponent: 0))
      try nodes.request(message, plain: plain)
      return nodes.responses.last?.code
    }
    #expect(try block(0, isMore: true, plain: true) == .continue)
    #expect(try block(1, isMore: false, plain: false) == .requestEntityIncomplete)
    #expect(try block(0, isMore: true, plain: false) == .continue)
    #expect(try block(0, isMore: true, plain: true) == .continue)
    #expect(try block(1, isMore: false, plain: false) == .changed)
    #expect(try block(1, isMore: false, plain: true) == .changed)
    #expect(bodies == [[UInt8](repeating: 2, count: 32), [UInt8](repeating: 1, count: 32)])
  }
}
