import LinuxSystem

/// `microsim replay`: one history again, with all that its nodes see; from a seed, or from a file with what was printed of
/// a failure.
enum ReplayVerb {
  static let options: Set<String> = ["nodes", "topology", "history"]
  private static let longestFileBytes = 1 << 20

  static func perform(_ arguments: Arguments) throws(Complaint) -> CInt {
    guard !arguments.plain.isEmpty else { throw Complaint("say which seed or files to replay") }
    for name in arguments.plain {
      let scenario = try scenario(name, arguments)
      let isShown = arguments.text("history") != "no"
      if isShown { Output.say(scenario.text) }
      let run = ScenarioRun(scenario)
      let verdict = isShown ? run.judged(onChange: { Output.line("\(run.seconds)  \($0)") }) : run.judged()
      if let violation = verdict.violation {
        FailureReport.say(scenario, violation, shrinks: false)
        return 1
      }
      Output.line("\(name): all invariants held; \(verdict.events) events, digest \(String(verdict.digest, radix: 16))")
    }
    return 0
  }

  private static func scenario(_ name: String, _ arguments: Arguments) throws(Complaint) -> Scenario {
    if let seed = UInt64(name) { return try arguments.scenario(seed: seed) }
    guard let bytes = try? Files.read(name, limitBytes: longestFileBytes) else {
      throw Complaint("cannot read \(name): give a seed, or a file with a scenario")
    }
    guard let scenario = Scenario(text: String(decoding: bytes, as: UTF8.self)) else {
      throw Complaint("\(name) is no scenario: docs/TESTING.md shows one")
    }
    return scenario
  }
}
