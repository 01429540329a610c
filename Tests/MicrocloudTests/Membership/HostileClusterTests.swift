import Basics
import TestSupport
import Testing

@testable import Microcloud

/// What strangers and liars can do to a cluster, and what not.
struct HostileClusterTests {
  private let stranger = SocketAddress(.v4(0x0A00_0001), port: 1)
  private let versions = ProtocolVersions(bytes: [1, 5, 2, 2, 5, 5])!

  private func invented(_ number: Int) -> MemberlistMessage {
    .alive(
      .init(
        incarnation: 1, node: NodeName("liar \(number)".utf8), address: SocketAddress(.v4(UInt32(number)), port: 9),
        meta: [0xFF, 0x80], versions: versions))
  }

  /// In an open cluster anyone can declare anyone dead and make up members without end. Those that answer are not lost.
  @Test func membersThatAnswerAreNotLostToThoseThatAreMadeUp() {
    var limits = MembershipLimits()
    limits.members = 150
    let cluster = SerfCluster(5, limits: limits)
    cluster.run(milliseconds: 10_000)
    var random = SeededGenerator(seed: 1)
    var number = 0
    func tell(_ message: MemberlistMessage) {
      cluster.act(0) { $0.receive(message, from: stranger, now: cluster.now) }
    }
    for round in 0..<60 {
      for _ in 0..<100 {
        number += 1
        tell(invented(number))
        // It is gone at once and makes room, for itself and, unless they are kept, for those that are real.
        if random.oneIn(2) {
          tell(.dead(.init(incarnation: 1, node: NodeName("liar \(number)".utf8), from: "n9")))
        }
      }
      let victim = NodeName("n\(1 + round % 4)".utf8)
      let incarnation = cluster.nodes[0].membership.node(named: victim)!.incarnation
      let from = random.pick(["n9", victim, "liar 1"])
      tell(.suspect(.init(incarnation: incarnation, node: victim, from: from)))
      tell(.dead(.init(incarnation: incarnation, node: victim, from: from)))
      let time = LamportTime(rawValue: cluster.nodes[0].memberClock.time.rawValue + 5)
      tell(.user(SerfMessage.leave(.init(time: time, node: victim, prunes: random.oneIn(2))).encoded))
      for _ in 0..<100 {
        number += 1
        tell(invented(number))
      }
      cluster.run(milliseconds: 250)
      for node in cluster.nodes {
        #expect(node.membership.nodes.count <= limits.members && node.gone.count <= limits.members)
        #expect(node.earlyIntents.count <= SerfMembership.maximumEarlyIntents)
        #expect(node.membership.queue.count <= limits.broadcasts)
      }
      for peer in 1..<5 { #expect(cluster.nodes[0].membership.node(named: NodeName("n\(peer)".utf8)) != nil) }
    }
    #expect(Set(cluster.nodes[0].record.peers.prefix(4)).isSubset(of: (1..<5).map { SerfCluster.address($0) }))
    cluster.run(milliseconds: 60_000)
    for index in 0..<5 { #expect(cluster.statuses(at: index) == [.alive, .alive, .alive, .alive, .alive]) }
  }

  /// A real failure is found in time although most of the table is made up, and the member is reached again.
  @Test func aFailureIsFoundAmongThoseThatAreMadeUp() {
    let cluster = SerfCluster(4)
    cluster.run(milliseconds: 10_000)
    for number in 0..<500 { cluster.act(0) { $0.receive(invented(number), from: stranger, now: cluster.now) } }
    cluster.down = [3]
    cluster.run(milliseconds: 60_000)
    #expect(cluster.statuses(at: 0)[3] == .failed)
    cluster.down = []
    cluster.run(milliseconds: 90_000)
    #expect(cluster.statuses(at: 0)[3] == .alive)
  }

  /// Whoever has no key of a cluster can still send again what its members once sent.
  @Test func oldPacketsChangeNothing() {
    let cluster = SerfCluster(4, keyring: Keyring(keys: [[UInt8](repeating: 1, count: 32)]))
    cluster.act(1) { $0.sendEvent("deploy", payload: [1], now: cluster.now) }
    cluster.act(2) { $0.leave(now: cluster.now) }
    cluster.run(milliseconds: 5000)
    cluster.down = [2, 3]
    cluster.run(milliseconds: 20_000)
    #expect(cluster.statuses(at: 0) == [.alive, .alive, .left, .failed])
    cluster.restart(2)
    cluster.restart(3)
    cluster.run(milliseconds: 10_000)
    cluster.heard = cluster.heard.map { _ in [] }
    var random = SeededGenerator(seed: 2)
    let old = cluster.packets.shuffled(using: &random)
    #expect(old.count > 300)
    for packet in old {
      let index = random.below(4)
      for message in (try? MemberlistPacket.decode(packet[...]).messages) ?? [] {
        cluster.act(index) { $0.receive(message, from: stranger, now: cluster.now) }
      }
      cluster.run(milliseconds: 50)
    }
    cluster.run(milliseconds: 40_000)
    for index in 0..<4 {
      #expect(cluster.statuses(at: index) == [.alive, .alive, .alive, .alive])
      #expect(index >= 2 || !cluster.heard[index].contains { if case .userEvent = $0 { true } else { false } })
    }
  }

  @Test func strangeNamesAndTagsAreTakenAsTheyAre() {
    let cluster = SerfCluster(3)
    let long = NodeName([UInt8](repeating: 0xC3, count: 255))
    let names: [NodeName] = ["two words", "a:b/c\"", NodeName([0, 255, 10]), long]
    let metas: [[UInt8]] = [[], [0xFF], [0xFF, 0xDF, 255, 255, 255, 255], [UInt8](repeating: 0xFF, count: 2048)]
    for (index, name) in names.enumerated() {
      let alive = MemberlistMessage.Alive(
        incarnation: 1, node: name, address: SocketAddress(.v4(7), port: 9), meta: metas[index], versions: versions)
      cluster.act(0) { $0.receive(.alive(alive), from: stranger, now: cluster.now) }
      #expect(cluster.nodes[0].status(of: name) == .alive)
    }
    let tooLong = MemberlistMessage.Alive(
      incarnation: 1, node: "n9", address: SocketAddress(.v4(7), port: 9), meta: [UInt8](repeating: 1, count: 2049),
      versions: versions)
    cluster.act(0) { $0.receive(.alive(tooLong), from: stranger, now: cluster.now) }
    #expect(cluster.nodes[0].status(of: "n9") == nil)
    // Others are asked about them, and select by their tags.
    for name in names {
      cluster.act(1) { $0.ask("_serf_conflict", payload: name.bytes, now: cluster.now)?.effects ?? [] }
      cluster.act(1) {
        $0.ask("load", filters: [.nodes([name]), .tag(name: "role", expression: "(")], now: cluster.now)?.effects ?? []
      }
    }
    cluster.run(milliseconds: 120_000)
    for index in 0..<3 { #expect(cluster.statuses(at: index) == [.alive, .alive, .alive]) }
    #expect(names.allSatisfy { cluster.nodes[0].status(of: $0) == .failed })
  }
}
