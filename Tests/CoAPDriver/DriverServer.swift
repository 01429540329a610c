import Basics
import EventLoop
import LinuxSystem
import Microcloud
import Transport

/// Where they are; made once, and not with each request.
private enum Path {
  static let links = [".well-known", "core"]
  static let body = ["body"]
  static let counter = ["counter"]
  static let once = ["once"]
  static let slow = ["slow"]
  static let who = ["who"]
}

/// Resources that other implementations try our server on.
final class DriverServer {
  private static let counterResource: UInt64 = 1

  private let transport: CoAPTransport
  private let loop: EventLoop
  private let exponent: UInt8
  private var receiver: CoAPBlockReceiver
  private var observers = CoAPObservers()
  private var body = CoAPBody([], contentFormat: .octetStream)
  private var counter: UInt64 = 0
  private var slow: [(at: Instant, handle: CoAPRequestHandle)] = []
  /// How often `/once` was carried out.
  private var runs: UInt64 = 0
  private var slowAlarm: Alarm?

  private let links = CoAPBody(
    CoRELink.encode([
      .resource("/body", type: "test.body", contentFormat: .octetStream),
      .resource("/counter", type: "test.counter", contentFormat: .text, isObservable: true),
      .resource("/slow", type: "test.slow"),
    ]), contentFormat: .linkFormat)

  init(_ transport: CoAPTransport, _ loop: EventLoop, exponent: UInt8) throws(SystemError) {
    self.transport = transport
    self.loop = loop
    self.exponent = exponent
    var limits = CoAPBlockReceiver.Limits()
    limits.exponent = exponent
    receiver = CoAPBlockReceiver(limits: limits)
    transport.onEffect = { [unowned(unsafe) self] in perform($0) }
    slowAlarm = try Alarm(on: loop) { [unowned(unsafe) self] in answerSlow() }
  }

  private func perform(_ effect: CoAPEffect) {
    switch effect {
    case .request(let message, let handle): handleRequest(message, handle)
    case .delivered(let id):
      if let notice = observers.delivered(id, now: loop.now) { notify(notice) }
    case .ended(let id, _):
      observers.ended(id)
      say("observers \(observers.count)")
    case .send, .response: break
    }
  }

  private func respond(_ response: CoAPMessage, to handle: CoAPRequestHandle) {
    transport.respond(response, to: handle)
  }

  private func handleRequest(_ message: CoAPMessage, _ handle: CoAPRequestHandle) {
    switch receiver.receive(message, from: handle.source, protection: handle.protection, now: loop.now) {
    case .answer(let answer): respond(answer, to: handle)
    case .complete(let request):
      let path = request.path
      if path == Path.slow {
        slow.append((loop.now.advanced(milliseconds: 1500), handle))
        slowAlarm?.set(slow.first?.at)
        return
      }
      respond(CoAPBlockReceiver.finish(answer(request, at: path, handle), to: request), to: handle)
    }
  }

  private func answer(_ request: CoAPMessage, at path: [String], _ handle: CoAPRequestHandle) -> CoAPMessage {
    switch (path, request.code) {
    case (Path.counter, .get): return count(request, handle)
    case (Path.links, .get):
      return links.response(to: request, exponent: min(exponent, handle.blockExponent))
    case (Path.body, .get): return body.response(to: request, exponent: min(exponent, handle.blockExponent))
    case (Path.body, .put):
      guard request.conditionsHold(etag: body.etag) else { return CoAPMessage(code: .preconditionFailed) }
      body = CoAPBody(request.payload, contentFormat: .octetStream)
      return CoAPMessage(code: .changed)
    case (Path.who, .get):
      return CoAPMessage(
        code: .content, payload: Array((handle.protection.map { "\($0.principal)" } ?? "anybody").utf8))
    case (Path.once, .post):
      runs += 1
      return CoAPMessage(code: .changed, payload: Array("\(runs)".utf8))
    case (Path.counter, .post):
      counter += 1
      for notice in observers.changed(Self.counterResource, now: loop.now) { notify(notice) }
      return CoAPMessage(code: .changed)
    case (Path.body, _), (Path.counter, _), (Path.links, _), (Path.once, _):
      return CoAPMessage(code: .methodNotAllowed)
    default: return CoAPMessage(code: .notFound)
    }
  }

  private func count(_ request: CoAPMessage, _ handle: CoAPRequestHandle) -> CoAPMessage {
    var sequence: UInt32?
    if let observe = request.options[.observe] {
      if observe.unsignedValue == 0 {
        sequence = observers.register(
          handle.source, token: handle.token, protection: handle.protection, resource: Self.counterResource,
          now: loop.now)
      } else {
        observers.deregister(handle.source, token: handle.token, protection: handle.protection)
      }
      say("observers \(observers.count)")
    }
    return state(sequence)
  }

  private func state(_ sequence: UInt32?) -> CoAPMessage {
    var message = CoAPMessage(code: .content, payload: Array("\(counter)".utf8))
    message.contentFormat = .text
    if let sequence { message.options.add(CoAPOption(.observe, UInt64(sequence))) }
    return message
  }

  private func notify(_ notice: CoAPObservers.Notice) {
    var message = state(notice.sequence)
    message.token = notice.token
    do throws(CoAPError) {
      let id = try transport.notify(
        message, to: notice.peer, protection: notice.protection, isConfirmable: true)
      observers.sent(notice, as: id)
    } catch {
      observers.sent(notice, as: nil)
    }
  }

  /// Answers what has waited long enough.
  private func answerSlow() {
    while let first = slow.first, first.at <= loop.now {
      slow.removeFirst()
      respond(CoAPMessage(code: .content, payload: Array("late".utf8)), to: first.handle)
    }
    slowAlarm?.set(slow.first?.at)
  }
}
