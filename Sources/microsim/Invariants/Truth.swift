import Basics
import Microcloud

/// What is so in a world, whatever its nodes believe.
struct Truth {
  /// When something lasts that may have any effect for a while.
  struct RoughTime {
    let from: Instant
    let until: Instant
  }

  private(set) var roughTimes: [RoughTime] = []
  /// Which node has, or has had, a name.
  private(set) var owners: [NodeName: Int] = [:]

  init(_ scenario: Scenario, bounds: Bounds) {
    for step in scenario.steps where !scenario.isGentle(step.what) {
      let from = Instant(nanoseconds: 0).advanced(milliseconds: step.atMilliseconds)
      roughTimes.append(
        RoughTime(from: from, until: from.advanced(milliseconds: step.what.milliseconds + bounds.recovery)))
    }
  }

  mutating func isCalled(_ name: NodeName, _ node: SimulatedNode) { owners[name] = node.index }

  /// Whether nothing rough has an effect between two times.
  func isCalm(from: Instant, to: Instant) -> Bool {
    roughTimes.allSatisfy { $0.until < from || to < $0.from }
  }
}

extension Scenario {
  /// With few nodes nobody else may be there to reach one for another.
  static let nodesForDetours = 6

  func isGentle(_ what: Disturbance) -> Bool {
    if case .cut = what, nodes < Self.nodesForDetours { return false }
    return what.isGentle
  }
}
