import Basics
import CSystem
import LinuxSystem
import MicroAgent
import Microcloud

/// A program in somebody's container that is given our input, or a terminal that is shown in ours. Its output is taken as it
/// comes, and the agent told so: it keeps what has not arrived, so that neither a lost connection nor a slow one costs a byte.
final class AttendedExec {
  /// The agent hangs up whom it has not heard of for three times as long.
  private static let heartbeatMilliseconds: UInt64 = 10_000
  /// What has arrived is told when it is as much as this, long before there is no room for more.
  private static let takenBytes: UInt64 = UInt64(OutputWindow.capacityBytes / 4)
  private static let signals = [SIGINT, SIGTERM, SIGHUP, SIGQUIT]

  private let client: Client
  private let output: Output
  private let request: ExecRequest
  private let path: [String]
  private var hasTerminal: Bool { request.terminal != nil }

  private var stateToken: [UInt8] = []
  private var outputToken: [UInt8] = []
  private var errorsToken: [UInt8] = []
  private var inputToken: [UInt8] = []
  /// What was told, and what was told to have arrived.
  private var shown = LogCursor(at: 0)
  private var complained = LogCursor(at: 0)
  private var takenCount: UInt64 = 0
  private var nextHeartbeat = Clock.now()
  /// What is on its way to the program.
  private var piece: InputPiece?
  private var inputOffset: UInt64 = 0
  private var hasMoreInput: Bool

  init(_ session: Session, _ request: ExecRequest, _ path: [String]) {
    client = session.client
    output = session.output
    self.request = request
    self.path = path
    hasMoreInput = request.hasInput
  }

  /// Returns the end that the agent tells, or the signal that came for us; that the connection is lost is thrown.
  func run() throws(Failure) -> (state: CBORValue?, signal: CInt) {
    defer { system_terminal_restore() }
    var (isAskedFor, hasBegun) = (false, false)
    while true {
      do throws(Failure) {
        if !isAskedFor {
          isAskedFor = true
          _ = try client.request(.put, path, payload: request.value)
        }
        if !hasBegun {
          hasBegun = true
          try begin()
        }
        try subscribe()
        while true {
          if let end = try turn() { return end }
        }
      } catch {
        // Who reads nothing attends nothing.
        if error.kind == .outputClosed { _ = try client.request(.delete, path) }
        guard error.kind == .connectionLost, isAskedFor else { throw error }
        try client.reconnect()
      }
    }
  }

  /// From here on signals are ours, and what is typed is the program's.
  private func begin() throws(Failure) {
    // That nobody reads the output any more is told to the agent as well.
    try? Signals.ignoreBrokenPipes()
    try client.watch(signals: Self.signals + (hasTerminal ? [SIGWINCH] : []))
    if hasTerminal, request.hasInput { _ = system_terminal_make_raw() }
  }

  private func subscribe() throws(Failure) {
    stateToken = try client.send(.get, path, observe: true)
    outputToken = try client.send(.get, path + ["output"], query: ["from=\(shown.next ?? 0)"], observe: true)
    if !hasTerminal {
      errorsToken = try client.send(.get, path + ["errors"], query: ["from=\(complained.next ?? 0)"], observe: true)
    }
    if piece != nil { try sendPiece() }
  }

  private func turn() throws(Failure) -> (state: CBORValue?, signal: CInt)? {
    let left = nextHeartbeat.milliseconds(since: Clock.now())
    if left == 0 { try tellTaken() }
    switch try wait(milliseconds: min(left, Self.heartbeatMilliseconds)) {
    case .timeout: return nil
    case .outputClosed: throw Failure(.outputClosed, "")
    case .input: try readInput()
    case .signal(SIGWINCH):
      if let size = Self.terminalSize { _ = try client.send(.put, path + ["size"], payload: size.value) }
    case .signal(let number):
      _ = try client.request(.delete, path)
      return (nil, number)
    case .message(let message):
      if let state = try take(message) { return (state, 0) }
    }
    return nil
  }

  /// What comes first; input only where it can be sent.
  private func wait(milliseconds: UInt64) throws(Failure) -> Client.Wake {
    client.watchesInput = hasMoreInput && piece == nil
    defer { client.watchesInput = false }
    return try client.next(timeoutMilliseconds: Int(milliseconds))
  }

  static var terminalSize: TerminalSize? {
    var (rows, columns): (UInt32, UInt32) = (0, 0)
    guard system_terminal_size(&rows, &columns) == 0 else { return nil }
    return TerminalSize(rows: UInt16(truncatingIfNeeded: rows), columns: UInt16(truncatingIfNeeded: columns))
  }

  // MARK: What comes

  /// The state in which it has ended; nil: it has not.
  private func take(_ message: CoAPMessage) throws(Failure) -> CBORValue? {
    switch message.token {
    case stateToken:
      let state = try Client.content(of: message)
      return state[.end] == nil ? nil : state
    case outputToken:
      let chunk = try Client.content(of: message)
      let isEnd = try shown.show(chunk, on: output).isEnd
      try output.flush()
      try tellTaken(soon: isEnd)
    case errorsToken:
      let chunk = try Client.content(of: message)
      let (_, fresh) = complained.accept(
        offset: chunk[.offset]?.unsignedValue ?? 0, chunk[.data]?.bytesValue ?? [])
      Output.writeErrors(Array(fresh))
      try tellTaken(soon: chunk[.isEnd]?.boolValue ?? false)
    case inputToken:
      // Who refuses it says by the state why.
      if !message.code.isSuccess { hasMoreInput = false }
      piece = nil
    default: break
    }
    return nil
  }

  private func tellTaken(soon: Bool) throws(Failure) {
    let count = (shown.next ?? 0) + (complained.next ?? 0)
    if soon || count >= takenCount + Self.takenBytes { try tellTaken() }
  }

  /// Says what has arrived, and that we are there.
  private func tellTaken() throws(Failure) {
    let (first, second) = (shown.next ?? 0, complained.next ?? 0)
    takenCount = first + second
    nextHeartbeat = Clock.now().advanced(milliseconds: Self.heartbeatMilliseconds)
    _ = try client.send(.put, path + ["taken"], payload: Attendance.takenValue(output: first, errors: second))
  }

  // MARK: What goes

  private func readInput() throws(Failure) {
    var bytes = [UInt8](repeating: 0, count: InputQueue.mostBytes)
    let count = bytes.withUnsafeMutableBytes { system_read(0, $0.baseAddress, $0.count) }
    if count == -Int(Errno.wouldBlock.rawValue) { return }
    bytes.removeLast(bytes.count - max(0, count))
    let isEnd = bytes.isEmpty
    piece = InputPiece(offset: inputOffset, bytes: bytes, isEnd: isEnd)
    inputOffset += UInt64(bytes.count)
    hasMoreInput = !isEnd
    try sendPiece()
  }

  private func sendPiece() throws(Failure) {
    guard let piece else { return }
    inputToken = try client.send(.put, path + ["input"], payload: piece.value)
  }
}
