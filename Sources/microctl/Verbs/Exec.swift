import Basics
import CSystem
import LinuxSystem
import MicroAgent
import Microcloud

let execVerb = Verb(
  name: "exec", operands: "CONTAINER COMMAND [ARG...]",
  summary: "Run a program in a container that runs, beside its own", leastOperands: 2, mostOperands: nil,
  endsOptionsAtOperand: true,
  options: [
    Option(.environment, "env", short: "e", value: "NAME=VALUE", "An environment variable; NAME alone takes yours"),
    Option(.workdir, "workdir", short: "w", value: "DIR", "Where the program starts (as the container's)"),
    Option(.user, "user", short: "u", value: "UID[:GID]", "Who the program is, in numbers (as the container's)"),
    Option(.interactive, "interactive", short: "i", "Standard input is passed on, up to its end"),
    Option(.terminal, "tty", short: "t", "It has a terminal, in the container, that is shown in yours"),
    Option(.time, "timeout", value: "SECONDS", "How long it may take before it is killed (60); not with -i or -t"),
  ],
  notes: """
    It has the container's rights and budget, and ends with it. With -i or -t what it writes is shown as it comes, and
    it has no limit of time; when nothing is heard of you for 30 s it is hung up. Otherwise what it wrote is shown when
    it has ended: of standard output and of standard error the last 16 KiB.

    The exit code is the program's: 128 + N where signal N ended it, 127 where it is not there, 126 where it cannot be
    executed, 125 where it was not run, or nobody knows.

    """
) { session throws(Failure) in
  do throws(Failure) {
    return try Exec(session).run()
  } catch {
    throw error.kind == .refused || error.kind == .keyUnknown ? Failure(.exit(ExitCode.notStarted), error.line) : error
  }
}

/// One program in somebody's container. It is asked for under a number of our own, so that it can be looked for where the
/// answer was lost, and is never run twice.
private final class Exec {
  private let session: Session
  private let request: ExecRequest
  private let path: [String]
  /// How much longer than the program may take, for what a slow board and its network do besides.
  private static let patienceMilliseconds: UInt64 = 60_000

  init(_ session: Session) throws(Failure) {
    self.session = session
    let operands = session.arguments.operands
    request = try ExecRequest(OptionReader(arguments: session.arguments, verb: "exec"), Array(operands[1...]))
    let number = try randomBytes(4, for: "choose a number", advice: "look at /dev").reduce(0) { $0 << 8 | UInt32($1) }
    path = ["containers", operands[0], "exec", "\(number)"]
  }

  func run() throws(Failure) -> CInt {
    request.isAttended ? try attend() : try wait()
  }

  private func attend() throws(Failure) -> CInt {
    if session.isJSON {
      throw Failure(.usage, "exec: --json shows what came of a program, without --interactive and --tty")
    }
    let end = try AttendedExec(session, request, path).run()
    guard let state = end.state else { return 128 + end.signal }
    return try show(state)
  }

  private func wait() throws(Failure) -> CInt {
    var isAskedFor = false
    session.client.deadline = Clock.now().advanced(
      milliseconds: request.timeLimitMilliseconds + Self.patienceMilliseconds)
    while true {
      do throws(Failure) {
        if !isAskedFor {
          isAskedFor = true
          _ = try session.client.request(.put, path, payload: request.value)
        }
        return try show(try end())
      } catch {
        guard error.kind == .connectionLost, isAskedFor else { throw error }
        try session.client.reconnect()
      }
    }
  }

  /// Waits until it has ended; what came of it.
  private func end() throws(Failure) -> CBORValue {
    let token = try session.client.send(.get, path, observe: true)
    while true {
      guard case .message(let message) = try session.client.next(), message.token == token else { continue }
      let state = try Client.content(of: message)
      if state[.end] != nil { return state }
    }
  }

  private func show(_ state: CBORValue) throws(Failure) -> CInt {
    let code = CInt(truncatingIfNeeded: state[.end]?[.exitCode]?.unsignedValue ?? UInt64(ExitCode.notStarted))
    if session.isJSON {
      try session.output.json(state)
      return code
    }
    try session.output.write((state[.output]?.bytesValue ?? [])[...])
    try session.output.flush()
    Output.writeErrors(state[.errors]?.bytesValue ?? [])
    let cut = state[.cutBytes]?.unsignedValue ?? 0
    if cut > 0 { Output.complain("exec: \(cut) bytes that it wrote before are not kept") }
    let reason = state[.end]?[.reason]?.textValue ?? ""
    if !Text.starts(reason, with: "exit code ") { Output.complain("exec: \(reason)") }
    return code
  }
}

extension ExecRequest {
  fileprivate init(_ reader: OptionReader, _ command: [String]) throws(Failure) {
    self.init()
    self.command = command
    environment = reader.environment()
    workingDirectory = reader.arguments.value(.workdir)
    if let text = reader.arguments.value(.user) {
      let (user, group) = try reader.user(text)
      (self.user, self.group) = (user, group)
    }
    try reader.read(.time, "--timeout", "whole seconds, as 60", into: &timeLimitMilliseconds) {
      Duration.milliseconds(ofSeconds: $0)
    }
    hasInput = reader.arguments.has(.interactive)
    if reader.arguments.has(.terminal) { try addTerminal() }
    if isAttended, reader.arguments.has(.time) {
      throw Failure(.usage, "exec: --timeout is for programs without input and terminal: leave it out")
    }
  }

  private mutating func addTerminal() throws(Failure) {
    if hasInput, system_is_terminal(0) == 0 {
      throw Failure(.usage, "exec: standard input is no terminal: leave out --tty")
    }
    terminal = AttendedExec.terminalSize ?? TerminalSize(rows: 0, columns: 0)
    let name = Array("TERM=".utf8)
    if environment.contains(where: { $0.utf8.starts(with: name) }) { return }
    environment.append("TERM=" + (getenv("TERM").map { String(cString: $0) } ?? "xterm"))
  }
}
