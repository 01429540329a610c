import Basics
import LinuxSystem
import MicroAgent
import Microcloud

let psVerb = Verb(
  name: "ps", operands: "", summary: "List containers", leastOperands: 0, mostOperands: 0,
  options: [
    Option(.all, "all", short: "a", "Also those that have ended"),
    Option(.quiet, "quiet", alias: "names", short: "q", "Only their names, one a line"),
  ]
) { session throws(Failure) in
  let answer = try session.client.fetch(["containers"])
  var states = (answer.arrayValue ?? []).map { State(value: $0) }
  if !session.arguments.has(.all) { states.removeAll { $0.phase == "ended" } }
  if session.arguments.has(.quiet) {
    for state in states { try session.output.line(Text.clean(state.name)) }
  } else if session.isJSON {
    try session.output.json(.array(states.map { $0.value }))
  } else {
    try session.output.write(table(of: states, now: Clock.wallSeconds()).text)
  }
  return ExitCode.success
}

/// The texts of a table that may be long are cut after so many characters.
private let statusWidth = 60
private let commandWidth = 40

func table(of states: [State], now: UInt64) -> Table {
  var table = Table(["NAME", "STATUS", "MEMORY", "COMMAND"])
  for state in states {
    table.add([
      state.name, Text.shortened(state.status(now: now), to: statusWidth), ByteCount.short(state.memoryBytes),
      Text.shortened(Text.joined(state.command, by: " "), to: commandWidth),
    ])
  }
  return table
}
