import Basics
import Crypto
import EventLoop
import LinuxSystem
import MicroAgent
import Microcloud

/// One request as it came: what is asked, and where the answer goes.
struct ControlRequest {
  let request: APIRequest
  let connection: ControlConnection
  let token: [UInt8]

  /// Who asks.
  var principal: Principal { connection.principal }
}

/// What a client can watch for changes.
enum ObservedSubject: Equatable {
  case container(UInt64)
  case lease(UInt64)

  /// What its watchers are told when it is gone.
  var goneLine: String {
    switch self {
    case .container: "the container is gone"
    case .lease: "the lease is gone"
    }
  }
}

/// One client: CoAP over a stream (RFC 8323) in both directions, from this machine or, secured, from another one.
///
/// What it is sent is bounded: answers go out as they are, but observations and logs wait while the client does not read.
final class ControlConnection {
  /// A client that reads so slowly gets no more log until it has caught up.
  private static let logQueueBytes = 64 * 1024
  /// How much log one answer carries.
  static let logChunkBytes = 16 * 1024
  static let maximumObservations = 64
  /// How many requests of one client are answered before others have their turn.
  private static let requestsPerTurn = 16

  /// A log that the client follows; keeps the log alive after its container is gone.
  private final class LogFollow {
    let container: UInt64
    let token: [UInt8]
    let log: ContainerLog
    var offset: UInt64
    /// The container does not run any more: what is there is all.
    var isLast = false
    var sequence: UInt64 = 0

    init(container: UInt64, token: [UInt8], log: ContainerLog, offset: UInt64) {
      self.container = container
      self.token = token
      self.log = log
      self.offset = offset
    }
  }

  private struct Observation {
    let subject: ObservedSubject
    let token: [UInt8]
    var sequence: UInt64 = 0
  }

  private let stream: Connection
  private let server: ControlServer
  /// Who speaks: the kernel says it of who is on this machine, EDHOC of others.
  var principal: Principal { admission.principal }
  private var admission: Authority.Admission
  /// What it has proven to have; nil: it is on this machine.
  var key: P256.PublicKey? { admission.key }
  /// Nil: it comes from this machine.
  private var security: SecureStreamServer?
  private var decoder = CoAPStreamDecoder()
  private var inbox: [UInt8] = []
  /// Nothing is read until what came is answered and the answers are taken.
  private var isPaused = false
  private var follows: [LogFollow] = []
  private var observations: [Observation] = []

  /// - Parameter security: of a client on another machine, who is a stranger until it proves who it is.
  init(_ stream: Connection, _ principal: Principal, security: SecureStreamServer? = nil, server: ControlServer) {
    self.stream = stream
    admission = Authority.Admission(principal: principal, credential: nil)
    self.security = security
    self.server = server
  }

  /// It comes from another machine and has not proven who it is.
  var isStranger: Bool { security.map { !$0.isSecured } ?? false }
  var isRemote: Bool { security != nil }

  func start() {
    stream.onRead = { [self] in received($0) }
    stream.onEnd = { [unowned(unsafe) self] _ in close() }
    stream.onDrain = { [self] in
      pumpLogs()
      goOn()
    }
    send(CapabilitiesAndSettings.ours.message)
    do throws(SystemError) { try stream.startReading() } catch { close() }
  }

  func close() {
    stream.close()
    follows = []
    observations = []
    server.remove(self)
  }

  // MARK: What comes

  private func received(_ bytes: [UInt8]) {
    inbox.append(contentsOf: bytes)
    goOn()
  }

  /// Answers what came, a few requests at a time. A client that does not read its answers is not heard any more.
  func goOn() {
    guard stream.isOpen, !inbox.isEmpty else { return }
    var left = Self.requestsPerTurn
    var rest = inbox[...]
    do throws(CoAPError) {
      while stream.isOpen, left > 0, !isOwedMuch, let message = try decoder.next(from: &rest) {
        handle(message)
        left -= 1
      }
      inbox = Array(rest)
      if left == 0 { server.continueSoon() }
      pause(left == 0 || isOwedMuch)
    } catch {
      // What follows a malformed message cannot be understood: say so and end (RFC 8323 section 5.6).
      send(CoAPMessage.abort(error.description))
      stream.finish { [self] in close() }
    }
  }

  private var isOwedMuch: Bool { stream.queuedBytes >= Self.logQueueBytes }

  private func pause(_ pause: Bool) {
    guard stream.isOpen, pause != isPaused else { return }
    isPaused = pause
    if pause { return stream.stopReading() }
    do throws(SystemError) { try stream.startReading() } catch { close() }
  }

  private func handle(_ message: CoAPMessage) {
    if message.code == .ping { return send(CoAPMessage.pong(to: message)) }
    guard message.code.isRequest else { return }
    guard security != nil else { return answer(message) }
    var claimed: Authority.Admission?
    let incoming = security!.receive(message, makeKey: server.makeKey) { credential in
      do throws(Authority.Refusal) {
        claimed = try server.admit(credential)
        return nil
      } catch {
        return error.error
      }
    }
    if let claimed, security!.isSecured { admission = claimed }
    switch incoming {
    case .request(let request):
      if let refusal = server.refusal(of: admission) { return refuse(request, refusal) }
      answer(request)
    case .answer(let response): write(response)
    case .end(let response):
      write(response)
      stream.finish { [self] in close() }
    }
  }

  /// Whoever speaks on a credential does so as long as that counts.
  private func refuse(_ request: CoAPMessage, _ refusal: Authority.Refusal) {
    send(RequestError(.forbidden, refusal.description).response(token: request.token))
    stream.finish { [self] in close() }
  }

  /// Ends it where its credential counts no more.
  func endIfRefused() {
    if server.refusal(of: admission) != nil { close() }
  }

  private func answer(_ message: CoAPMessage) {
    // Observe 1: no more of this (RFC 7641 section 3.6).
    if message.options.unsigned(.observe) == 1 { endObservations(token: message.token) }
    do throws(RequestError) {
      // Whoever may change nothing is refused before what it sent costs anything.
      if message.code != .get, !APIRequest.isForAnybody(message), let line = Permission.looksOnly(principal) {
        throw RequestError(.forbidden, line)
      }
      let request = try APIRequest(message)
      server.onRequest?(ControlRequest(request: request, connection: self, token: message.token))
    } catch {
      send(error.response(token: message.token))
    }
  }

  // MARK: What goes

  /// Sends one message, protected where the stream is; a client that lets its queue run full is cut off.
  func send(_ message: CoAPMessage) {
    guard stream.isOpen else { return }
    guard security != nil, message.code.isResponse else { return write(message) }
    let fits = message.payload.count <= Self.maximumProtectedBytes
    let response = fits ? message : Self.tooLong.response(token: message.token)
    if let protected = security!.protect(response) { write(protected) }
  }

  private static let tooLong = RequestError(.failed, "the answer is too long to send: ask for less")
  /// Less than AES-CCM takes, by more than a message has besides its payload.
  private static let maximumProtectedBytes = 63 * 1024

  private func write(_ message: CoAPMessage) {
    guard stream.isOpen else { return }
    do throws(CoAPError) {
      let bytes = try CoAPStreamEncoder.encode(message)
      do throws(SystemError) { try stream.write(bytes) } catch { close() }
    } catch {
      if message.code.isSuccess { write(Self.tooLong.response(token: message.token)) }
    }
  }

  // MARK: Observing (RFC 7641)

  /// Tells the state now, and again at each change.
  func observe(_ subject: ObservedSubject, _ value: CBORValue, token: [UInt8]) {
    guard observations.count < Self.maximumObservations else {
      return send(RequestError(.noRoom, "this connection observes too much already").response(token: token))
    }
    observations.append(Observation(subject: subject, token: token))
    changed(subject, to: value)
  }

  func observes(_ subject: ObservedSubject) -> Bool {
    observations.contains { $0.subject == subject }
  }

  /// Nil: it is gone.
  func changed(_ subject: ObservedSubject, to value: CBORValue?) {
    for index in observations.indices where observations[index].subject == subject {
      observations[index].sequence += 1
      let token = observations[index].token
      guard let value else {
        send(RequestError(.notFound, subject.goneLine).response(token: token))
        continue
      }
      var message = CoAPMessage(code: .content, token: token, cbor: value)
      message.options.add(CoAPOption(.observe, observations[index].sequence))
      send(message)
    }
    if value == nil { observations.removeAll { $0.subject == subject } }
  }

  private func endObservations(token: [UInt8]) {
    observations.removeAll { $0.token == token }
    follows.removeAll { $0.token == token }
  }

  // MARK: Following logs

  /// Sends a log from an offset on, and what comes, until `logEnded`.
  func follow(_ log: ContainerLog, of container: UInt64, from offset: UInt64, token: [UInt8], isLast: Bool) {
    guard follows.count < Self.maximumObservations else {
      return send(RequestError(.noRoom, "this connection follows too many logs already").response(token: token))
    }
    let follow = LogFollow(container: container, token: token, log: log, offset: offset)
    follow.isLast = isLast
    follows.append(follow)
    pumpLogs()
  }

  /// More was written to some container's log.
  func logGrew(of container: UInt64) {
    if follows.contains(where: { $0.container == container }) { pumpLogs() }
  }

  /// The container ended and its log is complete.
  func logEnded(of container: UInt64) {
    for follow in follows where follow.container == container { follow.isLast = true }
    pumpLogs()
  }

  private func pumpLogs() {
    for follow in follows {
      while stream.isOpen, stream.queuedBytes < Self.logQueueBytes {
        let (offset, bytes) = follow.log.read(from: follow.offset, limitBytes: Self.logChunkBytes)
        let isEnd = follow.isLast && offset + UInt64(bytes.count) >= follow.log.endOffset
        if bytes.isEmpty && !isEnd { break }
        follow.offset = offset + UInt64(bytes.count)
        follow.sequence += 1
        var message = CoAPMessage(code: .content, token: follow.token, cbor: Self.chunk(offset, bytes, isEnd: isEnd))
        // The last one ends the observation (RFC 7641 section 3.2).
        if !isEnd { message.options.add(CoAPOption(.observe, follow.sequence)) }
        send(message)
        if isEnd {
          follows.removeAll { $0 === follow }
          break
        }
      }
    }
  }

  static func chunk(_ offset: UInt64, _ bytes: [UInt8], isEnd: Bool) -> CBORValue {
    var map = CBORMap()
    map[.offset] = .unsigned(offset)
    map[.data] = .bytes(bytes)
    map[.isEnd] = .bool(isEnd)
    return .map(map)
  }
}
