import Basics

/// What is said of a history that went wrong: what must not be, and the shortest known history that leads to it.
enum FailureReport {
  static func say(_ scenario: Scenario, _ violation: Violation, shrinks: Bool) {
    Output.line("violated: \(violation.invariant.rawValue)")
    Output.line("after \(seconds(violation.at)) s: \(violation.text)")
    guard shrinks else { return }
    var shortest = scenario
    shortest.steps = Shrinking.shortest(scenario.steps) { steps in
      var candidate = scenario
      candidate.steps = steps
      return ScenarioRun(candidate).judged().violation?.invariant == violation.invariant
    }
    Output.line("the shortest known history, of \(shortest.steps.count) of \(scenario.steps.count) steps:\n")
    Output.say(shortest.text)
    Output.line("\nTo replay it, put these lines into a file: microsim replay FILE")
    Output.line("The whole of it: microsim replay \(scenario.seed), with the --nodes and --topology given to run")
  }

  static func seconds(_ instant: Instant) -> String {
    let milliseconds = instant.nanoseconds / 1_000_000
    let fraction = String(milliseconds % 1000)
    return "\(milliseconds / 1000)." + String(repeating: "0", count: 3 - fraction.utf8.count) + fraction
  }
}

extension ScenarioRun {
  /// The time that it is now, for a line of history.
  var seconds: String { FailureReport.seconds(now) }
}
