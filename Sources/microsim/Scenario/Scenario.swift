/// A world and all that happens to it. As text it can be kept and run again, whatever becomes of the generator.
struct Scenario: Equatable {
  struct Step: Equatable {
    let atMilliseconds: UInt64
    let what: Disturbance
  }

  var seed: UInt64
  var nodes: Int
  var topology: Topology
  var isKeyed = false
  /// Whether the timing is that of a wide area.
  var isWide = false
  /// How many nodes have containers run elsewhere.
  var tenants = 0
  /// In the order of time.
  var steps: [Step] = []

  /// When the last disturbance is over.
  var endMilliseconds: UInt64 {
    steps.reduce(Scenario.firstStepMilliseconds) { max($0, $1.atMilliseconds + $1.what.milliseconds) }
  }

  /// All nodes are switched on within this time.
  static let startMilliseconds: UInt64 = 5000
  /// By then they have found one another, and the first thing may happen.
  static let firstStepMilliseconds: UInt64 = 90_000
}
