/// Options that every command takes, before or after its name.
let globalOptions = [
  Option(.socket, "socket", value: "PATH", "The agent's socket (MICROAGENT_SOCKET, or /run/microagent/control.sock)"),
  Option(
    .remote, "node", value: "NODE", choicesCommand: "nodes --names",
    "Talk to this node's agent instead, secured: a name, ADDRESS or ADDRESS:PORT"),
  Option(.json, "json", "Answer in JSON, for programs"),
  Option(.help, "help", short: "h", "Show what a command does and takes"),
  Option(.version, "version", "Show the version of microctl"),
]

/// All commands, in the order of help.
let allVerbs: [Verb] = [
  runVerb, execVerb, psVerb, logsVerb, startVerb, stopVerb, killVerb, pauseVerb, resumeVerb, updateVerb,
  rmVerb, inspectVerb, topVerb, statsVerb,
  eventsVerb, planVerb, pushVerb, imagesVerb, rmiVerb, publishVerb, unpublishVerb, searchVerb, nodesVerb, offerVerb,
  leaseVerb, leasesVerb, renewVerb, releaseVerb, drainVerb, infoVerb, keyVerb, microcloudVerb, inviteVerb, acceptVerb,
  revokeVerb, claimVerb, ownerVerb, settingsVerb, setVerb, unsetVerb, auditVerb, resetsVerb, flashVerb, helpVerb,
  completionVerb,
]

let helpVerb: Verb = Verb(
  name: "help", operands: "[COMMAND]", summary: "Show what a command does and takes", leastOperands: 0,
  mostOperands: 1, options: []
) { session throws(Failure) in
  guard let name = session.arguments.operands.first else {
    try session.output.write(Help.overview(allVerbs))
    return ExitCode.success
  }
  // Found as the parser finds it, with its advice where there is none.
  let found = try CommandLineParser.parse([name, "--help"], verbs: allVerbs)
  if let verb = found.verb { try session.output.write(Help.verb(verb)) }
  return ExitCode.success
}

let completionVerb = Verb(
  name: "completion", operands: "bash", summary: "Print a script that lets bash complete commands and names",
  leastOperands: 1, mostOperands: 1, options: [],
  notes: """
    Load it now with `source <(microctl completion bash)`, or for good with
    `microctl completion bash >/etc/bash_completion.d/microctl`.

    """
) { session throws(Failure) in
  guard session.operand == "bash" else {
    throw Failure(.usage, "completion: there is none for '\(session.operand)': write `microctl completion bash`")
  }
  try session.output.write(BashCompletion.script(allVerbs))
  return ExitCode.success
}
