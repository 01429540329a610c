import Basics
import LinuxSystem

/// `microsim crowd`: very many nodes from a converged state, with a little churn: what it takes to simulate them.
enum CrowdVerb {
  static let options: Set<String> = ["nodes", "topology", "seconds", "seed"]

  static func perform(_ arguments: Arguments) throws(Complaint) -> CInt {
    let nodes = arguments.number("nodes") ?? 10_000
    let seconds: Int = arguments.number("seconds") ?? 120
    guard nodes > 3, nodes < 60_000, seconds > 0 else { throw Complaint("--nodes from 4 to 59999, --seconds from 1") }
    let topology = Topology(try arguments.topology() ?? .stars, nodes: nodes)
    let begin = Clock.now()
    let crowd = CrowdedWorld(topology, nodes: nodes, seed: arguments.number("seed") ?? 1)
    report("made", crowd, since: begin)
    let pieces = 6
    for _ in 0..<pieces {
      crowd.world.run(milliseconds: UInt64(seconds) * 1000 / UInt64(pieces))
      report("after \(crowd.world.now.nanoseconds / 1_000_000_000) s", crowd, since: begin)
    }
    return crowd.falseFailures == 0 ? 0 : 1
  }

  private static func report(_ when: String, _ crowd: CrowdedWorld, since begin: Instant) {
    let took = Double(Clock.now().milliseconds(since: begin)) / 1000
    let bytes = ProcessMemory.residentBytes
    Output.line(
      "\(when): \(took) s of ours, \(bytes >> 20) MiB, \(crowd.world.eventCount) events, "
        + "\(crowd.departures) power cuts seen \(crowd.failuresSeen) times, \(crowd.falseFailures) false failures")
  }
}
