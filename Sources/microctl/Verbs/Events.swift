import Basics
import CSystem
import LinuxSystem
import MicroAgent
import Microcloud

let eventsVerb = Verb(
  name: "events", operands: "", summary: "Show what has happened on the node", leastOperands: 0, mostOperands: 0,
  options: [Option(.follow, "follow", short: "f", "Go on with what happens, until interrupted")],
  notes: "The agent keeps the last 128 since it was started. Times are UTC.\n"
) { session throws(Failure) in
  if session.arguments.has(.follow) { return try followEvents(session) }
  var cursor = EventCursor()
  while try cursor.show(try session.client.fetch(["events"], query: cursor.query), session) {}
  return ExitCode.success
}

/// Which event the reader is at, so that a new connection neither loses nor repeats one.
private struct EventCursor {
  private var next: UInt64?

  var query: [String] { next.map { ["from=\($0)"] } ?? [] }

  /// Prints what an answer holds; returns whether there was anything.
  mutating func show(_ answer: CBORValue, _ session: Session) throws(Failure) -> Bool {
    next = answer[.next]?.unsignedValue ?? next
    let events = answer[.events]?.arrayValue ?? []
    for event in events {
      if session.isJSON {
        try session.output.json(event)
      } else {
        try session.output.line(line(of: event))
      }
    }
    return !events.isEmpty
  }
}

/// `2026-11-26T15:58:35Z container end web: exit code 1`
func line(of event: CBORValue) -> String {
  let time = CivilTime(seconds: event[.atSeconds]?.unsignedValue ?? 0).text
  var line = "\(time) \(event[.event]?.textValue ?? "?")"
  if let name = event[.name]?.textValue { line += " \(name)" }
  if let detail = event[.reason]?.textValue { line += ": \(detail)" }
  return Text.clean(line)
}

private func followEvents(_ session: Session) throws(Failure) -> CInt {
  let client = session.client
  var cursor = EventCursor()
  try client.watch(signals: [SIGINT, SIGTERM])
  while true {
    do throws(Failure) {
      let token = try client.send(.get, ["events"], query: cursor.query, observe: true)
      while true {
        switch try client.next() {
        case .signal: return ExitCode.success
        case .outputClosed: throw Failure(.outputClosed, "")
        case .timeout, .input: break
        case .message(let message):
          guard message.token == token else { continue }
          _ = try cursor.show(try Client.content(of: message), session)
          try session.output.flush()
        }
      }
    } catch {
      guard error.kind == .connectionLost else { throw error }
      try client.reconnect()
    }
  }
}
