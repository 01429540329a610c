import Basics
import Testing

@testable import Microcloud

/// What is stored, so that a restart rejoins by itself and repeats nothing.
struct SerfRecordTests {
  private func records(_ cluster: SerfCluster, _ index: Int) -> Int {
    cluster.heard[index].count { $0 == .recordChanged }
  }

  @Test func restNeedsNoWrites() {
    let cluster = SerfCluster(3)
    cluster.run(milliseconds: 60_000)
    #expect(records(cluster, 2) == 1)
    #expect(Set(cluster.nodes[2].record.peers) == Set([0, 1].map { SerfCluster.address($0) }))
    cluster.run(milliseconds: 4_000_000)
    #expect(records(cluster, 2) == 1)
  }

  /// Writes become rarer, up to one an hour.
  @Test func changesAreWrittenTogether() {
    let cluster = SerfCluster(2)
    func run(hours: Int) -> Int {
      cluster.heard[0] = []
      for _ in 0..<(hours * 120) {
        cluster.act(1) { $0.sendEvent("tick", payload: [], now: cluster.now) }
        cluster.run(milliseconds: 30_000)
      }
      return records(cluster, 0)
    }
    let first = run(hours: 2)
    #expect(first >= 5 && first <= 7)
    let later = run(hours: 2)
    #expect(later >= 1 && later <= 3)
    #expect(cluster.nodes[0].record.clocks.event.rawValue == 480 + 1)
  }

  @Test func aRestartComesBackThroughAnyoneItKnew() {
    let cluster = SerfCluster(4)
    cluster.run(milliseconds: 30_000)
    let record = cluster.nodes[3].record
    cluster.down = [0, 1, 3]
    cluster.run(milliseconds: 1000)
    cluster.restart(3, record: record)
    cluster.run(milliseconds: 3000)
    #expect(cluster.statuses(at: 3)[2] == .alive)
    #expect(cluster.statuses(at: 2)[3] == .alive)
  }

  @Test func whoIsCutOffForgetsNobody() {
    let cluster = SerfCluster(3)
    cluster.run(milliseconds: 30_000)
    let before = Set(cluster.nodes[0].record.peers)
    #expect(before.count == 2)
    cluster.down = [0]
    cluster.run(milliseconds: 3_700_000)
    #expect(cluster.statuses(at: 0).filter { $0 == .alive }.count == 1)
    #expect(Set(cluster.nodes[0].record.peers) == before)
  }

  @Test func eventsAndQueriesFromBeforeAreNotRepeated() {
    let cluster = SerfCluster(3)
    for number in 0..<5 as Range<UInt8> {
      cluster.act(1) { $0.sendEvent("deploy", payload: [number], now: cluster.now) }
    }
    cluster.act(1) { $0.ask("load", now: cluster.now)?.effects ?? [] }
    cluster.run(milliseconds: 30_000)
    let record = cluster.nodes[0].record
    #expect(record.clocks.event == 6 && record.clocks.query == 2 && record.clocks.member > 1)
    var serf = SerfMembership(
      name: "n0", address: SerfCluster.address(0), tags: [:], profile: .lan, record: record, seed: 1, now: cluster.now)
    #expect(serf.record == record)
    func receive(_ message: SerfMessage) -> [SerfEffect] {
      serf.receive(.user(message.encoded), from: SerfCluster.address(1), now: cluster.now)
    }
    let old = SerfMessage.UserEvent(time: 5, name: "deploy", payload: [4], coalesces: false)
    #expect(receive(.userEvent(old)) == [])
    let new = SerfMessage.UserEvent(time: 6, name: "deploy", payload: [4], coalesces: false)
    #expect(receive(.userEvent(new)) == [.userEvent(new)])
    func query(_ time: LamportTime) -> SerfMessage.Query {
      .init(time: time, id: 7, source: SerfCluster.address(1), sourceNode: "n1", timeoutNanoseconds: 1, name: "load")
    }
    #expect(receive(.query(query(1))) == [])
    #expect(receive(.query(query(2))) == [.query(query(2))])
  }

  @Test func thePeersThatWereThereLongestComeFirst() {
    var now = Instant(nanoseconds: 0)
    var serf = SerfMembership(
      name: "n0", address: SerfCluster.address(0), tags: [:], profile: .lan, seed: 1, now: now)
    for peer in 1..<100 {
      now = now.advanced(milliseconds: 1)
      let alive = MemberlistMessage.Alive(
        incarnation: 1, node: NodeName("n\(100 - peer)".utf8), address: SerfCluster.address(peer), meta: [],
        versions: .ours)
      _ = serf.receive(.alive(alive), from: SerfCluster.address(peer), now: now)
    }
    #expect(serf.record.peers == (1...SerfRecord.maximumPeers).map { SerfCluster.address($0) })
    // A suspicion that is refuted makes nobody new, a death does.
    func receive(_ message: MemberlistMessage) { _ = serf.receive(message, from: SerfCluster.address(1), now: now) }
    func alive(_ incarnation: UInt32, _ peer: Int) -> MemberlistMessage {
      .alive(
        .init(
          incarnation: incarnation, node: NodeName("n\(100 - peer)".utf8), address: SerfCluster.address(peer), meta: [],
          versions: .ours))
    }
    receive(.suspect(.init(incarnation: 1, node: "n99", from: "n50")))
    receive(.dead(.init(incarnation: 1, node: "n98", from: "n50")))
    receive(alive(2, 1))
    receive(alive(2, 2))
    #expect(serf.record.peers.first == SerfCluster.address(1))
    #expect(!serf.record.peers.contains(SerfCluster.address(2)))
  }
}
