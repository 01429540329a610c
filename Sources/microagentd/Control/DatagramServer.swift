import Basics
import Crypto
import EventLoop
import LinuxSystem
import MicroAgent
import Microcloud
import Transport

/// Serves those on other machines who ask by datagrams: EDHOC (RFC 9528, 9668) makes an OSCORE context (RFC 8613) of whoever
/// proves that it may, and what that protects is answered as on a stream. It lives beside the resources that are for anybody,
/// on the node's CoAP port.
final class DatagramServer {
  /// Everybody in a big microcloud. A session costs some hundred bytes, where a stream costs buffers.
  static let maximumSessions = 512
  /// Of one key: somebody with two machines, whose contexts were lost once. The one not used for the longest time makes room.
  static let maximumSessionsPerKey = 4
  /// A context that nobody uses ends. Whoever watches something uses it.
  static let idleMilliseconds: UInt64 = 60 * 60 * 1000
  /// How much of a log, or of the events, one answer carries: what one datagram holds, so that no block is of another time than the others.
  static let chunkBytes = 960

  /// A security context, and who speaks with it.
  private struct Session {
    let context: UInt64
    let client: ControlClient
    var usedAt: Instant
  }

  private let server: ControlServer
  private let loop: EventLoop
  private var exchanges: EDHOCExchanges
  private var receiver: CoAPBlockReceiver
  private var observers = CoAPObservers(maximumCount: maximumWatches, maximumPerPeer: ControlClient.maximumWatches)
  /// In the order in which they were made.
  private var sessions: [Session] = []
  /// Something could not be told, as too much was under way.
  private var owes = false
  private var alarm: Alarm?
  /// What carries the datagrams; nil: nobody is heard.
  var transport: CoAPTransport?

  private static let maximumWatches = 256
  /// When to try again who was one too many.
  private static let retrySeconds: UInt64 = 1

  init(_ server: ControlServer, as identity: EDHOCIdentity, on loop: EventLoop) throws(SystemError) {
    self.server = server
    self.loop = loop
    var random = SystemRandomNumberGenerator()
    exchanges = EDHOCExchanges(identity: identity, firstName: random.next())
    receiver = CoAPBlockReceiver(limits: .requests)
    alarm = try Alarm(on: loop) { [unowned(unsafe) self] in expire() }
  }

  func close() {
    for session in sessions { session.client.close() }
    alarm?.close()
    (sessions, alarm, transport) = ([], nil, nil)
  }

  func forEachClient(_ body: (ControlClient) -> Void) {
    for session in sessions { body(session.client) }
  }

  // MARK: What comes

  /// Takes a request; false: it is for the resources that are for anybody.
  func take(_ message: CoAPMessage, _ handle: CoAPRequestHandle) -> Bool {
    if let protection = handle.protection {
      serve(message, handle, protection)
    } else if message.options[.edhoc] != nil {
      takeCombined(message, handle)
    } else if message.path == EDHOCOverCoAP.path, message.code == .post {
      exchange(message, handle)
    } else {
      return false
    }
    setAlarm()
    return true
  }

  private func serve(_ message: CoAPMessage, _ handle: CoAPRequestHandle, _ protection: CoAPProtection) {
    guard let index = sessions.firstIndex(where: { $0.context == protection.context }) else {
      transport?.perform { $0.settle(handle, now: $1) }
      return
    }
    sessions[index].usedAt = loop.now
    let session = sessions[index]
    // Whoever speaks on a credential does so as long as that counts.
    if let refusal = server.refusal(of: session.client.admission) {
      transport?.respond(RequestError(.forbidden, refusal.description).response(token: handle.token), to: handle)
      return end(session)
    }
    switch receiver.receive(message, from: handle.source, protection: protection, now: loop.now) {
    case .answer(let answer): transport?.respond(answer, to: handle)
    case .complete(let whole):
      guard whole.mayBeContinued else {
        let refusal = RequestError(.invalid, "a later block of the answer: there is only one")
        transport?.respond(refusal.response(token: handle.token), to: handle)
        return
      }
      var origin = message
      origin.payload = []
      session.client.take(whole.withoutBlocks, .datagram(origin, handle))
    }
  }

  // MARK: Exchanges

  private func exchange(_ message: CoAPMessage, _ handle: CoAPRequestHandle) {
    do throws(EDHOCError) {
      switch try EDHOCOverCoAP.request(message.payload) {
      case .new(let message1):
        guard let key = server.makeKey() else {
          var refusal = CoAPMessage(code: .tooManyRequests)
          refusal.options.add(CoAPOption(.maxAge, Self.retrySeconds))
          transport?.respond(refusal, to: handle)
          return
        }
        let message2 = try exchanges.begin(message1, key: key, isFree: isFree, now: loop.now)
        transport?.respond(EDHOCOverCoAP.answer(message2, token: handle.token), to: handle)
      case .continued(let connection, let message3):
        try finish(connection, message3)
        transport?.respond(CoAPMessage(code: .changed), to: handle)
      }
    } catch {
      transport?.respond(EDHOCOverCoAP.answer(error, token: handle.token), to: handle)
    }
  }

  /// message_3 together with the first request (RFC 9668).
  private func takeCombined(_ message: CoAPMessage, _ handle: CoAPRequestHandle) {
    do throws(EDHOCError) {
      let (connection, message3, ciphertext) = try EDHOCOverCoAP.split(message)
      try finish(connection, message3)
      transport?.perform { $0.verify(message, ciphertext: ciphertext, from: handle, now: $1) }
    } catch {
      transport?.respond(EDHOCOverCoAP.answer(error, token: handle.token), to: handle)
    }
  }

  private func isFree(_ connection: ConnectionIdentifier) -> Bool {
    guard let id = OSCOREIdentifier(connection.bytes[...]) else { return false }
    var isFree = false
    transport?.perform { endpoint, _ in
      isFree = endpoint.contexts.isFree(id)
      return []
    }
    return isFree
  }

  private func finish(_ connection: ConnectionIdentifier, _ message3: [UInt8]) throws(EDHOCError) {
    var admission: Authority.Admission?
    let result = try exchanges.finish(
      connection, message3,
      refusal: { credential in
        do throws(Authority.Refusal) {
          admission = try server.admit(credential)
          return nil
        } catch {
          return error.error
        }
      }, now: loop.now)
    guard let admission else { throw .refused }
    makeRoom(for: admission.principal)
    let context = try result.oscoreContext()
    var number: UInt64?
    transport?.perform { endpoint, _ in
      number = endpoint.contexts.insert(context)
      return []
    }
    guard let number else { throw .refused }
    sessions.append(
      Session(
        context: number, client: ControlClient(.datagrams(self), admission, server: server), usedAt: loop.now))
  }

  private func makeRoom(for principal: Principal) {
    let own = sessions.filter { $0.client.principal.thumbprint == principal.thumbprint }
    if own.count >= Self.maximumSessionsPerKey { return endOldest(of: own) }
    if sessions.count >= Self.maximumSessions { endOldest(of: sessions) }
  }

  private func endOldest(of candidates: [Session]) {
    if let oldest = candidates.min(by: { $0.usedAt < $1.usedAt }) { end(oldest) }
  }

  // MARK: What ends

  private func end(_ session: Session) {
    session.client.close()
    observers.removeAll(with: session.context)
    sessions.removeAll { $0.context == session.context }
    transport?.perform { endpoint, _ in
      endpoint.contexts.remove(session.context)
      return []
    }
  }

  /// Ends those whose credentials count no more.
  func endRefused() {
    for session in sessions where server.refusal(of: session.client.admission) != nil { end(session) }
  }

  private func expire() {
    let now = loop.now
    for session in sessions where now.milliseconds(since: session.usedAt) >= Self.idleMilliseconds { end(session) }
    exchanges.expire(now: now)
    receiver.expire(now: now)
    setAlarm()
  }

  private func setAlarm() {
    let idle = sessions.map { $0.usedAt }.min()?.advanced(milliseconds: Self.idleMilliseconds)
    alarm?.set([idle, exchanges.nextDeadline, receiver.nextDeadline].compactMap { $0 }.min())
  }

  // MARK: What goes

  /// Answers a request of a client's, in blocks where one does not hold it. A later block is made anew, which only what reads
  /// allows.
  func respond(_ message: CoAPMessage, to request: CoAPMessage, _ handle: CoAPRequestHandle) {
    var response = message
    if request.code.isSafe {
      response = message.inBlocks(for: request, handle.blockExponent)
    } else if message.payload.count > CoAPBlock.maximumBytes {
      response = Self.tooLong.response(token: handle.token)
    }
    transport?.respond(CoAPBlockReceiver.finish(response, to: request), to: handle)
  }

  private static let tooLong = RequestError(.failed, "the answer is too long for a datagram: ask over TCP")

  // MARK: Watching

  /// Notes that somebody watches something; false: there is no room for it.
  func register(_ watch: Watch) -> Bool {
    guard case .datagram(_, let handle) = watch.origin else { return false }
    return observers.register(
      handle.source, token: handle.token, protection: handle.protection, resource: watch.number, now: loop.now) != nil
  }

  func deregister(_ watch: Watch) {
    guard case .datagram(_, let handle) = watch.origin else { return }
    observers.deregister(handle.source, token: handle.token, protection: handle.protection)
  }

  /// Tells what is new, once what was told before has arrived.
  func tell(_ watch: Watch, of client: ControlClient) {
    for notice in observers.changed(watch.number, now: loop.now) { send(notice, watch, client) }
  }

  private func send(_ due: CoAPObservers.Notice, _ watch: Watch, _ client: ControlClient) {
    guard let transport, let notice = client.next(watch) else { return observers.sent(due, as: nil) }
    let message = notice.message.inBlocks(for: CoAPMessage(code: .get), CoAPBlock.maximumExponent)
    do throws(CoAPError) {
      // Each must arrive: a log has no gaps, and the last state is what counts.
      let id = try transport.notify(message, to: due.peer, protection: due.protection, isConfirmable: true)
      observers.sent(due, as: id)
      client.told(watch, notice)
      if notice.isLast {
        _ = observers.gone(watch.number)
      } else if watch.hasMore {
        // Nobody is told now: what is under way must arrive first.
        _ = observers.changed(watch.number, now: loop.now)
      }
    } catch {
      observers.sent(due, as: nil)
      owes = true
    }
  }

  /// Takes what became of what was told.
  func take(_ effect: CoAPEffect) {
    switch effect {
    case .delivered(let id):
      if let due = observers.delivered(id, now: loop.now) { goOn(due) }
    case .ended(let id, _):
      guard let number = observers.ended(id), let (client, watch) = watch(number) else { return }
      client.end(watch)
    default: return
    }
    if !owes { return }
    owes = false
    for session in sessions { session.client.tellAll() }
  }

  private func goOn(_ due: CoAPObservers.Notice) {
    guard let (client, watch) = watch(due.resource) else { return observers.sent(due, as: nil) }
    if let index = sessions.firstIndex(where: { $0.client === client }) { sessions[index].usedAt = loop.now }
    send(due, watch, client)
  }

  private func watch(_ number: UInt64) -> (client: ControlClient, watch: Watch)? {
    for session in sessions {
      if let watch = session.client.watch(number: number) { return (session.client, watch) }
    }
    return nil
  }
}

extension CoAPBlockReceiver.Limits {
  /// The longest request, and what a board spends on those that are on their way.
  fileprivate static var requests: CoAPBlockReceiver.Limits {
    var limits = CoAPBlockReceiver.Limits()
    limits.bodyBytes = 32 * 1024
    limits.totalBytes = 64 * 1024
    limits.transfers = 8
    return limits
  }
}

extension CoAPMessage {
  /// Whether a later block of its answer may be asked for: that is the whole request again, and what it does must not be done
  /// twice.
  fileprivate var mayBeContinued: Bool {
    guard let option = options[.block2], let block = CoAPBlock(option) else { return true }
    return block.number == 0 || code.isSafe
  }

  /// The request as it would have come over a stream.
  fileprivate var withoutBlocks: CoAPMessage {
    var message = self
    for number in [CoAPOptionNumber.block1, .block2] { message.options.remove(number) }
    return message
  }

  /// The block of an answer that a request wants, where it has several.
  fileprivate func inBlocks(for request: CoAPMessage, _ exponent: UInt8) -> CoAPMessage {
    guard code == .content else { return self }
    var block = CoAPBody(payload, contentFormat: contentFormat).response(to: request, exponent: exponent)
    block.token = token
    if let observe = options[.observe] { block.options.add(observe) }
    return block
  }
}
