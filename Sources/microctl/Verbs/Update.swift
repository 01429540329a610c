import MicroAgent
import Microcloud

let updateVerb = Verb(
  name: "update", operands: "CONTAINER [CONTAINER...]",
  summary: "Change budgets and restart policies, also of containers that run", leastOperands: 1, mostOperands: nil,
  options: [
    Option(.memory, "memory", short: "m", value: "BYTES", "Memory budget, as 4M"),
    Option(.processes, "processes", alias: "pids-limit", value: "COUNT", "How many processes and threads"),
    Option(.cpus, "cpus", value: "CORES", "Processor budget, as 0.5"),
    Option(.disk, "disk", value: "BYTES", "How much it may write to its root, as 64M"),
    Option(
      .restart, "restart", value: "POLICY", choices: RestartPolicy.examples, "no, on-failure[:COUNT] or always"),
  ],
  notes: """
    What is not given stays as it is. More is given as far as lease or node have it. Memory that a container uses and
    cannot do without is not taken from it: the change is refused, and all stays as it was.

    """
) { session throws(Failure) in
  let change = try change(OptionReader(arguments: session.arguments, verb: "update"))
  return try forEachOperand(session) { (name) throws(Failure) in
    _ = try session.client.request(.post, ["containers", name, "update"], payload: change)
  }
}

private func change(_ reader: OptionReader) throws(Failure) -> CBORValue {
  var request = ContainerRequest()
  try request.readChangeable(reader)
  var map = CBORMap()
  if reader.arguments.has(.memory) { map[.memoryBytes] = .unsigned(request.budget.memoryBytes) }
  if reader.arguments.has(.processes) { map[.processes] = .unsigned(request.budget.processes) }
  if reader.arguments.has(.cpus) { map[.cpuMillis] = .unsigned(request.budget.cpuMillis) }
  if reader.arguments.has(.disk) { map[.diskBytes] = .unsigned(request.budget.diskBytes) }
  if reader.arguments.has(.restart) { map[.restart] = .text(request.restart.description) }
  if map.entries.isEmpty { throw Failure(.usage, "update: say what is to change, as --memory 8M") }
  return .map(map)
}
