import Basics
import CSystem
import MicroAgent
import Microcloud

let logsVerb = Verb(
  name: "logs", operands: "CONTAINER", summary: "Print what a container wrote", leastOperands: 1, mostOperands: 1,
  options: [
    Option(.follow, "follow", short: "f", "Go on with what comes, until it ends"),
    Option(.tail, "tail", short: "n", value: "LINES", "Begin with the last so many lines (all)"),
  ],
  notes: "The agent keeps the last of a container's output, as much as --log-size of `microctl run` says.\n"
) { session throws(Failure) in
  var query: [String] = []
  if let tail = session.arguments.value(.tail), tail != "all" {
    guard Decimal.parse(tail) != nil else {
      throw Failure(.usage, "logs: --tail \(tail): give a number of lines, or 'all'")
    }
    query = ["tail=\(tail)"]
  }
  if session.arguments.has(.follow) { return try followLogs(session, query) }
  try printLogs(session, query)
  return ExitCode.success
}

/// Prints what is there. A container that writes faster than we read does not keep us: what a log can hold is enough.
private func printLogs(_ session: Session, _ firstQuery: [String]) throws(Failure) {
  var cursor = LogCursor()
  var query = firstQuery
  var read: UInt64 = 0
  repeat {
    let answer = try session.client.fetch(["containers", session.operand, "logs"], query: query)
    let isEmpty = try cursor.show(answer, on: session.output).isEmpty
    if isEmpty { return }
    read += UInt64(answer[.data]?.bytesValue?.count ?? 0)
    query = ["from=\(cursor.next ?? 0)"]
  } while read <= Budget.mostLogBytes
}

private func followLogs(_ session: Session, _ firstQuery: [String]) throws(Failure) -> CInt {
  let client = session.client
  var cursor = LogCursor()
  try client.watch(signals: [SIGINT, SIGTERM])
  while true {
    do throws(Failure) {
      let query = cursor.next.map { ["from=\($0)"] } ?? firstQuery
      let token = try client.send(.get, ["containers", session.operand, "logs"], query: query, observe: true)
      while true {
        switch try client.next() {
        case .signal(let number): return 128 + number
        case .outputClosed: throw Failure(.outputClosed, "")
        case .timeout, .input: break
        case .message(let message):
          guard message.token == token else { continue }
          // What was being shown was removed: there is no more of it.
          if message.code == .notFound, cursor.next != nil { return ExitCode.success }
          let isEnd = try cursor.show(try Client.content(of: message), on: session.output).isEnd
          try session.output.flush()
          if isEnd { return ExitCode.success }
        }
      }
    } catch {
      guard error.kind == .connectionLost else { throw error }
      try client.reconnect()
    }
  }
}
