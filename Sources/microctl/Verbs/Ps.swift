import Basics
import LinuxSystem
import MicroAgent
import Microcloud

let psVerb = Verb(
  name: "ps", operands: "", summary: "List containers", leastOperands: 0, mostOperands: 0,
  options: [
    Option(.all, "all", short: "a", "Also those that have ended"),
    Option(.allNodes, "all-nodes", "Those on all nodes that know your key, beside those here"),
    Option(.quiet, "quiet", alias: "names", short: "q", "Only their names, one a line"),
  ]
) { session throws(Failure) in
  let rows = try session.arguments.has(.allNodes) ? everywhere(session) : states(session.client, session)
  if session.arguments.has(.quiet) {
    for row in rows { try session.output.line(Text.clean(row.name)) }
  } else if session.isJSON {
    try session.output.json(.array(rows.map { $0.value }))
  } else {
    try session.output.write(
      table(of: rows, now: Clock.wallSeconds(), withNodes: session.arguments.has(.allNodes)).text)
  }
  return ExitCode.success
}

private func states(_ client: Client, _ session: Session) throws(Failure) -> [State] {
  var states = (try client.fetch(["containers"]).arrayValue ?? []).map { State(value: $0) }
  if !session.arguments.has(.all) { states.removeAll { $0.phase == "ended" } }
  return states
}

/// A node that does not answer is waited for so long.
private let answerMilliseconds: UInt64 = 5000

/// Those of all agents that know our key, each with its node. Who does not answer is told of.
private func everywhere(_ session: Session) throws(Failure) -> [State] {
  var found: [State] = []
  for node in try Neighbours.ask(session.client) where node.candidate.isAlive {
    let client = node.candidate.isOwn ? session.client : Client(node.destination)
    client.deadline = Clock.now().advanced(milliseconds: answerMilliseconds)
    do throws(Failure) {
      for state in try states(client, session) {
        var map = state.value.mapValue ?? CBORMap()
        map[.node] = .text(node.name)
        found.append(State(value: .map(map)))
      }
    } catch {
      // Strangers' boards are none of ours.
      if error.kind != .keyUnknown { Output.complain("\(node.name): \(error.line)") }
    }
  }
  return found
}

/// The texts of a table that may be long are cut after so many characters.
private let statusWidth = 60
private let commandWidth = 40
private let networkWidth = 60

func table(of states: [State], now: UInt64, withNodes: Bool = false) -> Table {
  // Few boards have any on a bridge.
  let networks = states.contains { !$0.network.isEmpty }
  let head = ["NAME", "STATUS", "MEMORY"] + (networks ? ["NETWORK"] : []) + ["COMMAND"]
  var table = Table(withNodes ? ["NODE"] + head : head)
  for state in states {
    let row =
      [
        state.name, Text.shortened(state.status(now: now), to: statusWidth), ByteCount.short(state.memoryBytes),
      ] + (networks ? [Text.shortened(state.network, to: networkWidth)] : [])
      + [Text.shortened(Text.joined(state.command, by: " "), to: commandWidth)]
    table.add(withNodes ? [Text.shortened(state.node, to: Directory.textWidth)] + row : row)
  }
  return table
}
