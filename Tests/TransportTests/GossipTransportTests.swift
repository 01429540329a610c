import Basics
import EventLoop
import LinuxSystem
import Microcloud
import Testing

@testable import Transport

/// Two memberships on real sockets of the loopback, each with an address of its own there.
private final class Pair {
  let loop: EventLoop
  let nodes: [GossipTransport]
  let addresses: [SocketAddress]
  var news: [[SerfEffect]] = [[], []]
  var refusals: [GossipError] = []

  init(
    v6: Bool = false, ciphers: [GossipCipher?] = [nil, nil], profile: MembershipProfile = .local, members: Int = 0
  ) throws {
    loop = try EventLoop()
    var nodes: [GossipTransport] = []
    var addresses: [SocketAddress] = []
    for index in 0..<2 {
      let port = UInt16.random(in: 20_000..<30_000)
      let address = SocketAddress(
        v6 ? .loopbackV6 : .v4(0x7F00_0001 + UInt32.random(in: 1..<0x00FF_0000)), port: port)
      var limits = MembershipLimits()
      limits.acceptedStreams = 2
      var membership = SerfMembership(
        name: NodeName("n\(index)".utf8), address: address, tags: ["role": "r\(index)"], profile: .local,
        limits: limits,
        seed: UInt64(index), now: loop.now)
      if index == 0 { Self.fill(&membership, members, loop.now) }
      nodes.append(
        try GossipTransport(on: loop, membership: membership, boundTo: address, cipher: ciphers[index]))
      addresses.append(address)
    }
    (self.nodes, self.addresses) = (nodes, addresses)
    for index in 0..<2 {
      nodes[index].onNews = { [unowned self] in news[index].append($0) }
      nodes[index].onRefusal = { [unowned self] error, _ in refusals.append(error) }
    }
  }

  deinit {
    for node in nodes { node.close() }
  }

  /// Members that exist in words only.
  private static func fill(_ membership: inout SerfMembership, _ count: Int, _ now: Instant) {
    for number in 0..<count {
      let alive = MemberlistMessage.Alive(
        incarnation: 1, node: NodeName("member-\(number)".utf8),
        address: SocketAddress(.v4(0x0A00_0000 + UInt32(number)), port: 1),
        meta: [0xFF, 0x81, 0xA1, 0x61, 0xDA, 0x07, 0xD0] + [UInt8](repeating: 0x41, count: 2000),
        versions: .ours)
      _ = membership.receive(.alive(alive), from: SocketAddress(.loopbackV4, port: 1), now: now)
    }
  }

  func joins() throws {
    nodes[1].perform { $0.join([addresses[0]], now: $1) }
    try run(until: { self.news[1].contains(.joined(self.addresses[0], isSuccess: true)) })
  }

  func run(until isDone: @escaping () -> Bool, sourceLocation: SourceLocation = #_sourceLocation) throws {
    var hung = false
    let guardTimer = try Timer(on: loop) { hung = true }
    guardTimer.start(milliseconds: 20_000)
    while !isDone() && !hung {
      let tick = try Timer(on: loop) { [loop] in loop.stop() }
      tick.start(milliseconds: 1)
      loop.run()
      tick.close()
    }
    guardTimer.close()
    #expect(!hung, "not there in 20 s", sourceLocation: sourceLocation)
  }
}

/// Nothing secret: its tag is enough to tell keys apart.
private final class ToyCipher: GossipAEAD, Sendable {
  func seal(_ plaintext: [UInt8], key: [UInt8], nonce: [UInt8], additionalData: [UInt8]) -> [UInt8] {
    plaintext.map { $0 ^ 0x55 } + tag(key, nonce[...])
  }

  func open(
    _ sealed: ArraySlice<UInt8>, key: [UInt8], nonce: ArraySlice<UInt8>, additionalData: [UInt8]
  ) -> [UInt8]? {
    guard sealed.count >= 16, Array(sealed.suffix(16)) == tag(key, nonce) else { return nil }
    return sealed.dropLast(16).map { $0 ^ 0x55 }
  }

  private func tag(_ key: [UInt8], _ nonce: ArraySlice<UInt8>) -> [UInt8] {
    zip(key, Array(nonce) + [1, 2, 3, 4]).map { $0 ^ $1 }
  }
}

private func cipher(_ byte: UInt8) throws -> GossipCipher {
  try #require(GossipCipher(keys: [[UInt8](repeating: byte, count: 16)], aead: ToyCipher()))
}

@Suite struct GossipTransportTests {
  @Test(arguments: [false, true])
  func joinsTellsAndLeaves(v6: Bool) throws {
    let pair = try Pair(v6: v6)
    try pair.joins()
    try pair.run(until: { pair.news[0].contains(.member("n1", .joined)) })
    pair.nodes[0].perform { $0.sendEvent("deploy", payload: [1], now: $1) }
    pair.nodes[1].perform { $0.update(tags: ["role": "other"], now: $1) }
    try pair.run(until: {
      pair.news[0].contains(.member("n1", .updated))
        && pair.news[1].contains { if case .userEvent(let event) = $0 { event.payload == [1] } else { false } }
    })
    pair.nodes[1].perform { $0.leave(now: $1) }
    try pair.run(until: { pair.news[1].contains(.hasLeft) && pair.news[0].contains(.member("n1", .left)) })
    #expect(pair.refusals == [])
  }

  @Test func answersQueriesOutOfTheClosureThatHearsOfThem() throws {
    let pair = try Pair()
    try pair.joins()
    pair.nodes[0].onNews = { [unowned pair] news in
      guard case .query(let query) = news else { return }
      pair.nodes[0].perform { membership, _ in membership.respond(to: query, payload: [42]) }
    }
    pair.nodes[1].perform { membership, now in membership.ask("load", now: now)?.effects ?? [] }
    try pair.run(until: {
      pair.news[1].contains { if case .queryResponse(let answer) = $0 { answer.payload == [42] } else { false } }
    })
  }

  @Test func aJoinThatCannotBeConnectedFails() throws {
    let pair = try Pair()
    let nobody = SocketAddress(.v4(0x7FFF_FFF1), port: 9)
    pair.nodes[0].perform { $0.join([nobody], now: $1) }
    try pair.run(until: { pair.news[0] == [.joined(nobody, isSuccess: false)] })
  }

  /// A state of a megabyte, in pieces, through buffers that are smaller.
  @Test func comparesALargeState() throws {
    let pair = try Pair(profile: .wan, members: 500)
    try pair.joins()
    #expect(pair.nodes[1].state.membership.nodes.count == 502)
    #expect(pair.nodes[1].state.membership.node(named: "member-499")?.meta.count == 2007)
  }

  @Test func sealsPackets() throws {
    let key = try cipher(1)
    let pair = try Pair(ciphers: [key, key])
    try pair.joins()
    pair.nodes[1].perform { $0.sendEvent("deploy", payload: [1], now: $1) }
    try pair.run(until: { pair.news[0].contains { if case .userEvent = $0 { true } else { false } } })
    #expect(pair.refusals == [])
  }

  @Test func sealsStreamsOfManyPieces() throws {
    let key = try cipher(1)
    let pair = try Pair(ciphers: [key, key], profile: .wan, members: 50)
    try pair.joins()
    #expect(pair.nodes[1].state.membership.nodes.count == 52)
    #expect(pair.refusals == [])
  }

  @Test func withAnotherKeyNobodyGetsIn() throws {
    let pair = try Pair(ciphers: [try cipher(1), try cipher(2)])
    pair.nodes[1].perform { $0.join([pair.addresses[0]], now: $1) }
    try pair.run(until: { pair.news[1] == [.joined(pair.addresses[0], isSuccess: false)] })
    #expect(pair.refusals == [.undecryptable])
    #expect(pair.nodes[0].state.membership.nodes.count == 1)
  }

  @Test func withoutTheKeyNobodyGetsIn() throws {
    let pair = try Pair(ciphers: [try cipher(1), nil])
    pair.nodes[1].perform { $0.join([pair.addresses[0]], now: $1) }
    try pair.run(until: { pair.news[1] == [.joined(pair.addresses[0], isSuccess: false)] })
    #expect(pair.refusals == [.notEncrypted])
  }

  /// Two may be open; a third is closed at once, and there is room again when the first two have had their time.
  @Test func takesNoMoreStreamsThanItsLimit() throws {
    let pair = try Pair()
    var ended = 0
    let connections = try (0..<3).map { _ in
      let connection = try Connection(on: pair.loop, address: pair.addresses[0])
      connection.onEnd = { _ in ended += 1 }
      try connection.startReading()
      return connection
    }
    try pair.run(until: { ended == 1 })
    try pair.run(until: { ended == 3 })  // after the second that a stream may take in this profile
    try pair.joins()
    for connection in connections { connection.close() }
  }

  @Test func closesEverything() throws {
    let pair = try Pair()
    try pair.joins()
    for node in pair.nodes { node.close() }
    for _ in 0..<5 { pair.loop.runOnce() }
    #expect(pair.loop.handleCounts.made == pair.loop.handleCounts.closed)
    #expect(!pair.loop.runOnce())
  }

  /// A member that is alone has nothing to wake up for.
  @Test func isQuietWhenAlone() throws {
    let pair = try Pair()
    #expect(pair.nodes.allSatisfy { $0.state.nextDeadline == nil })
  }
}
