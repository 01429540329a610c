import Basics
import CSystem
import Crypto
import LinuxSystem
import MicroAgent
import Microcloud

/// A connection to an agent: CoAP over a stream (RFC 8323), one thing after the other. To one on another machine it is secured.
final class Client {
  /// What ended a wait.
  enum Wake {
    case message(CoAPMessage)
    case signal(CInt)
    case timeout
    /// Nobody reads standard output any more.
    case outputClosed
    /// Standard input has something to be read, or its end.
    case input
  }

  /// An agent that accepts a connection says what it takes within this time.
  static let greetingMilliseconds = 5000
  /// The keeper starts a killed agent again within moments; one that keeps dying, after a pause of up to 5 s.
  static let reconnectMilliseconds: UInt64 = 10_000
  /// One that dies over and over while somebody asks is not waited for any more.
  static let mostReconnections = 3
  /// A socket that nobody listens on may be that of an agent that starts again.
  private static let refusedMilliseconds: UInt64 = 1000
  private static let pauseMilliseconds: CInt = 50
  private static let remotePauseMilliseconds: CInt = 500
  private static let readBytes = 32 * 1024

  let destination: Destination
  /// Until when answers are waited for; nil: for ever.
  var deadline: Instant?
  /// The signal that ended a wait last; 0: none did.
  private(set) var lastSignal: CInt = 0
  private var security: SecureStreamClient?
  private var socket: CInt = -1
  private var decoder = CoAPStreamDecoder()
  private var received: ArraySlice<UInt8> = []
  private var agentTakes = CapabilitiesAndSettings.initial
  private var greeted = false
  private var lastToken: UInt32 = 0
  /// A descriptor whose signals end a wait; negative: signals do what they do.
  private var signals: CInt = -1
  private var watchesOutput = false
  /// Waits end when there is something to be read from standard input.
  var watchesInput = false

  init(_ destination: Destination) {
    self.destination = destination
  }

  deinit {
    disconnect()
  }

  /// From now on waits end when one of these signals comes, or when nobody reads the output any more.
  func watch(signals numbers: [CInt]) throws(Failure) {
    let made = numbers.withUnsafeBufferPointer { system_signal_descriptor($0.baseAddress, $0.count) }
    if made < 0 { throw Failure(.refused, "watch signals: \(Errno(rawValue: -made))") }
    signals = made
    watchesOutput = true
  }

  /// The same, with the descriptor of another client that watches already.
  func watch(as other: Client) {
    signals = other.signals
    watchesOutput = other.watchesOutput
  }

  /// The signal that ended a wait since this was asked last; nil: none did.
  func takeSignal() -> CInt? {
    let number = lastSignal
    lastSignal = 0
    return number == 0 ? nil : number
  }

  // MARK: Connecting

  /// Connects, unless that is done. Both ends say first what they take.
  func connect() throws(Failure) {
    if socket >= 0 { return }
    // One on another machine may have others to agree on keys with first.
    var patience = Self.refusedMilliseconds
    if case .node = destination { patience = Self.reconnectMilliseconds }
    try open(patienceMilliseconds: patience) { $0 == .connectionRefused && destination.isLocal }
  }

  /// Connects again after the agent went away; what was asked for must be asked for again.
  func reconnect() throws(Failure) {
    disconnect()
    try open(patienceMilliseconds: Self.reconnectMilliseconds) { $0 == .connectionRefused || $0 == .noSuchFile }
  }

  private func disconnect() {
    if socket >= 0 { _ = system_close(socket) }
    socket = -1
    decoder = CoAPStreamDecoder()
    received = []
    agentTakes = .initial
    greeted = false
    security = nil
  }

  private func open(patienceMilliseconds: UInt64, _ mayPass: (Errno) -> Bool) throws(Failure) {
    let patience = Clock.now().advanced(milliseconds: patienceMilliseconds)
    let deadline = min(patience, deadline ?? patience)
    while true {
      let result = try beginConnecting()
      if result >= 0 {
        socket = result
        do throws(Failure) {
          return try greet()
        } catch {
          disconnect()
          if error.kind != .connectionLost || Clock.now() >= deadline { throw error }
        }
      } else {
        let errno = Errno(rawValue: -result)
        if !(mayPass(errno) || errno == .wouldBlock) || Clock.now() >= deadline { throw unreachable(errno) }
      }
      try pause()
    }
  }

  private func beginConnecting() throws(Failure) -> CInt {
    switch destination {
    case .local(let path): return system_unix_connect(path)
    case .node(let node):
      let made = node.address.withSockaddr { system_tcp_connect($0) }
      if made < 0 { return made }
      let ready = system_wait_client(made, 1, signals, -1, -1, CInt(limited(Self.greetingMilliseconds)))
      if ready & CInt(SYSTEM_SIGNAL_READY) != 0 {
        _ = system_close(made)
        throw interrupted()
      }
      let result = ready & CInt(SYSTEM_SOCKET_READY) != 0 ? system_socket_error(made) : -Errno.timedOut.rawValue
      if result == 0 { return made }
      _ = system_close(made)
      return result
    }
  }

  private func pause() throws(Failure) {
    let ready = system_wait_client(
      -1, 0, signals, -1, -1, destination.isLocal ? Self.pauseMilliseconds : Self.remotePauseMilliseconds)
    if ready & CInt(SYSTEM_SIGNAL_READY) != 0 { throw interrupted() }
  }

  private func interrupted() -> Failure {
    lastSignal = system_next_signal(signals)
    return Failure(.exit(128 + lastSignal), "interrupted while the agent was away")
  }

  /// As long as this, or until the deadline; negative: for ever.
  private func limited(_ milliseconds: Int) -> Int {
    guard let deadline else { return milliseconds }
    let left = Int(min(deadline.milliseconds(since: Clock.now()), UInt64(Int32.max)))
    return milliseconds < 0 ? left : min(milliseconds, left)
  }

  private func unreachable(_ errno: Errno) -> Failure {
    let advice: String
    guard case .local(let path) = destination else {
      return Failure(
        .unreachable, "no agent at \(destination): \(errno): `microctl nodes` tells who is there, and where")
    }
    switch errno {
    case .permissionDenied: advice = "run it as root, or as a member of the socket's group"
    case .wouldBlock: advice = "it has all the clients that it takes: try again"
    case .nameTooLong: advice = "a socket's path has at most 107 bytes"
    default: advice = "start microagentd, or name its socket with --socket or MICROAGENT_SOCKET"
    }
    return Failure(.unreachable, "no agent at \(path): \(errno): \(advice)")
  }

  /// Says what we take, hears what the agent takes, and agrees with another machine's on keys. As that goes without knowing what
  /// the agent takes, it begins at once.
  private func greet() throws(Failure) {
    try write(CapabilitiesAndSettings.ours.message)
    guard case .node(let node) = destination else { return try awaitGreeting() }
    var client = try Self.makeSecurity(for: node)
    let hello: CoAPMessage
    do throws(EDHOCError) { hello = try client.hello(token: nextToken()) } catch {
      throw Self.failure(error, destination)
    }
    try write(hello)
    try awaitGreeting()
    try secure(&client, with: node, after: hello)
    security = client
  }

  private func awaitGreeting() throws(Failure) {
    while !greeted {
      if case .timeout = try step(timeoutMilliseconds: Self.greetingMilliseconds) {
        let advice = "it is no microagentd, or has all the clients that it takes: try again"
        throw Failure(.unreachable, "whoever listens at \(destination) does not answer: \(advice)")
      }
    }
  }

  /// Agrees with another machine's agent on keys (EDHOC), each side proving its own.
  private func secure(
    _ client: inout SecureStreamClient, with node: RemoteNode, after hello: CoAPMessage
  ) throws(Failure) {
    var problem: Failure?
    do throws(EDHOCError) {
      let answer = try exchanged(hello)
      if answer.code == .tooManyRequests {
        problem = Failure(.connectionLost, "\(destination) agrees on keys with too many others: try again")
      }
      let finish = try client.takeHello(answer, token: nextToken()) { credential in
        do throws(Failure) { try KnownNodes.check(credential.publicKey, of: node) } catch { problem = error }
        return problem == nil
      }
      do throws(Failure) { try write(finish) } catch { throw EDHOCError.outOfOrder }
      try client.takeFinish(try exchanged(finish))
    } catch {
      throw problem ?? Self.failure(error, destination)
    }
  }

  /// The answer to a request that went in plain.
  private func exchanged(_ request: CoAPMessage) throws(EDHOCError) -> CoAPMessage {
    do throws(Failure) {
      while true {
        switch try next(timeoutMilliseconds: Self.exchangeMilliseconds) {
        case .message(let message) where message.token == request.token: return message
        case .message: break
        case .signal, .timeout, .outputClosed, .input: throw Failure(.connectionLost, "")
        }
      }
    } catch {
      throw .outOfOrder
    }
  }

  /// An agent on the slowest board answers within this.
  private static let exchangeMilliseconds = 15_000

  // MARK: Messages

  /// Sends a request; returns the token that its answers carry.
  func send(
    _ code: CoAPCode, _ path: [String], query: [String] = [], payload: CBORValue? = nil, observe: Bool = false,
    options: [CoAPOption] = []
  ) throws(Failure) -> [UInt8] {
    try connect()
    let token = nextToken()
    var message =
      payload.map { CoAPMessage(code: code, token: token, cbor: $0) } ?? CoAPMessage(code: code, token: token)
    message.path = path
    message.query = query
    if observe { message.options.add(CoAPOption(.observe, 0)) }
    for option in options { message.options.add(option) }
    if security != nil {
      do throws(OSCOREError) { message = try security!.protect(message) } catch {
        throw Failure(.refused, "ask \(destination): \(error)")
      }
    }
    try write(message)
    return token
  }

  private func nextToken() -> [UInt8] {
    lastToken += 1
    return [UInt8(truncatingIfNeeded: lastToken >> 8), UInt8(truncatingIfNeeded: lastToken)]
  }

  /// The next message, or what else ended the wait.
  func next(timeoutMilliseconds: Int = -1) throws(Failure) -> Wake {
    while true {
      if let wake = try step(timeoutMilliseconds: timeoutMilliseconds) { return wake }
    }
  }

  // MARK: Bytes

  /// One turn of waiting: nil when it brought nothing that the caller is told of.
  private func step(timeoutMilliseconds: Int) throws(Failure) -> Wake? {
    if let message = try decoded() {
      if !message.code.isSignal { return .message(try verified(message)) }
      try signal(message)
      return nil
    }
    let ready = system_wait_client(
      socket, 0, signals, watchesOutput ? Output.descriptor : -1, watchesInput ? 0 : -1,
      CInt(limited(timeoutMilliseconds)))
    if ready < 0 { throw Failure(.refused, "wait for the agent: \(Errno(rawValue: -ready))") }
    if ready & CInt(SYSTEM_SIGNAL_READY) != 0 {
      lastSignal = system_next_signal(signals)
      return .signal(lastSignal)
    }
    if ready & CInt(SYSTEM_SOCKET_READY) != 0 {
      try read()
      return nil
    }
    if ready & CInt(SYSTEM_OUTPUT_CLOSED) != 0 { return .outputClosed }
    if ready & CInt(SYSTEM_INPUT_READY) != 0 { return .input }
    if ready == 0, let deadline, Clock.now() >= deadline {
      throw Failure(.connectionLost, "\(destination) does not answer in time: try again")
    }
    return timeoutMilliseconds >= 0 ? .timeout : nil
  }

  private func verified(_ message: CoAPMessage) throws(Failure) -> CoAPMessage {
    guard security != nil else { return message }
    do throws(OSCOREError) { return try security!.unprotect(message) } catch {
      throw Failure(.refused, "\(destination) answered what cannot be believed: \(error)")
    }
  }

  private func read() throws(Failure) {
    var bytes = [UInt8](repeating: 0, count: Self.readBytes)
    let count = bytes.withUnsafeMutableBytes { system_read(socket, $0.baseAddress, $0.count) }
    if count == -Int(Errno.wouldBlock.rawValue) { return }
    if count <= 0 { throw lost }
    received = bytes[..<Int(count)]
  }

  private func write(_ message: CoAPMessage) throws(Failure) {
    var rest: ArraySlice<UInt8>
    do throws(CoAPError) {
      rest = try CoAPStreamEncoder.encode(message, maximumBytes: agentTakes.maximumMessageBytes)[...]
    } catch {
      throw Failure(.refused, "ask the agent: \(error.description)")
    }
    while !rest.isEmpty {
      // As a message, so that an agent that went away is an error and no signal.
      let count = rest.withUnsafeBytes { system_send_message(socket, $0.baseAddress, $0.count, nil, 0, 0) }
      if count == -Int(Errno.wouldBlock.rawValue) {
        _ = system_wait_client(socket, 1, -1, -1, -1, -1)
        continue
      }
      if count < 0 { throw lost }
      rest.removeFirst(Int(count))
    }
  }

  private func decoded() throws(Failure) -> CoAPMessage? {
    do throws(CoAPError) { return try decoder.next(from: &received) } catch {
      throw Failure(.refused, "follow the agent's answers: \(error.description)")
    }
  }

  /// The other end's signals (RFC 8323 section 5). A release is followed by the connection's end.
  private func signal(_ message: CoAPMessage) throws(Failure) {
    switch message.code {
    case .capabilitiesAndSettings:
      do throws(CoAPError) { try agentTakes.update(from: message) } catch {
        throw Failure(.refused, "greet the agent: \(error.description)")
      }
      greeted = true
    case .ping: try write(CoAPMessage.pong(to: message))
    case .abort:
      throw Failure(.refused, "the agent ended the conversation: \(String(decoding: message.payload, as: UTF8.self))")
    default: break
    }
  }

  private var lost: Failure {
    Failure(.connectionLost, "the agent at \(destination) went away: `microctl info` tells whether it is back")
  }
}
