import Basics
import MicroAgent
import Microcloud

let settingsVerb = Verb(
  name: "settings", operands: "", summary: "Show what a node is set to, and who said so", leastOperands: 0,
  mostOperands: 0,
  options: [Option(.quiet, "quiet", alias: "names", short: "q", "Only the names of those given by `set`, one a line")],
  notes: "What is not there has its default; secrets are never shown.\n"
) { session throws(Failure) in
  let message = try session.client.ask(["settings"])
  let answer = try Client.content(of: message)
  if session.isJSON {
    try session.output.json(answer)
  } else if session.arguments.has(.quiet) {
    for name in names(answer[.given]) { try session.output.line(Text.clean(name)) }
  } else {
    try session.output.write(table(ofSettings: answer).text)
    try session.output.line("state \(Hexadecimal.text(message.options[.etag]?.value ?? []))")
  }
  return ExitCode.success
}

let setVerb = Verb(
  name: "set", operands: "NAME VALUE [NAME VALUE...]", summary: "Set a node otherwise than its configuration file does",
  leastOperands: 2, mostOperands: nil, options: [ifState],
  notes: """
    It counts until `microctl unset`, or until the line of that name in the file is changed. What others are given
    changes at once, all else when the agent starts next, as it says then. All are set, or none.

    """
) { session throws(Failure) in
  let words = session.arguments.operands
  guard words.count % 2 == 0 else {
    let last = words[words.count - 1]
    throw Failure(.usage, "set: '\(last)' has no value: write NAME VALUE, a value with blanks in quotes")
  }
  var wishes = CBORMap()
  for index in stride(from: 0, to: words.count, by: 2) { wishes[text: words[index]] = .text(words[index + 1]) }
  return try change(session, wishes)
}

let unsetVerb = Verb(
  name: "unset", operands: "SETTING [SETTING...]",
  summary: "Take back what was set, so that the configuration file counts",
  leastOperands: 1, mostOperands: nil, options: [ifState]
) { session throws(Failure) in
  var wishes = CBORMap()
  for name in session.arguments.operands { wishes[text: name] = .null }
  return try change(session, wishes)
}

private let ifState = Option(
  .ifState, "if-state", value: "STATE",
  "Only if the settings are still in this state, as `microctl settings` has shown")

private func change(_ session: Session, _ wishes: CBORMap) throws(Failure) -> CInt {
  var options: [CoAPOption] = []
  if let text = session.arguments.value(.ifState) {
    guard let state = Hexadecimal.bytes(text.utf8), (1...CoAPETag.maximumBytes).contains(state.count) else {
      throw Failure(.usage, "--if-state \(text): give what stands behind `state` in `microctl settings`")
    }
    options = [CoAPOption(.ifMatch, state)]
  }
  var map = CBORMap()
  map[.settings] = .map(wishes)
  let answer = try session.client.request(.iPatch, ["settings"], payload: .map(map), options: options)
  if session.isJSON {
    try session.output.json(answer)
  } else {
    for name in names(answer[.pending]) {
      try session.output.line("\(Text.clean(name)): from the next start of the agent on")
    }
  }
  return ExitCode.success
}

private func table(ofSettings answer: CBORValue) -> Table {
  let given = names(answer[.given])
  let pending = names(answer[.pending])
  var table = Table(["NAME", "VALUE", "FROM", "COUNTS"])
  func add(_ name: String, _ value: String) {
    let counts = pending.contains(name) ? "from the next start on" : "now"
    table.add([name, value, given.contains(name) ? "microctl set" : "file", counts])
  }
  let entries = answer[.settings]?.mapValue?.entries ?? []
  for entry in entries { add(entry.key.textValue ?? "", entry.value.textValue ?? "") }
  // Secrets have a name only.
  for name in given where !entries.contains(where: { $0.key.textValue == name }) { add(name, "(not shown)") }
  for name in pending where !given.contains(name) && !entries.contains(where: { $0.key.textValue == name }) {
    add(name, "(taken back)")
  }
  return table
}

private func names(_ value: CBORValue?) -> [String] {
  (value?.arrayValue ?? []).compactMap { $0.textValue }
}
