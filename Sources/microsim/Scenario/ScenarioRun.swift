import Basics
import Microcloud

/// One scenario, carried out and judged.
struct ScenarioRun {
  struct Verdict {
    var violation: Violation?
    let digest: UInt64
    let events: Int
    /// How long it was for the nodes.
    let milliseconds: UInt64
    /// Containers that somebody wanted to run elsewhere: those that were placed, and those that nobody took.
    let placed: Int
    let refused: Int
  }

  /// Whom liars can make up is bounded by how long they lie.
  private static let inventedPerSecond = 5

  /// How long tenants go on when all is mended. What they have begun then is over long before `Bounds.recovery` is.
  private static let tenantsGoOnMilliseconds: UInt64 = 90_000

  private static let briefCutMilliseconds: UInt64 = 3000

  private let scenario: Scenario
  private let bounds: Bounds
  private let world: World
  private let judge: Judge
  private let liar: Liar

  init(_ scenario: Scenario) {
    self.scenario = scenario
    var settings = GossipPart.Settings()
    settings.profile = scenario.isWide ? .wan : .lan
    if scenario.isKeyed { settings.keyring = Keyring(keys: [[UInt8](repeating: 7, count: 16)]) }
    var random = SeededRandom(seed: ~scenario.seed)
    world = World(
      scenario.topology, nodes: scenario.nodes, tenants: scenario.tenants, settings: settings, seed: random.next())
    world.tenantsRestAt = Instant(nanoseconds: 0).advanced(
      milliseconds: scenario.endMilliseconds + Self.tenantsGoOnMilliseconds)
    // The last machine is the liar's.
    liar = Liar(world, on: world.addNode(), seed: random.next())
    bounds = Bounds(settings.profile, nodes: scenario.nodes + Self.invented(scenario))
    judge = Judge(world, scenario, bounds)
    world.leaseJudge = LeaseJudge(world) { [judge] in judge.complain($0, $1) }
    for node in world.nodes[0..<scenario.nodes] {
      world.after(milliseconds: random.below(Scenario.startMilliseconds)) { [world] in world.start(node) }
    }
  }

  private static func invented(_ scenario: Scenario) -> Int {
    if scenario.isKeyed { return 0 }
    return scenario.steps.reduce(0) { sum, step in
      guard case .lies(let milliseconds) = step.what else { return sum }
      return sum + Int(milliseconds) * inventedPerSecond / 1000
    }
  }

  var now: Instant { world.now }

  /// - Parameter onChange: is told what happens, a line each.
  func judged(onChange: ((String) -> Void)? = nil) -> Verdict {
    judge.onChange = onChange
    judge.lookPeriodically()
    cutPowerAfterPromises()
    at(Scenario.firstStepMilliseconds - 1) { judge.expectAgreement(.coldStart) }
    for step in scenario.steps {
      at(step.atMilliseconds) {
        judge.isAboutToHappen(step.what)
        carryOut(step.what)
      }
    }
    let healed = scenario.endMilliseconds + bounds.recovery
    at(healed) {
      judge.expectAgreement(.healing)
      judge.expectRest()
    }
    at(healed + bounds.rest) { world.start(world.addNode()) }
    let end = healed + bounds.rest + bounds.join
    at(end) { judge.expectAgreement(.newcomer) }
    world.run(milliseconds: end + 1)
    return Verdict(
      violation: judge.violation, digest: world.digest.value, events: world.eventCount,
      milliseconds: world.now.milliseconds(since: Instant(nanoseconds: 0)),
      placed: world.leaseJudge?.placed ?? 0, refused: world.leaseJudge?.refused ?? 0)
  }

  private func at(_ milliseconds: UInt64, _ body: @escaping () -> Void) {
    world.at(Instant(nanoseconds: 0).advanced(milliseconds: milliseconds), body)
  }

  // MARK: What happens

  private func carryOut(_ what: Disturbance) {
    switch what {
    case .crash(let index, let milliseconds, let state):
      let node = world.nodes[index]
      world.cutPower(node)
      bringBack(index, after: milliseconds) { [world] in
        node.store.spoil(state)
        if state == .none { node.loseIdentity() }
        if state == .none || state == .old { world.leaseJudge?.loses(node) }
      }
    case .leave(let index, let milliseconds):
      world.leave(world.nodes[index])
      bringBack(index, after: milliseconds.map { max($0, World.farewellMilliseconds + 1) }) {}
    case .move(let index): world.move(world.nodes[index])
    case .retag(let index, let bytes): world.retag(world.nodes[index], bytes: bytes)
    case .slow(let index, let milliseconds, let asleep, let awake):
      let end = world.now.advanced(milliseconds: milliseconds)
      slow(world.nodes[index], until: end, asleep: asleep, awake: awake)
    case .cut(let cut, let milliseconds):
      world.network.add(cut)
      world.after(milliseconds: milliseconds) { [world] in world.network.remove(cut) }
    case .weather(let lost, let delayed, let milliseconds):
      let weather = Network.Weather(lostPerMillion: lost, delayedPerMillion: delayed)
      world.network.weather = weather
      world.after(milliseconds: milliseconds) { [world] in
        if world.network.weather == weather { world.network.weather = .init() }
      }
    case .drift(let index, let partsPerMillion): world.drift(world.nodes[index], partsPerMillion: partsPerMillion)
    case .jump(let index, let milliseconds):
      world.leaseJudge?.jumps(world.nodes[index])
      world.jump(world.nodes[index], milliseconds: milliseconds)
    case .lies(let milliseconds): liar.lie(milliseconds: milliseconds)
    case .fill(let index, let milliseconds):
      world.nodes[index].diskIsFullUntil = world.now.advanced(milliseconds: milliseconds)
    case .replays(let milliseconds): world.tape.replay(in: world, milliseconds: milliseconds)
    }
  }

  /// In a storm the power goes now and then just when a board has promised something: that must be on its disk by then.
  private func cutPowerAfterPromises() {
    var random = SeededRandom(seed: scenario.seed)
    let end = Instant(nanoseconds: 0).advanced(milliseconds: scenario.endMilliseconds)
    world.onPromise = { [self] node in
      guard world.now < end, !judge.truth.isCalm(from: world.now, to: world.now), random.below(4) == 0 else { return }
      let cut = Disturbance.crash(node: node.index, milliseconds: Self.briefCutMilliseconds, finding: .intact)
      // Not at once, as the node is still at work.
      world.after(milliseconds: 1) {
        judge.isAboutToHappen(cut)
        carryOut(cut)
      }
    }
  }

  private func bringBack(_ index: Int, after milliseconds: UInt64?, _ prepare: @escaping () -> Void) {
    guard let milliseconds else { return }
    world.after(milliseconds: milliseconds) { [world, judge] in
      guard !world.nodes[index].isOn else { return }
      prepare()
      world.start(world.nodes[index])
      judge.hasStarted(index)
    }
  }

  private func slow(_ node: SimulatedNode, until end: Instant, asleep: UInt64, awake: UInt64) {
    guard world.now < end else { return }
    world.stall(node, milliseconds: min(asleep, end.milliseconds(since: world.now)))
    world.after(milliseconds: asleep + awake) { slow(node, until: end, asleep: asleep, awake: awake) }
  }
}
