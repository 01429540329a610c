import Microcloud
import TestSupport
import Testing

@testable import MicroAgent

@Suite struct PlacementOrderTests {
  private func node(
    _ name: String, memory: UInt64 = 64 << 20, quality: UInt64 = 90, isa: ISALevel? = .geode
  ) -> PlacementCandidate {
    var node = PlacementCandidate(name: name)
    node.freeMemoryBytes = memory
    node.quality = quality
    node.isa = isa
    return node
  }

  private func wish(_ memory: UInt64 = 8 << 20, isa: ISALevel? = nil) -> PlacementWish {
    var wish = PlacementWish(plainRequest(), requestID: [UInt8](repeating: 1, count: 16), durationSeconds: 60)
    wish.container.budget.memoryBytes = memory
    wish = PlacementWish(wish.container, requestID: wish.lease.requestID, durationSeconds: 60)
    wish.isa = isa
    return wish
  }

  private func names(_ nodes: [PlacementCandidate], _ wish: PlacementWish) -> [String] {
    PlacementOrder(nodes, for: wish).fitting.map { nodes[$0].name }
  }

  @Test func memoryThenNearnessThenLoad() {
    let small = node("small", memory: 4 << 20, quality: 100)
    let far = node("far", memory: 128 << 20, quality: 40)
    let near = node("near", memory: 32 << 20, quality: 80)
    let idle = node("idle", memory: 64 << 20, quality: 78)
    #expect(names([small, far, near, idle], wish()) == ["idle", "near", "far", "small"])
  }

  @Test func theOwnNodeIsNearestAndNeedNotBeClaimed() {
    var own = node("own", memory: 16 << 20, quality: 0)
    own.isOwn = true
    own.isClaimed = false
    #expect(names([node("other", quality: 70), own], wish()) == ["own", "other"])
    own.freeMemoryBytes = 1 << 20
    #expect(names([own, node("other", quality: 70)], wish()) == ["other", "own"])
  }

  @Test func theLeastProcessorThatWillDo() {
    let nodes = [
      node("quark", isa: .i586NoLock), node("geode", isa: .geode), node("atom", isa: .i686SSE2),
      node("amd", isa: .amd64), node("silent", isa: nil),
    ]
    #expect(names(nodes, wish(isa: .i686SSE2)) == ["atom", "amd", "silent"])
    #expect(names(nodes, wish(isa: .i586NoLock)) == ["quark", "geode", "atom", "amd", "silent"])
    let order = PlacementOrder(nodes, for: wish(isa: .i686SSE2))
    #expect(order.unfit.map { nodes[$0.index].name } == ["quark", "geode"])
    #expect(order.unfit.last?.reason == "its processor is geode, and i686-sse2 is needed")
  }

  @Test func whoIsNotAsked() {
    var (gone, stranger) = (node("gone"), node("stranger"))
    gone.isAlive = false
    stranger.isClaimed = false
    let order = PlacementOrder([stranger, gone], for: wish())
    #expect(order.fitting.isEmpty)
    #expect(order.unfit.map { $0.reason } == ["nobody has claimed it", "it is gone"])
  }

  @Test(arguments: 0..<20) func theOrderOfInputDoesNotMatter(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var nodes = (0..<12).map { number in
      node(
        "n\(number)", memory: random.below(UInt64(4)) << 22, quality: random.below(UInt64(101)),
        isa: random.pick([nil, .geode, .i686SSE2]))
    }
    let wish = wish(isa: random.oneIn(2) ? .geode : nil)
    let expected = names(nodes, wish)
    for _ in 0..<5 {
      nodes.shuffle(using: &random)
      #expect(names(nodes, wish) == expected)
    }
  }

  @Test func candidatesAreReadFromWhatGossipTells() {
    let told: CBORValue = [
      1: "alix", 104: "10.1.2.3", 106: true, 108: 87, 110: "geode", 111: "00c1000000004e60",
      112: .unsigned(96 << 20), 113: 5683, 114: "unclaimed",
    ]
    var expected = node("alix", memory: 96 << 20, quality: 87)
    expected.isClaimed = false
    #expect(PlacementCandidate(told) == expected)
    #expect(PlacementCandidate([1: "cloudy", 104: "10.1.2.4", 106: true, 108: 50]) == nil)
    #expect(PlacementCandidate([:]) == nil)
  }
}
