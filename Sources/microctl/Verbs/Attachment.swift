import CSystem
import MicroAgent
import Microcloud

/// A container in the foreground: started, its output shown, its end awaited, across deaths of the agent.
///
/// Start, state and log are asked for at once, so that nothing of a container that is gone a moment later is missed. What
/// comes of state and log is held until the start is known to be ours.
final class Attachment {
  /// What is left of a log after its container is gone comes within this time, or not at all.
  private static let lastLogMilliseconds = 2000

  private let request: ContainerRequest
  private let client: Client
  private let output: Output
  private var startToken: [UInt8] = []
  private var stateToken: [UInt8] = []
  /// nil: the log is not being followed at the moment.
  private var logToken: [UInt8]?
  private var started = false
  private var held: [CoAPMessage] = []
  private var cursor = LogCursor(at: 0)
  private var interrupts = 0
  /// The container has ended for good. Its log may not have.
  private var isFinal = false
  private var askedForRest = false
  private var end: (code: CInt, reason: String)?

  private var path: [String] { ["containers", request.name] }

  /// The container has ended for good, and was not left to itself.
  var hasEnded: Bool { isFinal }

  /// - Parameter isStarted: it was started already, and is only followed.
  init(_ request: ContainerRequest, _ session: Session, isStarted: Bool = false) {
    self.request = request
    self.client = session.client
    self.output = session.output
    started = isStarted
  }

  /// Returns the container's exit code.
  func run() throws(Failure) -> CInt {
    try client.connect()
    try client.watch(signals: [SIGINT, SIGTERM])
    var next = begin
    while true {
      do throws(Failure) {
        try next()
        while true {
          if let code = try turn() { return code }
        }
      } catch {
        guard error.kind == .connectionLost else { throw error }
        next = resume
      }
    }
  }

  private func begin() throws(Failure) {
    if !started { startToken = try client.send(.post, ["containers"], payload: request.value) }
    try subscribe()
  }

  private func turn() throws(Failure) -> CInt? {
    if isFinal, logToken == nil {
      if askedForRest || end == nil { return finish() }
      // Whatever order end and log came in: what the log has behind the last byte shown is asked for once more.
      askedForRest = true
      try followLog()
    }
    switch try client.next(timeoutMilliseconds: isFinal ? Self.lastLogMilliseconds : -1) {
    case .input: return nil
    case .timeout:
      logToken = nil
      return nil
    case .outputClosed: throw Failure(.outputClosed, "")
    case .signal(let number): return try interrupted(by: number)
    case .message(let message):
      try take(message)
      try output.flush()
      return nil
    }
  }

  private func subscribe() throws(Failure) {
    stateToken = try client.send(.get, path, observe: true)
    try followLog()
  }

  private func followLog() throws(Failure) {
    logToken = try client.send(.get, path + ["logs"], query: ["from=\(cursor.next ?? 0)"], observe: true)
  }

  // MARK: What comes

  private func take(_ message: CoAPMessage) throws(Failure) {
    if !started, message.token == startToken {
      _ = try Client.content(of: message)
      return try becomeStarted()
    }
    if !started {
      held.append(message)
    } else if message.token == stateToken {
      try takeState(message)
    } else if message.token == logToken {
      try takeLog(message)
    }
  }

  private func becomeStarted() throws(Failure) {
    started = true
    let messages = held
    held = []
    for message in messages { try take(message) }
    if logToken == nil, !isFinal { try followLog() }
  }

  private func takeState(_ message: CoAPMessage) throws(Failure) {
    if message.code == .notFound {
      isFinal = true
      return
    }
    let state = State(value: try Client.content(of: message))
    // One that is being removed is waited for until it is gone, so that its name is free when we end.
    if state.isFinal || state.phase == "removing", let code = state.exitCode { end = (code, state.reason ?? "") }
    if state.isFinal {
      isFinal = true
    } else if state.phase == "running", logToken == nil {
      // It was restarted, which ended what we were told of its log.
      try followLog()
    }
  }

  private func takeLog(_ message: CoAPMessage) throws(Failure) {
    guard message.code.isSuccess else {
      logToken = nil
      return
    }
    if try cursor.show(try Client.content(of: message), on: output).isEnd { logToken = nil }
  }

  // MARK: What happens besides

  /// The agent is back, or is not: asks again for all that the old connection was to tell.
  private func resume() throws(Failure) {
    try client.reconnect()
    let name = request.name
    if !started {
      held = []
      // The start was on its way. If the container is there, it is ours and goes on.
      let answer = try client.ask(path)
      guard answer.code.isSuccess else {
        throw Failure(.exit(ExitCode.notStarted), "the agent ended before \(name) was started: start it again")
      }
      let state = try Client.content(of: answer)
      guard state[.request] == request.value else {
        throw Failure(.exit(ExitCode.notStarted), "container \(name): the name is taken: choose another")
      }
      started = true
    }
    askedForRest = false
    try subscribe()
  }

  /// The first interrupt stops the container; the second leaves it to itself.
  private func interrupted(by number: CInt) throws(Failure) -> CInt? {
    interrupts += 1
    if interrupts > 1 {
      try output.flush()
      Output.complain("detached from \(request.name): `microctl ps` tells what becomes of it")
      return 128 + number
    }
    _ = try client.send(.post, path + ["stop"])
    return nil
  }

  private func finish() -> CInt {
    guard let end else {
      Output.complain("container \(request.name): it ended and was removed, and its exit code is not known")
      return ExitCode.notStarted
    }
    // A program's own exit code speaks for itself; a start that failed names its container.
    let subject = "container \(request.name): "
    if Text.starts(end.reason, with: subject) {
      Output.complain(end.reason)
    } else if !Text.starts(end.reason, with: "exit code ") {
      Output.complain(subject + end.reason)
    }
    return end.code
  }
}
