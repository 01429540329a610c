import Basics
import Testing

@testable import Microcloud

/// Two members under one name, members that others declare gone, and answers that come through others.
struct SerfNameTests {
  private let versions = ProtocolVersions(bytes: [1, 5, 2, 2, 5, 5])!

  @Test func theNewcomerLosesTheName() {
    let cluster = SerfCluster(5)
    let twin = cluster.add(name: "n1", joining: 0)
    cluster.run(milliseconds: 10_000)
    #expect(cluster.heard[twin].count { $0 == .nameLost } == 1)
    for index in 0..<5 { #expect(!cluster.heard[index].contains(.nameLost)) }
    // What the others see is the first one, and that it is there.
    #expect(cluster.statuses(at: 0) == [.alive, .alive, .alive, .alive, .alive, nil])
    #expect(cluster.nodes[0].membership.node(named: "n1")?.address == SerfCluster.address(1))
    // Nobody has it asked again and again.
    let asked = cluster.nodes[3].queryClock.time.rawValue
    cluster.run(milliseconds: 30_000)
    #expect(cluster.nodes[3].queryClock.time.rawValue <= asked + 1)
  }

  @Test func twoAloneBothTakeOtherNames() {
    let cluster = SerfCluster(1)
    let twin = cluster.add(name: "n0", joining: 0)
    cluster.run(milliseconds: 40_000)
    #expect(cluster.heard[0].contains(.nameLost))
    #expect(cluster.heard[twin].contains(.nameLost))
  }

  /// A stranger says that we are elsewhere.
  @Test func aConflictThatIsMadeUpCostsOneQuestion() {
    let cluster = SerfCluster(4)
    for number in 0..<100 as Range<UInt32> {
      let alive = MemberlistMessage.Alive(
        incarnation: 1000 + number, node: "n2", address: SocketAddress(.v4(number), port: 1), meta: [],
        versions: versions)
      cluster.act(2) { $0.receive(.alive(alive), from: SerfCluster.address(88), now: cluster.now) }
    }
    #expect(cluster.nodes[2].openQueries.count == 1)
    cluster.run(milliseconds: 20_000)
    #expect(!cluster.heard[2].contains(.nameLost))
    #expect(cluster.nodes[0].queryClock.time == 2)
    // None of the others is heard: nothing is decided.
    cluster.run(milliseconds: 60_000)
    cluster.down = [2]
    let alive = MemberlistMessage.Alive(
      incarnation: 5, node: "n2", address: SerfCluster.address(88), meta: [], versions: versions)
    cluster.act(2) { $0.receive(.alive(alive), from: SerfCluster.address(88), now: cluster.now) }
    #expect(cluster.nodes[2].openQueries.count == 1)
    cluster.run(milliseconds: 3500)
    #expect(cluster.nodes[2].openQueries.isEmpty)
    #expect(!cluster.heard[2].contains(.nameLost))
  }

  @Test func whoFailedIsDeclaredLeftOrForgotten() {
    let cluster = SerfCluster(5)
    cluster.down = [3, 4]
    cluster.run(milliseconds: 20_000)
    #expect(cluster.statuses(at: 1) == [.alive, .alive, .alive, .failed, .failed])
    cluster.act(0) { $0.forceLeave("n3", now: cluster.now) }
    cluster.act(0) { $0.forceLeave("n4", prunes: true, now: cluster.now) }
    #expect(cluster.statuses(at: 0) == [.alive, .alive, .alive, .left, nil])
    cluster.run(milliseconds: 2000)
    for index in 0..<3 {
      #expect(cluster.statuses(at: index) == [.alive, .alive, .alive, .left, nil])
      #expect(cluster.heard[index].count { $0 == .member("n4", .reaped) } == 1)
    }
  }

  @Test func whoIsThereStays() {
    let cluster = SerfCluster(4)
    cluster.act(0) { $0.forceLeave("n3", prunes: true, now: cluster.now) }
    cluster.act(0) { $0.forceLeave("n0", prunes: true, now: cluster.now) }
    cluster.run(milliseconds: 5000)
    for index in 0..<4 { #expect(cluster.statuses(at: index) == [.alive, .alive, .alive, .alive]) }
  }

  // MARK: Relays

  private func lone(knowing peers: Range<Int>, versions: ProtocolVersions) -> SerfMembership {
    let now = Instant(nanoseconds: 0)
    var serf = SerfMembership(
      name: "n0", address: SerfCluster.address(0), tags: [:], profile: .lan, seed: 1, now: now)
    for peer in peers {
      let alive = MemberlistMessage.Alive(
        incarnation: 1, node: NodeName("n\(peer)".utf8), address: SerfCluster.address(peer), meta: [0xFF, 0x80],
        versions: versions)
      _ = serf.receive(.alive(alive), from: SerfCluster.address(peer), now: now)
    }
    return serf
  }

  private func receive(_ message: SerfMessage, _ serf: inout SerfMembership) -> [SerfEffect] {
    serf.receive(.user(message.encoded), from: SerfCluster.address(88), now: Instant(nanoseconds: 0))
  }

  @Test func answersArePassedOnToMembersOnly() {
    var serf = lone(knowing: 1..<3, versions: versions)
    let response = SerfMessage.queryResponse(.init(time: 1, id: 2, from: "n2", isAcknowledgement: false, payload: [3]))
    func relay(_ index: Int, _ name: NodeName, _ message: [UInt8] = response.encoded) -> SerfMessage {
      .relay(.init(destination: SerfCluster.address(index), destinationName: name, message: message))
    }
    let passedOn = [SerfEffect.send(MemberlistMessage.user(response.encoded).encoded, to: SerfCluster.address(1))]
    #expect(receive(relay(1, "n1"), &serf) == passedOn)
    #expect(receive(relay(1, .none), &serf) == passedOn)
    #expect(receive(relay(2, "n1"), &serf) == [])
    #expect(receive(relay(9, "n9"), &serf) == [])
    #expect(receive(relay(9, .none), &serf) == [])
    // Only answers, and no longer ones than there are.
    #expect(receive(relay(1, "n1", relay(1, "n1").encoded), &serf) == [])
    #expect(receive(relay(1, "n1", SerfMessage.join(.init(time: 1, node: "n1")).encoded), &serf) == [])
    #expect(receive(relay(1, "n1", []), &serf) == [])
    let long = response.encoded + [UInt8](repeating: 0, count: 1024)
    #expect(receive(relay(1, "n1", long), &serf) == [])
  }

  @Test func anAnswerGoesThroughAsManyAsAskedFor() throws {
    let query = SerfMessage.Query(
      time: 5, id: 1, source: SerfCluster.address(1), sourceNode: "n1", relayFactor: 2, timeoutNanoseconds: 1,
      name: "load")
    var serf = lone(knowing: 1..<9, versions: versions)
    _ = receive(.query(query), &serf)
    let effects = serf.respond(to: query, payload: [7])
    guard case .send(let direct, to: SerfCluster.address(1))? = effects.first else {
      Issue.record("no answer")
      return
    }
    #expect(effects.count == 3)
    var relays: Set<SocketAddress> = []
    for case .send(let packet, let address) in effects.dropFirst() {
      relays.insert(address)
      guard case .relay(let relay) = try SerfMessage.decode(packet.dropFirst()) else { continue }
      #expect(relay.destination == SerfCluster.address(1) && relay.destinationName == "n1")
      #expect([MemberlistMessageType.user.rawValue] + relay.message == direct)
    }
    #expect(relays.count == 2 && !relays.contains(SerfCluster.address(1)))
    // However many are asked for.
    var greedy = query
    greedy.relayFactor = 255
    var large = lone(knowing: 1..<60, versions: versions)
    #expect(large.respond(to: greedy, payload: [7]).count == 1 + SerfMembership.maximumRelays)
    // None where there are too few, nor through those that would not understand.
    var small = lone(knowing: 1..<2, versions: versions)
    #expect(small.respond(to: query, payload: [7]).count == 1)
    var old = lone(knowing: 1..<9, versions: .ours)
    #expect(old.respond(to: query, payload: [7]).count == 1)
  }

  @Test func aQueryAsksForRelays() throws {
    var serf = lone(knowing: 1..<2, versions: versions)
    let asked = serf.ask("load", relayFactor: 3, now: Instant(nanoseconds: 0))
    guard case .query(let query)? = try #require(asked).effects.first else {
      Issue.record("no query")
      return
    }
    #expect(query.relayFactor == 3)
  }
}
