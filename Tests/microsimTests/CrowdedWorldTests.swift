import Basics
import Microcloud
import Testing

@testable import microsim

struct CrowdedWorldTests {
  /// Those that begin as if they had long been together are a cluster as any other.
  @Test func settledMembersKnowOneAnotherAndNoticeAFailure() {
    let crowd = CrowdedWorld(Topology(.flat, places: 1), nodes: 6, seed: 1)
    let world = crowd.world
    let names = world.nodes.compactMap { $0.gossip?.name }
    func statuses(_ node: SimulatedNode) -> [MemberRecord.Status?] {
      names.map { node.gossip?.membership?.status(of: $0) }
    }
    #expect(names.count == 6)
    #expect(world.nodes.allSatisfy { statuses($0).allSatisfy { $0 == .alive } })
    world.run(milliseconds: 30_000)
    #expect(world.nodes.allSatisfy { statuses($0).allSatisfy { $0 == .alive } })
    world.cutPower(world.nodes[5])
    world.run(milliseconds: 40_000)
    #expect(crowd.failuresSeen == 5 && crowd.falseFailures == 0)
    world.start(world.nodes[5])
    world.run(milliseconds: 20_000)
    #expect(world.nodes.allSatisfy { statuses($0).allSatisfy { $0 == .alive } })
  }
}
