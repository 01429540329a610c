import Basics

// A scenario out of a seed: first some gentle things in a calm network, where all is judged narrowly; then a storm.
extension Scenario {
  private static let gentlePauseMilliseconds: ClosedRange<UInt64> = 20_000...50_000
  private static let roughPauseMilliseconds: ClosedRange<UInt64> = 500...25_000
  /// With what stands before them no more than an agent says of itself (`ServicesTag.maximumValueBytes`).
  private static let mostTagBytes: UInt64 = 460

  static func generated(seed: UInt64, nodes: Int? = nil, topology: Topology.Kind? = nil) -> Scenario {
    var random = SeededRandom(seed: seed)
    let count = nodes ?? Int(random.number(in: 3...20))
    let kinds = Topology.Kind.allCases
    let kind = topology ?? kinds[random.index(below: kinds.count)]
    var scenario = Scenario(seed: seed, nodes: count, topology: Topology(kind, nodes: count))
    scenario.isKeyed = random.below(4) == 0
    scenario.isWide = random.below(8) == 0
    var time = firstStepMilliseconds
    for _ in 0..<random.number(in: 2...6) {
      scenario.add(scenario.gentle(&random), at: time)
      time += random.number(in: gentlePauseMilliseconds)
    }
    let storm = time
    for _ in 0..<random.number(in: 2...12) {
      scenario.add(scenario.rough(&random), at: time)
      time += random.number(in: roughPauseMilliseconds)
    }
    if random.below(2) == 0 { scenario.addTenants(storm: storm...time, &random) }
    return scenario
  }

  /// Some who have containers run elsewhere, and what is bad for those only.
  private mutating func addTenants(storm: ClosedRange<UInt64>, _ random: inout SeededRandom) {
    tenants = min(nodes, Int(random.number(in: 1...4)))
    for _ in 0..<random.number(in: 0...4) {
      let milliseconds = random.number(in: 2000...60_000)
      let what: Disturbance =
        random.below(2) == 0
        ? .replays(milliseconds: milliseconds) : .fill(node: node(&random), milliseconds: milliseconds)
      insert(what, at: random.number(in: Self.firstStepMilliseconds...storm.upperBound))
    }
    for _ in 0..<random.number(in: 0...4) {
      let milliseconds = random.number(in: 100...10_000)
      insert(
        .crash(node: node(&random), milliseconds: milliseconds, finding: .old), at: random.number(in: storm))
    }
  }

  private mutating func insert(_ what: Disturbance, at time: UInt64) {
    let place = steps.firstIndex { $0.atMilliseconds > time } ?? steps.count
    steps.insert(Step(atMilliseconds: time, what: what), at: place)
  }

  private mutating func add(_ what: Disturbance, at time: UInt64) {
    steps.append(Step(atMilliseconds: time, what: what))
  }

  private func node(_ random: inout SeededRandom) -> Int { random.index(below: nodes) }

  private func downtime(_ random: inout SeededRandom) -> UInt64? {
    switch random.below(6) {
    case 0: nil
    case 1: random.number(in: 100...5000)
    case 2: random.number(in: 30_000...120_000)
    default: random.number(in: 5000...30_000)
    }
  }

  private func gentle(_ random: inout SeededRandom) -> Disturbance {
    let node = node(&random)
    switch random.below(9) {
    case 8: return .move(node: node)
    case 6, 7:
      let milliseconds = Disturbance.briefMilliseconds
      return .slow(node: node, milliseconds: milliseconds, asleep: milliseconds, awake: 0)
    case 0:
      // An agent that is started again, or a board.
      let milliseconds = random.below(2) == 0 ? random.number(in: 100...3000) : random.number(in: 30_000...60_000)
      return .crash(node: node, milliseconds: milliseconds, finding: .intact)
    case 1: return .leave(node: node, milliseconds: random.number(in: 15_000...60_000))
    case 2: return .drift(node: node, partsPerMillion: Int64(random.below(4000)) - 2000)
    case 3:
      let other = (node + 1 + random.index(below: max(1, nodes - 1))) % nodes
      return .cut(Cut(side: .pair(node, other), direction: .both), milliseconds: random.number(in: 20_000...90_000))
    default: return .retag(node: node, bytes: Int(random.below(Self.mostTagBytes)))
    }
  }

  private func rough(_ random: inout SeededRandom) -> Disturbance {
    let node = node(&random)
    switch random.below(14) {
    case 0, 1, 2:
      let states = NodeStore.State.allCases
      let milliseconds = downtime(&random)
      let state = milliseconds == nil ? .intact : states[random.index(below: states.count)]
      return .crash(node: node, milliseconds: milliseconds, finding: state)
    case 3: return .leave(node: node, milliseconds: downtime(&random))
    case 4: return .move(node: node)
    case 5: return .retag(node: node, bytes: Int(random.below(Self.mostTagBytes)))
    case 6, 7:
      return .slow(
        node: node, milliseconds: random.number(in: 10_000...60_000), asleep: random.number(in: 200...15_000),
        awake: random.number(in: 1...2000))
    case 8, 9, 10:
      // Shorter than a suspicion, or so long that those who failed are forgotten.
      let milliseconds: [ClosedRange<UInt64>] = [1000...10_000, 10_000...60_000, 60_000...180_000]
      return .cut(cut(node, &random), milliseconds: random.number(in: milliseconds[random.index(below: 3)]))
    case 11:
      return .weather(
        lostPerMillion: random.number(in: 10_000...400_000), delayedPerMillion: random.number(in: 0...300_000),
        milliseconds: random.number(in: 5000...60_000))
    case 12: return .lies(milliseconds: random.number(in: 5000...60_000))
    default:
      return random.below(2) == 0
        ? .jump(node: node, forwardMilliseconds: random.number(in: 1000...120_000))
        : .drift(node: node, partsPerMillion: Int64(random.below(40_000)) - 20_000)
    }
  }

  private func cut(_ node: Int, _ random: inout SeededRandom) -> Cut {
    let directions = Cut.Direction.allCases
    let direction = directions[random.index(below: directions.count)]
    if topology.places > 1, random.below(2) == 0 {
      return Cut(side: .place(1 + random.index(below: topology.places - 1)), direction: direction)
    }
    return Cut(side: .node(node), direction: direction)
  }
}
