import LinuxSystem

/// `microsim run`: scenarios from many seeds, up to the first one that fails.
enum RunVerb {
  static let options: Set<String> = ["seeds", "nodes", "topology", "shrink"]

  static func perform(_ arguments: Arguments) throws(Complaint) -> CInt {
    guard let seeds = arguments.range("seeds") else { throw Complaint("say which seeds: --seeds 1..100") }
    let begin = Clock.now()
    var simulated: UInt64 = 0
    for seed in seeds {
      let scenario = try arguments.scenario(seed: seed)
      let kind = scenario.topology.kind.rawValue
      Output.say("seed \(seed): \(scenario.nodes) nodes, \(kind), \(scenario.steps.count) steps: ")
      let verdict = ScenarioRun(scenario).judged()
      simulated += verdict.milliseconds
      if let violation = verdict.violation {
        Output.line("FAILED")
        FailureReport.say(scenario, violation, shrinks: arguments.text("shrink") != "no")
        return 1
      }
      let placing = scenario.tenants > 0 ? "\(verdict.placed) placed and \(verdict.refused) not, " : ""
      Output.line("ok, \(placing)\(verdict.events) events, digest \(String(verdict.digest, radix: 16))")
    }
    let took = Clock.now().milliseconds(since: begin)
    Output.line(
      "\(seeds.count) seeds: all invariants held; \(simulated / 60_000) minutes of their time in \(took / 1000) s")
    return 0
  }
}

extension Arguments {
  func topology() throws(Complaint) -> Topology.Kind? {
    guard let word = text("topology") else { return nil }
    if let kind = Topology.Kind(rawValue: word) { return kind }
    let known = Topology.Kind.allCases.map { $0.rawValue }.joined(separator: ", ")
    throw Complaint("there is no topology \(word); there are \(known)")
  }

  /// What a seed stands for, with what else is said of it.
  func scenario(seed: UInt64) throws(Complaint) -> Scenario {
    let nodes: Int? = number("nodes")
    if text("nodes") != nil, nodes.map({ $0 < 1 || $0 > 60_000 }) ?? true {
      throw Complaint("--nodes \(text("nodes")!) is no number from 1 to 60000")
    }
    return Scenario.generated(seed: seed, nodes: nodes, topology: try topology())
  }
}

/// Why nothing is done, in one line.
struct Complaint: Error {
  let text: String

  init(_ text: String) { self.text = text }
}
