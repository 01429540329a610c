import Basics
import TestSupport
import Testing

@testable import Microcloud

struct CoAPObserveTests {
  private let peer = SocketAddress(.v4(1), port: 1)
  private let start = Instant(nanoseconds: 0)

  private func id(_ number: UInt64) -> CoAPExchangeID { CoAPExchangeID(rawValue: number) }

  @Test func oneNotificationAtATimeAndTheNewestState() throws {
    var observers = CoAPObservers()
    #expect(observers.register(peer, token: [1], resource: 5, now: start) == 0)
    let first = observers.changed(5, now: start)
    #expect(first.map(\.sequence) == [1] && first[0].token == [1] && !first[0].mustBeConfirmed)
    #expect(observers.changed(5, now: start).isEmpty, "not before the first is sent")
    observers.sent(first[0], as: id(1))
    #expect(observers.changed(5, now: start).isEmpty && observers.changed(5, now: start).isEmpty)
    #expect(observers.changed(6, now: start).isEmpty)
    let delivered = observers.delivered(id(1), now: start)
    let second = try #require(delivered)
    #expect(second.sequence == 2)
    observers.sent(second, as: id(2))
    #expect(observers.delivered(id(2), now: start) == nil, "nothing is new")
    #expect(observers.delivered(id(2), now: start) == nil)
    #expect(observers.changed(5, now: start).map(\.sequence) == [3])
  }

  @Test func onceADayAnObserverIsAskedToConfirm() {
    var observers = CoAPObservers()
    _ = observers.register(peer, token: [1], resource: 5, now: start)
    var confirmed: [UInt64] = []
    for hour in 1...100 as ClosedRange<UInt64> {
      let now = start.advanced(milliseconds: hour * 3_600_000)
      for notice in observers.changed(5, now: now) {
        if notice.mustBeConfirmed { confirmed.append(hour) }
        observers.sent(notice, as: id(hour))
        _ = observers.delivered(id(hour), now: now)
      }
    }
    #expect(confirmed == [24, 48, 72, 96])
  }

  @Test func whoDoesNotAnswerIsForgotten() {
    var observers = CoAPObservers(maximumCount: 3, maximumPerPeer: 2)
    let other = SocketAddress(.v4(2), port: 1)
    _ = observers.register(peer, token: [1], resource: 5, now: start)
    #expect(observers.register(peer, token: [2], resource: 5, now: start) != nil)
    #expect(observers.register(peer, token: [3], resource: 5, now: start) == nil, "two for a peer")
    #expect(observers.register(other, token: [1], resource: 5, now: start) != nil)
    #expect(observers.register(SocketAddress(.v4(3), port: 1), token: [1], resource: 5, now: start) == nil)
    #expect(observers.register(peer, token: [1], resource: 5, now: start) == 1, "renewed")
    let notices = observers.changed(5, now: start)
    #expect(notices.count == 3)
    for (number, notice) in notices.enumerated() { observers.sent(notice, as: id(UInt64(number))) }
    observers.ended(id(0))
    #expect(observers.count == 2)
    observers.deregister(peer, token: [9])
    observers.deregister(other, token: [1])
    #expect(observers.count == 1)
    #expect(observers.gone(5).count == 1 && observers.count == 0)
  }

  @Test func freshnessOfTheRFC() {
    // RFC 7641 section 3.4, in a circle of 24 bits.
    #expect(
      CoAPObservation.isNewer(2, than: 1) && !CoAPObservation.isNewer(1, than: 2)
        && !CoAPObservation.isNewer(1, than: 1))
    #expect(CoAPObservation.isNewer(0, than: 0xFF_FFFF) && !CoAPObservation.isNewer(0xFF_FFFF, than: 0))
    #expect(CoAPObservation.isNewer(0x7F_FFFF, than: 0) && !CoAPObservation.isNewer(0x80_0000, than: 0))

    var observation = CoAPObservation()
    var random = SeededRandom(seed: 1)
    func hear(_ sequence: UInt64?, at seconds: UInt64, _ code: CoAPCode = .content, maxAge: UInt64? = nil)
      -> CoAPObservation.Verdict
    {
      var message = CoAPMessage(code: code)
      if let sequence { message.options.add(CoAPOption(.observe, sequence)) }
      if let maxAge { message.options.add(CoAPOption(.maxAge, maxAge)) }
      return observation.receive(message, random: &random, now: start.advanced(milliseconds: seconds * 1000))
    }
    #expect(observation.registerAt == nil)
    #expect(hear(10, at: 0) == .fresh)
    #expect(hear(9, at: 1) == .stale && hear(10, at: 1) == .stale)
    #expect(hear(9, at: 129) == .fresh)
    #expect(hear(11, at: 130, maxAge: 1000) == .fresh)
    let again = observation.registerAt.map { $0.nanoseconds / 1_000_000 } ?? 0
    #expect(again >= 1_135_000 && again <= 1_145_000)
    #expect(hear(12, at: 131, maxAge: .max) == .fresh)
    #expect(hear(nil, at: 132) == .last && observation.registerAt == nil)
    #expect(hear(13, at: 133, .notFound) == .last)
  }

  /// A counter is observed over a bad network: what the client shows never goes back, and ends at the last state.
  @Test(arguments: 1...8 as ClosedRange<UInt64>, [false, true])
  func theLastStateArrives(seed: UInt64, isProtected: Bool) throws {
    let world = CoAPWorld(2, seed: seed)
    if isProtected { try world.share(0, 1) }
    var observers = CoAPObservers()
    var state: UInt64 = 0
    var isConfirmable = true
    func response(_ sequence: UInt32?) -> CoAPMessage {
      var message = CoAPMessage(code: .content, payload: Array("\(state)".utf8))
      if let sequence { message.options.add(CoAPOption(.observe, UInt64(sequence))) }
      return message
    }
    func notify(_ notice: CoAPObservers.Notice) {
      var message = response(notice.sequence)
      message.token = notice.token
      let sent = try? world.nodes[1].secure.notify(
        message, to: notice.peer, protection: notice.protection,
        isConfirmable: isConfirmable || notice.mustBeConfirmed, now: world.now)
      observers.sent(notice, as: sent?.id)
      world.act(1) { _ in sent?.effects ?? [] }
    }
    world.nodes[1].onRequest = { message, handle in
      let sequence = observers.register(
        handle.source, token: handle.token, protection: handle.protection, resource: 1, now: world.now)
      world.act(1) { $0.respond(response(sequence), to: handle, now: world.now) }
    }
    var request = CoAPMessage(.get, "counter")
    request.options.add(CoAPOption(.observe, 0))
    let id = try world.request(0, to: 1, request)
    world.run(milliseconds: 500)
    #expect(world.nodes[0].responses[id]?.count == 1)
    world.lost = 30
    world.doubled = 30
    world.latencyMilliseconds = 1...900
    var handled = 0
    for _ in 0..<2000 {
      world.run(milliseconds: 100)
      while handled < world.nodes[1].delivered.count {
        handled += 1
        if let next = observers.delivered(world.nodes[1].delivered[handled - 1], now: world.now) { notify(next) }
      }
      if state < 100, world.random.oneIn(5) {
        state += 1
        isConfirmable = state == 100 || world.random.oneIn(2)
        for notice in observers.changed(1, now: world.now) { notify(notice) }
      }
    }
    var observation = CoAPObservation()
    var random = SeededRandom(seed: 1)
    var shown: [UInt64] = []
    for message in world.nodes[0].responses[id] ?? [] {
      guard observation.receive(message, random: &random, now: start) == .fresh else { continue }
      shown.append(Decimal.parse(message.payload) ?? 0)
    }
    #expect(zip(shown, shown.dropFirst()).allSatisfy { $0 < $1 }, "seed \(seed): \(shown)")
    // Unless all five copies of a notification were lost, which ends the observation.
    #expect(shown.last == 100 || !world.nodes[1].ends.isEmpty, "seed \(seed): \(shown)")
    #expect(shown.count > 1)

    // A client that does not want it any more resets the next one.
    world.lost = 0
    let before = world.nodes[0].responses[id]?.count
    world.act(0) { $0.cancel(id, now: world.now) }
    for notice in observers.changed(1, now: world.now) { notify(notice) }
    world.run(milliseconds: 10_000)
    for ended in world.nodes[1].ends.keys { observers.ended(ended) }
    #expect(observers.count == 0 && world.nodes[0].responses[id]?.count == before)
  }
}
