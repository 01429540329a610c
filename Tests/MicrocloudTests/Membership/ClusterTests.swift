import Basics
import TestSupport
import Testing

@testable import Microcloud

/// Many members on a simulated network.
struct ClusterTests {
  @Test func allSeeAJoin() {
    let cluster = SimulatedCluster(10)
    cluster.joinAll()
    #expect(cluster.agrees)
    let start = cluster.now
    let new = cluster.add()
    cluster.join(new, to: 3)
    cluster.run(milliseconds: 3000)
    #expect(cluster.agrees)
    #expect(cluster.nodes[new].joins == [true])
    for index in 0..<10 {
      let seen = cluster.time(.joined, of: cluster.nodes[new].name, at: index)!
      #expect(seen.milliseconds(since: start) < 2500)
    }
    #expect(cluster.count(.failed) == 0)
    #expect(cluster.count(.suspected) == 0)
  }

  @Test func saysSoWhereNobodyAnswersAJoin() {
    let cluster = SimulatedCluster(3)
    cluster.crash(1)
    cluster.isolate(2..<3, island: 1)
    cluster.join(0, to: 1)
    cluster.join(0, to: 2)
    cluster.run(milliseconds: 9000)
    #expect(cluster.nodes[0].joins == [false])
    cluster.run(milliseconds: 1500)
    #expect(cluster.nodes[0].joins == [false, false])
  }

  /// The shortest is the suspicion alone, the longest adds two rounds of probes and one that has to fail first.
  @Test(
    arguments: [
      (MembershipProfile.lan, 3, 4000, 9000), (.wan, 3, 30_000, 55_000), (.local, 3, 3000, 8000),
      (.lan, 20, 5200, 15_000),
    ] as [(MembershipProfile, Int, UInt64, UInt64)])
  func noticesAFailureInTime(profile: MembershipProfile, members: Int, shortest: UInt64, longest: UInt64) {
    for seed in 1...3 as ClosedRange<UInt64> {
      let cluster = SimulatedCluster(members, profile: profile, seed: seed)
      cluster.joinAll()
      #expect(cluster.agrees)
      let start = cluster.now
      cluster.crash(1)
      cluster.run(milliseconds: longest + 5000)
      for index in 0..<members where index != 1 {
        let seen = cluster.time(.failed, of: "n1", at: index)
        #expect(seen != nil)
        let milliseconds = seen?.milliseconds(since: start) ?? 0
        #expect(milliseconds >= shortest && milliseconds <= longest)
        #expect(cluster.nodes[index].changes.allSatisfy { $0.change != .failed || $0.name == "n1" })
      }
    }
  }

  @Test(arguments: [(MembershipProfile.wan, 3 * 3600), (.lan, 900)] as [(MembershipProfile, UInt64)])
  func nobodyDiesOfALossyNetwork(profile: MembershipProfile, seconds: UInt64) {
    let cluster = SimulatedCluster(20, profile: profile)
    cluster.network = .init(latencyMilliseconds: 80...120, lostPerThousand: 20, duplicatedPerThousand: 10)
    cluster.joinAll()
    cluster.run(milliseconds: 10_000)
    #expect(cluster.agrees)
    cluster.run(milliseconds: seconds * 1000)
    #expect(cluster.count(.failed) == 0)
    #expect(cluster.agrees)
  }

  @Test func aRestartedMemberRefutesItsPast() {
    let cluster = SimulatedCluster(5)
    cluster.joinAll()
    for _ in 0..<3 { cluster.act(2) { $0.update(meta: [0xFF, 0x81, 0xA1, 0x61, 0xA1, 0x62], now: cluster.now) } }
    cluster.run(milliseconds: 2000)
    #expect(cluster.nodes[0].membership.node(named: "n2")?.incarnation == 4)
    cluster.crash(2)
    cluster.run(milliseconds: 15_000)
    #expect(cluster.names(at: 0, .dead) == ["n2"])
    cluster.restart(2)
    cluster.join(2, to: 4)
    cluster.run(milliseconds: 5000)
    #expect(cluster.agrees)
    #expect(cluster.nodes[0].membership.node(named: "n2")!.incarnation > 4)
    #expect(cluster.nodes[0].membership.node(named: "n2")!.meta == [0xFF, 0x80])
  }

  @Test func aDepartureIsNoFailure() {
    let cluster = SimulatedCluster(6)
    cluster.joinAll()
    cluster.leave(4)
    cluster.run(milliseconds: 3000)
    #expect(cluster.nodes[4].leftAt != nil)
    cluster.crash(4)
    for index in 0..<6 where index != 4 {
      #expect(cluster.names(at: index, .left) == ["n4"])
      #expect(cluster.time(.left, of: "n4", at: index) != nil)
    }
    #expect(cluster.agrees)
    cluster.run(milliseconds: 60_000)
    #expect(cluster.count(.failed) == 0)
    #expect(cluster.count(.forgotten) == 5)
    #expect(cluster.names(at: 0, .left) == [])
    // And back, with an incarnation that others had seen leave.
    cluster.restart(4)
    cluster.join(4, to: 0)
    cluster.run(milliseconds: 5000)
    #expect(cluster.names(at: 1).contains("n4"))
  }

  @Test func whoIsAloneLeavesAtOnce() {
    let cluster = SimulatedCluster(1)
    cluster.leave(0)
    cluster.run(milliseconds: 1)
    #expect(cluster.nodes[0].leftAt != nil)
    #expect(cluster.nodes[0].membership.nextDeadline == nil)
  }

  @Test func aShortPartitionHealsByItself() {
    let cluster = SimulatedCluster(10)
    cluster.joinAll()
    cluster.isolate(6..<10, island: 1)
    cluster.run(milliseconds: 3000)
    cluster.isolate(6..<10, island: 0)
    cluster.run(milliseconds: 20_000)
    #expect(cluster.count(.suspected) > 0)
    #expect(cluster.count(.failed) == 0)
    #expect(cluster.agrees)
  }

  @Test func oneJoinHealsALongPartition() {
    let cluster = SimulatedCluster(10)
    cluster.joinAll()
    cluster.isolate(6..<10, island: 1)
    cluster.run(milliseconds: 120_000)
    #expect(cluster.names(at: 0) == ["n0", "n1", "n2", "n3", "n4", "n5"])
    #expect(cluster.names(at: 9) == ["n6", "n7", "n8", "n9"])
    cluster.isolate(6..<10, island: 0)
    cluster.join(7, to: 2)
    cluster.run(milliseconds: 40_000)
    #expect(cluster.agrees)
  }

  @Test func aConflictOfNamesIsSaidAndTheOldMemberStays() {
    let cluster = SimulatedCluster(4)
    cluster.joinAll()
    let twin = cluster.add(name: "n2")
    cluster.join(twin, to: 0)
    cluster.run(milliseconds: 5000)
    #expect(cluster.nodes[0].conflicts.contains("n2"))
    #expect(cluster.nodes[twin].conflicts.contains("n2"))
    for index in 0..<4 {
      #expect(cluster.nodes[index].membership.node(named: "n2")?.address == cluster.nodes[2].address)
    }
  }

  @Test func whatDoesNotFitIntoAPacketSpreadsByPushPull() {
    let cluster = SimulatedCluster(4)
    cluster.joinAll()
    let meta = [UInt8](repeating: 7, count: 2048)
    cluster.act(1) { $0.update(meta: meta, now: cluster.now) }
    cluster.run(milliseconds: 100_000)
    for index in 0..<4 { #expect(cluster.nodes[index].membership.node(named: "n1")?.meta == meta) }
    #expect(cluster.largestPacket <= 1400)
  }

  @Test func broadcastsAreToldSoManyTimes() {
    let cluster = SimulatedCluster(20)
    cluster.joinAll()
    for index in 0..<20 {
      cluster.act(index) { $0.broadcast(user: [UInt8(index)], kind: .event, now: cluster.now) }
    }
    cluster.run(milliseconds: 5000)
    // The cluster does not pass them on: that is for the protocol above.
    let told = cluster.nodes.reduce(0) { $0 + $1.users.count }
    #expect(told == 20 * MembershipProfile.lan.retransmitLimit(members: 20))
  }

  /// A dead member that is said to be there, a living one that is said to be dead or gone, and ourselves.
  @Test func accusationsAreRefuted() {
    let cluster = SimulatedCluster(6)
    cluster.joinAll()
    let stranger = SocketAddress(.v4(1), port: 1)
    for from in ["n5", "n1", "nobody"] as [NodeName] {
      for step in [0, 1, 1000, 1 << 24] as [UInt32] {
        let incarnation = cluster.nodes[1].membership.node(named: "n1")!.incarnation + step
        let accusation = MemberlistMessage.Accusation(incarnation: incarnation, node: "n1", from: from)
        cluster.act(0) { $0.receive(.dead(accusation), from: stranger, now: cluster.now) }
        cluster.act(1) { $0.receive(.suspect(accusation), from: stranger, now: cluster.now) }
        cluster.act(2) { $0.receive(.suspect(accusation), from: stranger, now: cluster.now) }
        cluster.run(milliseconds: 1000)
      }
    }
    cluster.run(milliseconds: 20_000)
    #expect(cluster.agrees)
  }

  @Test(arguments: 1...12 as ClosedRange<UInt64>) func allAgreeInTheEnd(seed: UInt64) {
    let cluster = SimulatedCluster(8, seed: seed)
    var random = SeededGenerator(seed: seed)
    cluster.network = .init(latencyMilliseconds: 1...150, lostPerThousand: 50, duplicatedPerThousand: 50)
    cluster.joinAll()
    for _ in 0..<12 {
      let index = 1 + random.below(7)
      if !cluster.nodes[index].isUp {
        cluster.restart(index)
        cluster.join(index, to: 0)
      } else if random.below(2) == 0 {
        cluster.crash(index)
      } else {
        let meta = random.bytes(upTo: 300)
        cluster.act(index) { $0.update(meta: meta, now: cluster.now) }
      }
      cluster.run(milliseconds: UInt64(random.below(8000)))
    }
    cluster.network = .init()
    for index in 1..<8 where cluster.nodes[index].isUp { cluster.join(index, to: 0) }
    cluster.run(milliseconds: 60_000)
    #expect(cluster.agrees)
  }
}
