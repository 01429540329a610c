import Basics
import EventLoop
import LinuxSystem
import MicroAgent
import Microcloud

/// The stream of one client: CoAP (RFC 8323) in both directions, from this machine or, secured, from another one.
final class ControlConnection {
  /// A client that reads so slowly is told nothing more until it has caught up.
  private static let queueBytes = 64 * 1024
  /// How much of a log, or of the events, one answer carries.
  static let chunkBytes = 16 * 1024
  /// How many requests of one client are answered before others have their turn.
  private static let requestsPerTurn = 16

  private let stream: Connection
  private let server: ControlServer
  /// Who speaks. Nil: the stream was closed.
  private(set) var client: ControlClient?
  /// Nil: it comes from this machine.
  private var security: SecureStreamServer?
  private var decoder = CoAPStreamDecoder()
  private var inbox: [UInt8] = []
  /// Nothing is read until what came is answered and the answers are taken.
  private var isPaused = false

  /// - Parameter security: of a client on another machine, who is a stranger until it proves who it is.
  init(_ stream: Connection, _ principal: Principal, security: SecureStreamServer? = nil, server: ControlServer) {
    self.stream = stream
    self.security = security
    self.server = server
    client = ControlClient(
      .stream(self), Authority.Admission(principal: principal, credential: nil), server: server)
  }

  /// It comes from another machine and has not proven who it is.
  var isStranger: Bool { security.map { !$0.isSecured } ?? false }
  var isRemote: Bool { security != nil }

  func start() {
    stream.onRead = { [self] in received($0) }
    stream.onEnd = { [unowned(unsafe) self] _ in close() }
    stream.onDrain = { [self] in
      client?.tellAll()
      goOn()
    }
    send(CapabilitiesAndSettings.ours.message)
    do throws(SystemError) { try stream.startReading() } catch { close() }
  }

  func close() {
    stream.close()
    client?.close()
    client = nil
    server.remove(self)
  }

  // MARK: What comes

  private func received(_ bytes: [UInt8]) {
    inbox.append(contentsOf: bytes)
    goOn()
  }

  /// Answers what came, a few requests at a time. A client that does not read its answers is not heard any more.
  func goOn() {
    guard stream.isOpen, !inbox.isEmpty || isPaused else { return }
    var left = Self.requestsPerTurn
    var rest = inbox[...]
    do throws(CoAPError) {
      while stream.isOpen, left > 0, !mustWait, let message = try decoder.next(from: &rest) {
        handle(message)
        left -= 1
      }
      inbox = Array(rest)
      if left == 0 { server.continueSoon() }
      pause(left == 0 || mustWait)
    } catch {
      // What follows a malformed message cannot be understood: say so and end (RFC 8323 section 5.6).
      send(CoAPMessage.abort(error.description))
      stream.finish { [self] in close() }
    }
  }

  private var isOwedMuch: Bool { stream.queuedBytes >= Self.queueBytes }
  /// Whether the client reads what it is told.
  var takesNotices: Bool { stream.isOpen && !isOwedMuch }
  /// What came is not answered before some of what is owed, or on its way to the disk, is less.
  private var mustWait: Bool { isOwedMuch || server.isBackedUp() }

  private func pause(_ pause: Bool) {
    guard stream.isOpen, pause != isPaused else { return }
    isPaused = pause
    if pause { return stream.stopReading() }
    do throws(SystemError) { try stream.startReading() } catch { close() }
  }

  private func handle(_ message: CoAPMessage) {
    if message.code == .ping { return send(CoAPMessage.pong(to: message)) }
    guard message.code.isRequest else { return }
    guard let client else { return }
    guard security != nil else { return client.take(message, .stream(token: message.token)) }
    var claimed: Authority.Admission?
    let incoming = security!.receive(message, makeKey: server.makeKey) { credential in
      do throws(Authority.Refusal) {
        claimed = try server.admit(credential)
        return nil
      } catch {
        return error.error
      }
    }
    if let claimed, security!.isSecured { client.admission = claimed }
    switch incoming {
    case .request(let request):
      if let refusal = server.refusal(of: client.admission) { return refuse(request, refusal) }
      client.take(request, .stream(token: request.token))
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
    if let client, server.refusal(of: client.admission) != nil { close() }
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
}
