import Basics
import TestSupport
import Testing

@testable import Microcloud

/// One endpoint, datagram by datagram.
struct CoAPEndpointTests {
  private let peer = SocketAddress(.v4(0xC000_0201), port: 40000)
  private let start = Instant(nanoseconds: 1_000_000_000)

  private func endpoint(proven: Bool = true, _ change: (inout CoAPLimits) -> Void = { _ in }) -> CoAPEndpoint {
    var limits = CoAPLimits()
    change(&limits)
    var endpoint = CoAPEndpoint(limits: limits, digest: { Checksum.of($0) })
    if proven { endpoint.prove(peer, now: start) }
    return endpoint
  }

  private func request(
    _ type: CoAPMessageType = .confirmable, _ messageID: UInt16 = 1, _ code: CoAPCode = .get, token: [UInt8] = [7],
    options: [CoAPOption] = [], payload: [UInt8] = []
  ) throws -> [UInt8] {
    var message = CoAPMessage(code, "a", payload: payload)
    message.token = token
    for option in options { message.options.add(option) }
    return try CoAPDatagram(type, messageID: messageID, message).encoded()
  }

  private func sent(_ effects: [CoAPEffect]) throws -> [CoAPDatagram] {
    try effects.compactMap { effect in
      guard case .send(let bytes, _) = effect else { return nil }
      return try CoAPDatagram(decoding: bytes)
    }
  }

  private func handleIfAny(_ effects: [CoAPEffect]) -> CoAPRequestHandle? {
    for case .request(_, let handle) in effects { return handle }
    return nil
  }

  private func handle(_ effects: [CoAPEffect]) throws -> CoAPRequestHandle {
    try #require(handleIfAny(effects))
  }

  private func later(_ milliseconds: UInt64) -> Instant { start.advanced(milliseconds: milliseconds) }

  // MARK: Server

  @Test func piggybacksAndRepeatsTheAnswer() throws {
    var server = endpoint()
    let handle = try handle(server.receive(request(), from: peer, now: start))
    #expect(handle.source == peer && handle.token == [7] && handle.isProven && !handle.isFresh)
    let answer = server.respond(CoAPMessage(code: .content, payload: [5]), to: handle, now: start)
    #expect(
      try sent(answer) == [
        CoAPDatagram(.acknowledgement, messageID: 1, CoAPMessage(code: .content, token: [7], payload: [5]))
      ])
    #expect(server.nextDeadline == nil)
    #expect(try server.receive(request(), from: peer, now: later(246_000)) == answer)
    #expect(server.respond(CoAPMessage(code: .content), to: handle, now: start) == [], "answered once")
    // After EXCHANGE_LIFETIME the number may be another message's.
    _ = try self.handle(server.receive(request(), from: peer, now: later(247_001)))
  }

  @Test func answersLaterInAMessageOfItsOwn() throws {
    var server = endpoint()
    let handle = try handle(server.receive(request(), from: peer, now: start))
    #expect(server.nextDeadline == later(1000))
    #expect(try server.receive(request(), from: peer, now: later(500)).isEmpty, "nothing to say to a copy yet")
    let acknowledgement = CoAPDatagram.empty(.acknowledgement, messageID: 1)
    #expect(try sent(server.tick(now: later(1000))) == [acknowledgement])
    #expect(try sent(server.receive(request(), from: peer, now: later(1500))) == [acknowledgement])
    let answer = try sent(server.respond(CoAPMessage(code: .changed), to: handle, now: later(9000)))
    #expect(answer.count == 1 && answer[0].type == .confirmable && answer[0].message.token == [7])
    // It is sent again until it is acknowledged: 4 times, then no more.
    var copies = 0
    var now = later(9000)
    while let next = server.nextDeadline {
      now = next
      let again = try sent(server.tick(now: next))
      copies += again.count
      #expect(again.allSatisfy { $0 == answer[0] })
    }
    #expect(copies == 4)
    #expect(now >= later(9000 + 62_000) && now <= later(9000 + 93_000), "2 to 3 s, doubled four times")
  }

  @Test func pingIsReset() throws {
    var server = endpoint()
    #expect(
      try sent(server.receive(bytes("40 00 1234"), from: peer, now: start)) == [.empty(.reset, messageID: 0x1234)])
    #expect(
      try sent(server.receive(bytes("40 01 1234 ff"), from: peer, now: start)) == [.empty(.reset, messageID: 0x1234)])
    #expect(server.receive(bytes("50 01 1234 ff"), from: peer, now: start).isEmpty)
    // A response that nobody waits for.
    #expect(
      try sent(server.receive(bytes("40 45 1234"), from: peer, now: start)) == [.empty(.reset, messageID: 0x1234)])
  }

  @Test func criticalOptionsThatAreNotUnderstood() throws {
    var server = endpoint()
    let proxy = CoAPOption(.proxyUri, "coap://elsewhere")
    let refused = try sent(server.receive(request(options: [proxy]), from: peer, now: start))
    #expect(refused.map(\.message.code) == [.badOption])
    #expect(try server.receive(request(.nonConfirmable, 2, options: [proxy]), from: peer, now: start).isEmpty)
    let twice = [CoAPOption(.accept, 60), CoAPOption(.accept, 0)]
    #expect(try sent(server.receive(request(.confirmable, 3, options: twice), from: peer, now: start)).count == 1)
    let elective = [
      CoAPOption(CoAPOptionNumber(rawValue: 2222), [1]), CoAPOption(.uriQuery, "a"), CoAPOption(.uriQuery, "b"),
    ]
    _ = try handle(server.receive(request(.confirmable, 4, options: elective), from: peer, now: start))
  }

  @Test func noResponseIsHeeded() throws {
    var server = endpoint()
    let no = [CoAPOption(.noResponse, 2)]  // no 2.xx
    var handle = try handle(server.receive(request(options: no), from: peer, now: start))
    #expect(
      try sent(server.respond(CoAPMessage(code: .changed), to: handle, now: start))
        == [.empty(.acknowledgement, messageID: 1)])
    handle = try self.handle(server.receive(request(.nonConfirmable, 2, options: no), from: peer, now: start))
    #expect(server.respond(CoAPMessage(code: .changed), to: handle, now: start).isEmpty)
    handle = try self.handle(server.receive(request(.nonConfirmable, 3, options: no), from: peer, now: start))
    #expect(
      try sent(server.respond(CoAPMessage(code: .notFound), to: handle, now: start)).map(\.type) == [.nonConfirmable])
  }

  @Test func multicastIsReadAndAnsweredAtLeisureOrNotAtAll() throws {
    var server = endpoint()
    func receive(_ bytes: [UInt8]) -> [CoAPEffect] {
      server.receive(bytes, from: peer, isMulticast: true, now: start)
    }
    #expect(try receive(request(.confirmable, 1)).isEmpty)
    #expect(try receive(request(.nonConfirmable, 2, .post)).isEmpty)
    #expect(try receive(request(.nonConfirmable, 3, options: [CoAPOption(.observe, 0)])).isEmpty)
    #expect(receive(bytes("40 00 1234")).isEmpty && receive(bytes("40 01 1234 ff")).isEmpty)
    let failing = try handle(receive(request(.nonConfirmable, 4)))
    #expect(failing.isMulticast)
    #expect(server.respond(CoAPMessage(code: .notFound), to: failing, now: start).isEmpty)
    #expect(server.nextDeadline == nil)
    var times: Set<Instant> = []
    for number in 0..<20 {
      let good = try handle(receive(request(.nonConfirmable, UInt16(10 + number))))
      #expect(server.respond(CoAPMessage(code: .content, payload: [1]), to: good, now: start).isEmpty)
      let due = try #require(server.nextDeadline)
      #expect(due <= later(5000))
      times.insert(due)
      #expect(try sent(server.tick(now: due)).map(\.type) == [.nonConfirmable])
    }
    #expect(times.count > 15, "not all at once")
  }

  /// A stranger that asks a group hears in full who is there, in blocks that its requests have earned.
  @Test func strangerDiscoversByMulticastInSmallBlocks() throws {
    var server = endpoint(proven: false)
    let links = CoAPBody([UInt8](repeating: 0x61, count: 300), contentFormat: .linkFormat)
    var transfer = CoAPBlockTransfer(CoAPMessage(.get, ".well-known/core"))
    var message = transfer.first
    var now = start
    for number in 0..<100 {
      now = now.advanced(milliseconds: 10)
      message.token = [1, 2, 3, 4]
      let datagram = try CoAPDatagram(.nonConfirmable, messageID: UInt16(number), message).encoded()
      let handle = try handle(server.receive(datagram, from: peer, isMulticast: number == 0, now: now))
      let response = links.response(to: message, exponent: handle.blockExponent)
      var effects = server.respond(response, to: handle, now: now)
      if let due = server.nextDeadline {
        now = due
        effects += server.tick(now: due)
      }
      let answer = try #require(try sent(effects).first)
      switch transfer.receive(answer.message) {
      case .send(let next): message = next
      case .done(let whole):
        #expect(whole.payload.count == 300 && number > 5)
        return
      case .failed(let error): throw error
      }
    }
    Issue.record("it does not end")
  }

  @Test func responseThatNoDatagramHolds() throws {
    var server = endpoint()
    let handle = try handle(server.receive(request(), from: peer, now: start))
    let long = CoAPMessage(code: .content, payload: [UInt8](repeating: 1, count: 1300))
    #expect(try sent(server.respond(long, to: handle, now: start)).map(\.message.code) == [.internalServerError])
  }

  // MARK: Strangers

  @Test func neverMoreThanThreeTimesTheBytes() throws {
    for payload in [0, 10, 40, 200, 1000] {
      var server = endpoint(proven: false) { $0.challengesStrangers = false }
      var received = 0
      var bytesSent = 0
      for number in 0..<40 {
        let datagram = try request(.confirmable, UInt16(number / 2), number % 3 == 0 ? .post : .get)
        received += datagram.count
        let effects = server.receive(datagram, from: peer, now: later(UInt64(number) * 30_000))
        var all = effects
        if let handle = handleIfAny(effects) {
          let answer = CoAPMessage(code: .content, payload: [UInt8](repeating: 1, count: payload))
          all += server.respond(answer, to: handle, now: later(UInt64(number) * 30_000))
        }
        all += server.tick(now: later(UInt64(number) * 30_000 + 5000))
        for case .send(let bytes, _) in all { bytesSent += bytes.count }
        #expect(bytesSent <= 3 * received, "payload \(payload)")
      }
      #expect(bytesSent > 0)
    }
  }

  @Test func echoProvesAnAddress() throws {
    var server = endpoint(proven: false)
    let refused = try sent(server.receive(request(.confirmable, 1, .post), from: peer, now: start))
    #expect(refused.map(\.message.code) == [.unauthorized])
    let echo = try #require(refused[0].message.options[.echo])
    // From elsewhere, too late, or bent, it proves nothing.
    let other = SocketAddress(.v4(0xC000_0202), port: 40000)
    for (number, (source, time, option)) in [
      (other, start, echo), (peer, start, CoAPOption(.echo, echo.value.dropLast() + [echo.value[11] ^ 1])),
      (peer, start, CoAPOption(.echo, [])), (peer, later(151_000), echo),
    ].enumerated() {
      var server = server
      let again = try request(.confirmable, UInt16(20 + number), .post, options: [option])
      #expect(try sent(server.receive(again, from: source, now: time)).map(\.message.code) == [.unauthorized])
    }
    let handle = try handle(
      server.receive(request(.confirmable, 2, .post, options: [echo]), from: peer, now: later(1000)))
    #expect(handle.isProven && handle.isFresh)
    // From now on the address is known.
    let next = try self.handle(server.receive(request(.confirmable, 3, .post), from: peer, now: later(2000)))
    #expect(next.isProven && !next.isFresh)
    let long = CoAPMessage(code: .content, payload: [UInt8](repeating: 1, count: 1024))
    #expect(try sent(server.respond(long, to: next, now: later(2000)))[0].message.payload.count == 1024)
  }

  @Test func anObserverIsNoStranger() throws {
    var server = endpoint(proven: false)
    let observe = try request(options: [CoAPOption(.observe, 0)])
    #expect(try sent(server.receive(observe, from: peer, now: start)).map(\.message.code) == [.unauthorized])
  }

  @Test func floodsStayInBounds() throws {
    var server = endpoint(proven: true)
    var random = SeededGenerator(seed: 3)
    let handle = try handle(server.receive(request(.confirmable, 9, .post), from: peer, now: start))
    _ = server.respond(CoAPMessage(code: .changed), to: handle, now: start)
    var answered = 0
    for number in 0..<20_000 {
      let source = SocketAddress(
        .v4(UInt32(truncatingIfNeeded: random.next())), port: UInt16(random.below(UInt64(65536))))
      let now = start.advanced(milliseconds: UInt64(number))
      let type: CoAPMessageType = random.oneIn(2) ? .confirmable : .nonConfirmable
      let effects = try server.receive(request(type, UInt16(number), payload: [1, 2, 3]), from: source, now: now)
      if let handle = handleIfAny(effects) {
        answered += 1
        if random.oneIn(3) { continue }  // some are never answered
        _ = server.respond(CoAPMessage(code: .content, payload: [1]), to: handle, now: now)
      }
      _ = server.tick(now: now)
      #expect(server.strangerCount <= server.limits.strangers && server.peers.count <= server.limits.strangers + 1)
      #expect(server.rememberedBytes <= server.limits.rememberedBytes)
    }
    #expect(answered > 0)
    #expect(server.pendingAcknowledgements.count <= server.limits.strangers * server.limits.rememberedPerPeer)
    // Who was known is still remembered.
    #expect(try sent(server.receive(request(.confirmable, 9, .post), from: peer, now: later(21_000))).count == 1)
  }

  @Test func onePeerCannotAskForAll() throws {
    var server = endpoint()
    var taken = 0
    var refused = 0
    for number in 0..<1000 {
      let effects = try server.receive(request(.confirmable, UInt16(number)), from: peer, now: start)
      if let handle = handleIfAny(effects) {
        taken += 1
        _ = server.respond(CoAPMessage(code: .content), to: handle, now: start)
      } else {
        refused += try sent(effects).filter { $0.message.code == .tooManyRequests }.count
      }
    }
    #expect(taken >= 50 && taken < 60 && taken + refused == 1000)
    _ = try handle(server.receive(request(.confirmable, 2000), from: peer, now: later(100)))
  }

  @Test func forgetsWhatReadsBeforeWhatChanges() throws {
    var server = endpoint { $0.requestsPerSecond = 100_000 }
    var number: UInt16 = 0
    func ask(_ code: CoAPCode) throws {
      number += 1
      let handle = try handle(server.receive(request(.confirmable, number, code), from: peer, now: start))
      _ = server.respond(CoAPMessage(code: .changed), to: handle, now: start)
    }
    try ask(.post)
    for _ in 0..<500 { try ask(.get) }
    #expect(server.peers[0].remembered.count == server.limits.rememberedPerPeer)
    #expect(try sent(server.receive(request(.confirmable, 1, .post), from: peer, now: start)).count == 1)
    _ = try handle(server.receive(request(.confirmable, 2), from: peer, now: start))
  }

  /// 100 peers with large answers: what is remembered stays within its bytes, and those heard last are remembered.
  @Test func memoriesAreBoundedTogether() throws {
    var server = endpoint { $0.rememberedBytes = 20_000 }
    for number in 0..<100 {
      let source = SocketAddress(.v4(UInt32(number)), port: 1)
      server.prove(source, now: start)
      let handle = try handle(server.receive(request(), from: source, now: start))
      let answer = CoAPMessage(code: .content, payload: [UInt8](repeating: 1, count: 1000))
      _ = server.respond(answer, to: handle, now: start)
      #expect(server.rememberedBytes <= 20_000)
    }
    let last = try sent(server.receive(request(), from: SocketAddress(.v4(99), port: 1), now: start))
    #expect(last.first?.message.payload.count == 1000)
    _ = try handle(server.receive(request(), from: SocketAddress(.v4(0), port: 1), now: start))
  }

  // MARK: Client

  @Test func waitsForItsTurnAndHearsOfLoss() throws {
    var client = endpoint()
    let (first, firstEffects) = try client.request(CoAPMessage(.get, "a"), to: peer, now: start)
    let (_, secondEffects) = try client.request(CoAPMessage(.get, "b"), to: peer, now: start)
    #expect(try sent(firstEffects).count == 1 && secondEffects.isEmpty, "NSTART is 1")
    let token = try sent(firstEffects)[0].message.token
    #expect(token.count == 8)
    var now = start
    var ends: [CoAPExchangeID] = []
    var transmissions = 1
    while ends.isEmpty, let next = client.nextDeadline {
      now = next
      let effects = client.tick(now: next)
      transmissions += try sent(effects).filter { $0.message.path == ["a"] }.count
      for case .ended(let id, .timedOut) in effects { ends.append(id) }
    }
    #expect(ends.first == first && transmissions == 5)
    #expect(now >= later(62_000) && now <= later(93_000))
  }

  @Test func takesOnlyTheAnswerToItsQuestion() throws {
    var client = endpoint(proven: false)
    let (id, effects) = try client.request(CoAPMessage(.get, "a"), to: peer, now: start)
    let asked = try sent(effects)[0]
    var response = CoAPMessage(code: .content, token: [1, 2, 3, 4, 5, 6, 7, 8])
    func receive(_ type: CoAPMessageType, _ messageID: UInt16, from source: SocketAddress) throws -> [CoAPEffect] {
      try client.receive(CoAPDatagram(type, messageID: messageID, response).encoded(), from: source, now: start)
    }
    #expect(try receive(.acknowledgement, asked.messageID, from: peer).isEmpty, "another token")
    response.token = asked.message.token
    let other = SocketAddress(.v4(0xC000_0203), port: 40000)
    #expect(try sent(receive(.confirmable, 5, from: other)) == [.empty(.reset, messageID: 5)])
    #expect(try receive(.acknowledgement, asked.messageID &+ 1, from: peer).isEmpty)
    #expect(try receive(.acknowledgement, asked.messageID, from: peer) == [.response(id, response, from: peer)])
    #expect(try receive(.acknowledgement, asked.messageID, from: peer).isEmpty)
    #expect(client.nextDeadline == nil)
  }

  @Test func separateResponseIsAcknowledgedEachTime() throws {
    var client = endpoint()
    let (id, effects) = try client.request(CoAPMessage(.get, "a"), to: peer, now: start)
    let asked = try sent(effects)[0]
    let empty = try CoAPDatagram.empty(.acknowledgement, messageID: asked.messageID).encoded()
    #expect(client.receive(empty, from: peer, now: start).isEmpty)
    #expect(client.nextDeadline == later(93_000), "no more copies")
    let response = CoAPMessage(code: .content, token: asked.message.token, payload: [3])
    let separate = try CoAPDatagram(.confirmable, messageID: 0x2222, response).encoded()
    let acknowledged = client.receive(separate, from: peer, now: later(5000))
    #expect(try sent(acknowledged) == [.empty(.acknowledgement, messageID: 0x2222)])
    #expect(acknowledged.contains(.response(id, response, from: peer)))
    #expect(
      try sent(client.receive(separate, from: peer, now: later(6000))) == [.empty(.acknowledgement, messageID: 0x2222)])
  }

  @Test func resetCancelAndPing() throws {
    var client = endpoint()
    let (id, effects) = try client.request(CoAPMessage(.get, "a"), to: peer, now: start)
    let reset = try CoAPDatagram.empty(.reset, messageID: sent(effects)[0].messageID).encoded()
    #expect(client.receive(reset, from: peer, now: start) == [.ended(id, .reset)])
    let (second, _) = try client.request(CoAPMessage(.get, "a"), to: peer, now: start)
    #expect(client.cancel(second, now: start).isEmpty && client.nextDeadline == nil)
    let (ping, pinged) = try client.ping(peer, now: start)
    let datagram = try sent(pinged)[0]
    #expect(datagram == .empty(.confirmable, messageID: datagram.messageID))
    let pong = try CoAPDatagram.empty(.reset, messageID: datagram.messageID).encoded()
    #expect(client.receive(pong, from: peer, now: start) == [.ended(ping, .reset)])
  }

  @Test func answersAChallengeByItself() throws {
    let world = CoAPWorld(2)
    var runs = 0
    world.nodes[1].onRequest = { _, handle in
      runs += 1
      #expect(handle.isFresh)
      world.act(1) { $0.respond(CoAPMessage(code: .changed), to: handle, now: world.now) }
    }
    let id = try world.request(0, to: 1, CoAPMessage(.post, "x"))
    world.run(milliseconds: 1000)
    #expect(world.nodes[0].responses[id]?.map(\.code) == [.changed])
    #expect(runs == 1 && world.sent.count == 4)
  }

  @Test func multicastRequestGathersAnswers() throws {
    var client = endpoint(proven: false)
    let group = SocketAddress(.v4(0xE000_01BB), port: 5683)
    let (id, effects) = try client.request(
      CoAPMessage(.get, ".well-known/core"), to: group, isMulticast: true, timeoutMilliseconds: 8000, now: start)
    let asked = try sent(effects)[0]
    #expect(asked.type == .nonConfirmable && client.deliveries.isEmpty)
    let response = CoAPMessage(code: .content, token: asked.message.token)
    for number in 1...3 {
      let source = SocketAddress(.v4(UInt32(number)), port: 5683)
      let datagram = try CoAPDatagram(.nonConfirmable, messageID: 1, response).encoded()
      #expect(client.receive(datagram, from: source, now: start) == [.response(id, response, from: source)])
    }
    #expect(client.tick(now: later(8000)) == [.ended(id, .timedOut)])
  }

  @Test func requestsAreBounded() throws {
    var client = endpoint { $0.requests = 3 }
    for _ in 0..<3 { _ = try client.request(CoAPMessage(.get, "a"), to: peer, now: start) }
    #expect(throws: CoAPError.tooMuchUnderWay) { try client.request(CoAPMessage(.get, "a"), to: peer, now: start) }
  }

  /// PROBING_RATE: who does not answer hears about a byte a second.
  @Test func silentPeersAreSpared() throws {
    let world = CoAPWorld(2)
    world.isDropped = { _, _, to in to == 1 }
    for _ in 0..<50 {
      try world.request(0, to: 1, CoAPMessage(.get, "abcdefgh"), isConfirmable: false, timeoutMilliseconds: 1_000_000)
    }
    world.run(milliseconds: 500_000)
    let bytes = world.sent.reduce(0) { $0 + $1.bytes.count }
    #expect(bytes > 300 && bytes <= 530)
  }
}
