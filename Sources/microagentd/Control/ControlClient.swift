import Crypto
import MicroAgent
import Microcloud

/// Who asks, and what it watches, whatever way its requests come: over a stream, or by datagrams that one security context
/// protects.
///
/// What it is sent is bounded: answers go out as they are, but what it watches waits while it does not take what it was told.
final class ControlClient {
  enum Channel {
    case stream(ControlConnection)
    case datagrams(DatagramServer)
    /// It is gone; whoever still answers it does so in vain.
    case closed
  }

  static let maximumWatches = 64

  private let server: ControlServer
  private var channel: Channel
  private var watches: [Watch] = []
  /// Who speaks: the kernel says it of who is on this machine, EDHOC of others.
  var admission: Authority.Admission
  var principal: Principal { admission.principal }
  /// What it has proven to have; nil: it is on this machine.
  var key: P256.PublicKey? { admission.key }

  init(_ channel: Channel, _ admission: Authority.Admission, server: ControlServer) {
    self.channel = channel
    self.admission = admission
    self.server = server
  }

  func close() {
    channel = .closed
    watches = []
  }

  // MARK: Requests and answers

  /// Takes a request of its own.
  func take(_ message: CoAPMessage, _ origin: RequestOrigin) {
    // Observe 1: no more of this (RFC 7641 section 3.6).
    if message.options.unsigned(.observe) == 1 { endWatch(of: origin) }
    do throws(RequestError) {
      // Whoever may change nothing is refused before what it sent costs anything.
      if message.code != .get, !APIRequest.isForAnybody(message), let line = Permission.looksOnly(principal) {
        throw RequestError(.forbidden, line)
      }
      let request = try APIRequest(message)
      server.onRequest?(ControlRequest(request: request, client: self, origin: origin))
    } catch {
      answer(error.response(token: origin.token), to: origin)
    }
  }

  func answer(_ message: CoAPMessage, to origin: RequestOrigin) {
    switch (channel, origin) {
    case (.stream(let connection), _): connection.send(message)
    case (.datagrams(let server), .datagram(let request, let handle)): server.respond(message, to: request, handle)
    default: break
    }
  }

  /// How much of a log, or of the events, one answer carries.
  var chunkBytes: Int {
    if case .datagrams = channel { DatagramServer.chunkBytes } else { ControlConnection.chunkBytes }
  }

  // MARK: Watching (RFC 7641)

  /// Tells something now, and again whenever there is more to tell.
  func watch(_ subject: Watch.Subject, _ origin: RequestOrigin) {
    let before = endWatch(of: origin)
    guard watches.count < Self.maximumWatches else {
      let refusal = RequestError(.noRoom, "this client watches too much already")
      return answer(refusal.response(token: origin.token), to: origin)
    }
    let watch = Watch(subject, origin, number: server.nextWatchNumber(), after: before?.sequence ?? 0)
    guard let notice = next(watch, isFirst: true) else { return }
    watch.told(notice)
    if case .datagrams(let server) = channel, !notice.isLast, !server.register(watch) {
      // Without the option the client knows that it is told nothing more.
      var answer = notice.message
      answer.options.remove(.observe)
      return self.answer(answer, to: origin)
    }
    if !notice.isLast { watches.append(watch) }
    answer(notice.message, to: origin)
    tell(watch)
  }

  /// A state is another one, or gone.
  func changed(_ state: ObservedState) {
    for watch in watches {
      guard case .state(state) = watch.subject else { continue }
      watch.isStale = true
      tell(watch)
    }
  }

  /// More was written to some container's log.
  func logGrew(of container: UInt64) {
    for watch in watches {
      if case .log(let follow) = watch.subject, follow.container == container { tell(watch) }
    }
  }

  /// The container ended and its log is complete.
  func logEnded(of container: UInt64) {
    for watch in watches {
      guard case .log(let follow) = watch.subject, follow.container == container else { continue }
      follow.isLast = true
      tell(watch)
    }
  }

  /// A program has written something, or nothing more comes of it.
  func outputCame(_ output: ExecOutput) {
    for watch in watches {
      if case .output(let follow) = watch.subject, follow.output === output { tell(watch) }
    }
  }

  /// Something has happened.
  func eventCame() {
    for watch in watches {
      if case .events = watch.subject { tell(watch) }
    }
  }

  /// Tells whatever there is to tell, as the client takes it again.
  func tellAll() {
    for watch in watches { tell(watch) }
  }

  private func tell(_ watch: Watch) {
    switch channel {
    case .stream(let connection):
      while connection.takesNotices, isWatched(watch), let notice = next(watch) {
        told(watch, notice)
        connection.send(notice.message)
      }
    case .datagrams(let server): if isWatched(watch) { server.tell(watch, of: self) }
    case .closed: break
    }
  }

  private func isWatched(_ watch: Watch) -> Bool { watches.contains { $0 === watch } }

  /// The watch of a number, where it is one of this client's.
  func watch(number: UInt64) -> Watch? { watches.first { $0.number == number } }

  /// What a watch has to tell; nil: nothing.
  func next(_ watch: Watch, isFirst: Bool = false) -> Watch.Notice? {
    watch.next(isFirst: isFirst, chunkBytes: chunkBytes) { server.state(of: $0) }
  }

  /// It was sent; the last one ends the watch.
  func told(_ watch: Watch, _ notice: Watch.Notice) {
    watch.told(notice)
    if notice.isLast { end(watch) }
  }

  func end(_ watch: Watch) {
    watches.removeAll { $0 === watch }
  }

  /// Ends what was asked for under the same token, and returns it.
  @discardableResult
  private func endWatch(of origin: RequestOrigin) -> Watch? {
    guard let index = watches.firstIndex(where: { $0.origin.isSame(as: origin) }) else { return nil }
    if case .datagrams(let server) = channel { server.deregister(watches[index]) }
    return watches.remove(at: index)
  }
}
