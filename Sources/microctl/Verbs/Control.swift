import MicroAgent
import Microcloud

let startVerb = Verb(
  name: "start", operands: "CONTAINER [CONTAINER...]", summary: "Start containers that have ended", leastOperands: 1,
  mostOperands: nil, options: []
) { session throws(Failure) in
  try forEachOperand(session) { (name) throws(Failure) in
    _ = try session.client.request(.post, ["containers", name, "start"])
  }
}

let pauseVerb = Verb(
  name: "pause", operands: "CONTAINER [CONTAINER...]",
  summary: "Let containers stand still: none of their processes runs, and they keep their memory", leastOperands: 1,
  mostOperands: nil, options: []
) { session throws(Failure) in
  try forEachOperand(session) { (name) throws(Failure) in
    _ = try session.client.request(.post, ["containers", name, "pause"])
  }
}

let resumeVerb = Verb(
  name: "resume", operands: "CONTAINER [CONTAINER...]", summary: "Let paused containers go on", leastOperands: 1,
  mostOperands: nil, options: []
) { session throws(Failure) in
  try forEachOperand(session) { (name) throws(Failure) in
    _ = try session.client.request(.post, ["containers", name, "resume"])
  }
}

let stopVerb = Verb(
  name: "stop", operands: "CONTAINER [CONTAINER...]", summary: "End containers and keep them stopped",
  leastOperands: 1, mostOperands: nil,
  options: [
    Option(
      .time, "time", alias: "timeout", short: "t", value: "SECONDS",
      "How long each may take after SIGTERM before it is killed (as `run` said; 10)")
  ]
) { session throws(Failure) in
  var query: [String] = []
  if let text = session.arguments.value(.time) {
    guard let milliseconds = Duration.milliseconds(ofSeconds: text) else {
      throw Failure(.usage, "stop: --time \(text): give whole seconds, as 10")
    }
    query = ["grace=\(milliseconds)"]
  }
  return try forEachOperand(session) { (name) throws(Failure) in
    _ = try session.client.request(.post, ["containers", name, "stop"], query: query)
  }
}

let killVerb = Verb(
  name: "kill", operands: "CONTAINER [CONTAINER...]", summary: "End containers at once, or send them another signal",
  leastOperands: 1, mostOperands: nil,
  options: [
    Option(
      .signal, "signal", short: "s", value: "SIGNAL", choices: SignalName.common,
      "What the first process is sent, by name or number; KILL ends all of them (KILL)")
  ],
  notes: """
    What ends by KILL, or by the signal that it is stopped with (TERM, if its image says nothing else), is not started
    again, whatever its restart policy says, until you start it.

    """
) { session throws(Failure) in
  var query: [String] = []
  if let text = session.arguments.value(.signal) {
    guard let number = SignalName.number(text) else {
      throw Failure(.usage, "kill: --signal \(text): give a signal's name or number, as HUP or 1")
    }
    query = ["signal=\(number)"]
  }
  return try forEachOperand(session) { (name) throws(Failure) in
    _ = try session.client.request(.post, ["containers", name, "kill"], query: query)
  }
}

let rmVerb = Verb(
  name: "rm", operands: "CONTAINER [CONTAINER...]", summary: "Remove containers, with what they wrote",
  leastOperands: 1, mostOperands: nil,
  options: [Option(.force, "force", short: "f", "Also where one runs: it is killed")]
) { session throws(Failure) in
  let query = session.arguments.has(.force) ? ["force"] : []
  return try forEachOperand(session) { (name) throws(Failure) in
    _ = try session.client.request(.delete, ["containers", name], query: query)
  }
}

/// Does it to each one named, and tells which were done; one that is refused does not keep the others from it.
func forEachOperand(
  _ session: Session, _ body: (String) throws(Failure) -> Void
) throws(Failure) -> CInt {
  var done: [String] = []
  var code = ExitCode.success
  for name in session.arguments.operands {
    do throws(Failure) {
      if name.isEmpty { throw Failure(.refused, "an empty name names nothing") }
      try body(name)
      done.append(name)
      if !session.isJSON { try session.output.line(name) }
    } catch {
      guard error.kind == .refused else { throw error }
      try session.output.flush()
      Output.complain(error.line)
      code = ExitCode.refused
    }
  }
  if session.isJSON { try session.output.json(.array(done.map { .text($0) })) }
  return code
}
