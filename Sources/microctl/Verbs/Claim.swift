import Basics
import Crypto
import MicroAgent
import Microcloud

let claimVerb = Verb(
  name: "claim", operands: "",
  summary: "Make a board yours that is open for it; with --open, on the board, open it for the first who comes",
  leastOperands: 0, mostOperands: 0,
  options: [
    Option(.open, "open", "Let the first who comes claim this board, for a while"),
    Option(.close, "close", "Let nobody claim it any more"),
    Option(.duration, "for", value: "TIME", "With --open: how long, at most 1h (5m)"),
  ],
  notes: """
    On the board, as root: `microctl claim --open`. Then, from your own machine: `microctl --node NODE claim`. It is yours
    until you give it away with `microctl owner KEY`, or until `owner` in its configuration is changed.

    """
) { session throws(Failure) in
  if session.arguments.has(.open) {
    _ = try session.client.request(.post, ["claim-window"], query: try windowQuery(session))
  } else if session.arguments.has(.close) {
    _ = try session.client.request(.delete, ["claim-window"])
  } else {
    try give(session, to: OwnKey.load().publicKey)
  }
  return ExitCode.success
}

private func windowQuery(_ session: Session) throws(Failure) -> [String] {
  guard let text = session.arguments.value(.duration) else { return [] }
  guard let seconds = TimeSpan.seconds(text) else {
    throw Failure(.usage, "claim: --for \(text): give a time, as 10m")
  }
  return ["seconds=\(seconds)"]
}

let ownerVerb = Verb(
  name: "owner", operands: "[KEY]", summary: "Show whose a board is, or give it to another key", leastOperands: 0,
  mostOperands: 1,
  options: [Option(.forget, "forget", "Give it back to whom its configuration names")],
  notes: """
    Whose the board is now has no rights on it after that, unless the microcloud's key gives it some.

    """
) { session throws(Failure) in
  if session.arguments.has(.forget) {
    _ = try session.client.request(.delete, ["owner"])
  } else if let text = session.arguments.operands.first {
    try give(session, to: publicKey(text, verb: "owner"))
  } else {
    try show(session)
  }
  return ExitCode.success
}

private func give(_ session: Session, to key: P256.PublicKey) throws(Failure) {
  _ = try session.client.request(.put, ["owner"], payload: .bytes(key.compressed))
}

private func show(_ session: Session) throws(Failure) {
  let answer = try session.client.fetch(["owner"])
  if session.isJSON { return try session.output.json(answer) }
  let seconds = answer[.claimableSeconds]?.unsignedValue ?? 0
  let owner = answer[.owner]?.textValue
  let how = answer[.isConfigured]?.boolValue == true ? "by its configuration" : "claimed, or handed on"
  try session.output.line(owner.map { "\($0)  (\(how))" } ?? "nobody's by a key of its own")
  if seconds > 0 { try session.output.line("anybody may claim it for \(seconds) seconds more") }
}
