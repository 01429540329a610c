import Basics
import EventLoop
import Microcloud
import Transport

/// One request to another implementation's server; its course is told a line a response.
final class DriverClient {
  private let transport: CoAPTransport
  private let loop: EventLoop
  private let peer: SocketAddress
  private let context: UInt64?
  private let isConfirmable: Bool
  private var transfer: CoAPBlockTransfer
  private var exchange: CoAPExchangeID?
  private var observation = CoAPObservation()
  private var random = SeededRandom(seed: 1)
  /// How many states to hear of.
  private var wanted: UInt64

  init(
    _ transport: CoAPTransport, _ loop: EventLoop, _ request: CoAPMessage, to peer: SocketAddress,
    context: UInt64?, isConfirmable: Bool, exponent: UInt8, observing: UInt64
  ) {
    (self.transport, self.loop, self.peer, self.isConfirmable) = (transport, loop, peer, isConfirmable)
    self.context = context
    var request = request
    if observing > 0 { request.options.add(CoAPOption(.observe, 0)) }
    wanted = observing
    transfer = CoAPBlockTransfer(request, exponent: exponent)
    transport.onEffect = { [unowned(unsafe) self] in perform($0) }
    send(transfer.first)
  }

  private func send(_ message: CoAPMessage) {
    do throws(CoAPError) {
      exchange = try transport.request(
        message, to: peer, context: context, isConfirmable: isConfirmable, timeoutMilliseconds: 10_000)
    } catch {
      finish("\(error)")
    }
  }

  private func perform(_ effect: CoAPEffect) {
    switch effect {
    case .response(let id, let message, _) where id == exchange: received(message)
    case .ended(_, let reason): finish(Self.words(reason))
    default: break
    }
  }

  private static func words(_ reason: CoAPEnd) -> String {
    switch reason {
    case .reset: "reset"
    case .refused(let code): "refused \(code)"
    case .notAuthentic: "not authentic"
    case .timedOut, .notUnderstood: "no answer"
    }
  }

  private func received(_ message: CoAPMessage) {
    if wanted > 0 {
      let verdict = observation.receive(message, random: &random, now: loop.now)
      say(
        "\(message.code) \(verdict == .fresh ? "fresh" : "other") \(String(decoding: message.payload, as: UTF8.self))")
      wanted -= 1
      if wanted == 0 || verdict == .last { finish("done") }
      return
    }
    switch transfer.receive(message) {
    case .send(let next): send(next)
    case .done(let whole):
      say("\(whole.code) \(whole.payload.count) \(Checksum.of(whole.payload))")
      finish("done")
    case .failed: finish("blocks that do not fit")
    }
  }

  private func finish(_ line: String) {
    say(line)
    loop.stop()
  }
}
