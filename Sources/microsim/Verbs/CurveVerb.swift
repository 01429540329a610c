/// `microsim curve`: how time and traffic grow with the network, as a table in Markdown.
enum CurveVerb {
  static let options: Set<String> = ["nodes", "topology", "seed"]
  private static let defaultSizes = [10, 100, 1000]

  private static let rows: [(title: String, value: @Sendable (Measurement) -> String)] = [
    ("cold start, until 99 % of pairs know one another, s", { $0.nearlyConverged.map { seconds($0) } ?? "–" }),
    ("cold start, until all know all, s", { $0.converged.map { seconds($0) } ?? "not in 15 min" }),
    ("sent for that, per node, kB", { "\($0.startBytesPerNode / 1000)" }),
    ("failure: first notice, s", { spread($0.firstNoticed) }),
    ("failure: all know, s", { spread($0.allNoticed) }),
    ("back again: all know, s", { spread($0.returned) }),
    ("farewell: all know, s", { spread($0.left) }),
    ("at rest, packets per node and second", { decimal($0.packetsPerNodeSecond) }),
    ("at rest, bytes per node and second", { "\(Int($0.bytesPerNodeSecond))" }),
    ("at rest, suspicions per node and hour", { decimal($0.suspicionsPerNodeHour) }),
    ("nodes said to have failed that were there", { "\($0.falseFailures)" }),
    ("memory of the simulation per node, kB", { "\($0.memoryBytesPerNode / 1000)" }),
    ("events per second of this machine", { "\(Int($0.eventsPerSecond))" }),
    ("times faster than a clock", { decimal($0.speed) }),
  ]

  static func perform(_ arguments: Arguments) throws(Complaint) -> CInt {
    let sizes = arguments.numbers("nodes") ?? defaultSizes
    guard sizes.allSatisfy({ $0 > 3 && $0 < 60_000 }) else { throw Complaint("--nodes: sizes from 4 to 59999") }
    let topology = try arguments.topology() ?? .flat
    var results: [Measurement] = []
    for size in sizes {
      let world = MeasuredWorld(Topology(topology, nodes: size), nodes: size, seed: arguments.number("seed") ?? 1)
      results.append(world.measured())
    }
    Output.line("| \(topology.rawValue) |" + results.map { " \($0.nodes) nodes |" }.joined())
    Output.line("|--|" + results.map { _ in "--|" }.joined())
    for row in rows { Output.line("| \(row.title) |" + results.map { " \(row.value($0)) |" }.joined()) }
    return 0
  }

  private static func seconds(_ milliseconds: UInt64) -> String { decimal(Double(milliseconds) / 1000) }

  /// The least and the most of some times.
  private static func spread(_ milliseconds: [UInt64]) -> String {
    guard let least = milliseconds.min(), let most = milliseconds.max() else { return "–" }
    return least == most ? seconds(least) : "\(seconds(least))–\(seconds(most))"
  }

  /// With one digit behind the point, or two where it is small.
  private static func decimal(_ number: Double) -> String {
    let digits = number < 1 ? 2 : 1
    let scale = digits == 2 ? 100.0 : 10.0
    let scaled = Int((number * scale).rounded())
    let fraction = String(scaled % Int(scale))
    return "\(scaled / Int(scale))." + String(repeating: "0", count: digits - fraction.utf8.count) + fraction
  }
}
