import Basics
import TestSupport
import Testing

@testable import MicroAgent

@Suite struct PlacementTests {
  private static let id = [UInt8](repeating: 7, count: 16)
  private static let start = Instant(nanoseconds: 0)

  private static func wish(_ change: (inout ContainerRequest) -> Void = { _ in }) -> PlacementWish {
    PlacementWish(plainRequest("web", change), requestID: id, durationSeconds: 3600)
  }

  private static func placement(
    _ wish: PlacementWish = wish(), nodes: Int, deadline: Instant = start.advanced(milliseconds: 60_000)
  ) -> Placement {
    let candidates = (0..<nodes).map { PlacementCandidate(name: "n\($0)") }
    return Placement(wish, PlacementOrder(candidates, for: wish), deadline: deadline)
  }

  private let granted = Placement.Answer.lease(id: 5, requestID: id, phase: .tentative)
  private let full = Placement.Answer.refused(RequestError(.noRoom, "no room"))

  /// Gives the answers one after the other; returns the steps.
  private func steps(_ placement: inout Placement, _ answers: [Placement.Answer]) -> [Placement.Step] {
    var steps = [placement.begin(now: Self.start)]
    for answer in answers { steps.append(placement.take(answer, now: Self.start)) }
    return steps
  }

  @Test func theLeaseIsAsLargeAsTheContainerNeeds() {
    let wish = Self.wish { $0.budget.memoryBytes = 8 << 20 }
    #expect(wish.lease.size.memoryBytes == (8 << 20) + Budget.kernelBytes + 64 * 1024)
    #expect(wish.lease.size.containers == 1)
    #expect(wish.problem == nil)
    #expect(Resources(of: wish.container.budget).fits(in: wish.lease.size))
  }

  @Test func theFirstThatTakesItHasIt() {
    var placement = Self.placement(nodes: 3)
    let found = steps(&placement, [full, granted, .done])
    #expect(found == [.lease(0), .lease(1), .run(1, lease: 5), .end(.placed(1, lease: 5))])
    #expect(placement.reasons.map { $0.line } == ["no room"])
  }

  @Test func nobodyTakesIt() {
    var placement = Self.placement(nodes: 2)
    let found = steps(&placement, [full, .unsent("no route to host")])
    #expect(found.last == .end(.nobody))
    #expect(placement.reasons.map { $0.line } == ["no room", "no route to host"])
  }

  @Test func aLeaseWithoutItsContainerIsReleased() {
    var placement = Self.placement(nodes: 2)
    let failed = Placement.Answer.refused(RequestError(.failed, "no such root"))
    let found = steps(&placement, [granted, failed, .done, full])
    #expect(found == [.lease(0), .run(0, lease: 5), .release(0, 5), .lease(1), .end(.nobody)])
    #expect(placement.reasons.map { $0.line } == ["no such root", "no room"])
  }

  @Test func whatIsWrongIsWrongEverywhere() {
    var placement = Self.placement(nodes: 2)
    #expect(steps(&placement, [.refused(RequestError(.invalid, "bad"))]) == [.lease(0), .end(.nobody)])
  }

  @Test func aNodeThatCameBackWithoutTheLeaseIsPassed() {
    var placement = Self.placement(nodes: 2)
    let gone = Placement.Answer.refused(RequestError(.notFound, "none"))
    let found = steps(&placement, [granted, .lost("away"), gone, granted, .done])
    #expect(Array(found[2...]) == [.lookAtLease(0, 5), .lease(1), .run(1, lease: 5), .end(.placed(1, lease: 5))])
  }

  /// Its number was given to another lease meanwhile.
  @Test func anotherLeaseOfThatNumberIsNotOurs() {
    var placement = Self.placement(nodes: 2)
    let other = Placement.Answer.lease(id: 5, requestID: [1], phase: .active)
    #expect(steps(&placement, [granted, .lost("away"), other]).last == .lease(1))
  }

  @Test func aLostAnswerToTheContainerIsLookedFor() {
    var placement = Self.placement(nodes: 2)
    let active = Placement.Answer.lease(id: 5, requestID: Self.id, phase: .active)
    let found = steps(&placement, [granted, .lost("away"), .unsent("away"), active, .container(lease: 5)])
    #expect(
      Array(found[2...]) == [
        .lookAtLease(0, 5), .lookAtLease(0, 5), .lookAtContainer(0), .end(.placed(0, lease: 5)),
      ])
  }

  @Test func whoDoesNotTellKeepsAllOthersFromIt() {
    var placement = Self.placement(nodes: 2)
    let away = Placement.Answer.unsent("away")
    #expect(steps(&placement, [granted, .lost("away"), away, away, away]).last == .end(.unclear(0)))
  }

  @Test func timeEnds() {
    var placement = Self.placement(nodes: 3, deadline: Self.start.advanced(milliseconds: 10))
    _ = placement.begin(now: Self.start)
    #expect(placement.take(full, now: Self.start.advanced(milliseconds: 10)) == .end(.nobody))
    #expect(placement.reasons.count == 3)
  }

  @Test func anInterruptTakesEverythingBack() {
    var placement = Self.placement(nodes: 2)
    _ = placement.begin(now: Self.start)
    placement.interrupt()
    #expect(placement.take(granted, now: Self.start) == .release(0, 5))
    #expect(placement.take(.done, now: Self.start) == .end(.interrupted))
    placement = Self.placement(nodes: 2)
    _ = steps(&placement, [granted])
    placement.interrupt()
    #expect(placement.take(.done, now: Self.start) == .remove(0))
    #expect(placement.take(.done, now: Self.start) == .release(0, 5))
    #expect(placement.take(.done, now: Self.start) == .end(.interrupted))
  }

  /// Whatever is lost, late or dies, a wish begins at most one program, and what it is told of that is true.
  @Test(arguments: 0..<8) func neverTwoContainersForOneWish(part: UInt64) {
    var outcomes: [String: Int] = [:]
    for seed in (part * 1000)..<(part * 1000 + 1000) {
      let wish = Self.wish { $0.removesWhenEnded = seed % 3 == 0 }
      var world = PlacementWorld(seed: seed, wish: wish)
      let name = history(&world, interruptAt: seed % 5 == 0 ? Int(seed / 5 % 6) : nil, seed)
      outcomes[name, default: 0] += 1
    }
    // None of these is a history that never comes up.
    #expect(Set(outcomes.keys) == ["placed", "nobody", "unclear", "interrupted"])
  }

  private func history(_ world: inout PlacementWorld, interruptAt: Int?, _ seed: UInt64) -> String {
    var placement = Self.placement(world.wish, nodes: world.nodes.count)
    var step = placement.begin(now: world.now)
    for number in 0..<200 {
      if case .end(let outcome) = step { return judge(world, outcome, placement.reasons.map { $0.line }, seed) }
      let answer = world.perform(step)
      if number == interruptAt { placement.interrupt() }
      step = placement.take(answer, now: world.now)
      #expect(world.nodes.reduce(0) { $0 + $1.begun } <= 1, "seed \(seed)")
    }
    Issue.record("seed \(seed): no end")
    return "no end"
  }

  private func judge(
    _ world: PlacementWorld, _ outcome: Placement.Outcome, _ reasons: [String], _ seed: UInt64
  ) -> String {
    var world = world
    world.wait(milliseconds: Leases.tentativeMilliseconds)
    let running = world.nodes.indices.filter { world.nodes[$0].container?.runs == true }
    let leased = world.nodes.indices.filter { index in world.nodes[index].leases.values.contains { $0.phase != .over } }
    let isTold = reasons.contains { $0.contains("could not be released") }
    switch outcome {
    case .placed(let node, let lease):
      #expect(world.nodes[node].begun == 1, "seed \(seed)")
      #expect(running == [node] || world.wish.container.removesWhenEnded, "seed \(seed)")
      #expect(world.nodes[node].leases[lease] != nil && (leased == [node] || isTold), "seed \(seed)")
      return "placed"
    case .nobody, .interrupted:
      #expect(running.isEmpty && (leased.isEmpty || isTold), "seed \(seed): \(outcome)")
      return outcome == .nobody ? "nobody" : "interrupted"
    case .unclear(let node):
      #expect(running.isEmpty || running == [node], "seed \(seed)")
      return "unclear"
    }
  }
}
