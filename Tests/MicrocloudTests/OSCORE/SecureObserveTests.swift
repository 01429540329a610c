import Basics
import Testing

@testable import Microcloud

/// Observation under OSCORE (RFC 8613 section 4.1.3.5).
@Suite struct SecureObserveTests {
  /// A server whose resource is observed.
  private final class Observed {
    let nodes: SecureNodes
    var observers = CoAPObservers()
    var state: UInt8 = 0
    private(set) var id: CoAPExchangeID

    init() throws {
      nodes = try SecureNodes()
      id = CoAPExchangeID(rawValue: 0)
      nodes.answer = { [unowned self] message, handle in
        var sequence: UInt32?
        if let observe = message.options[.observe] {
          if observe.unsignedValue == 0 {
            sequence = observers.register(
              handle.source, token: handle.token, protection: handle.protection, resource: 1, now: nodes.now)
          } else {
            observers.deregister(handle.source, token: handle.token, protection: handle.protection)
          }
        }
        return representation(sequence)
      }
      id = try nodes.request(Self.register)
    }

    static var register: CoAPMessage {
      var message = CoAPMessage(.get, "a")
      message.options.add(CoAPOption(.observe, 0))
      return message
    }

    private func representation(_ sequence: UInt32?) -> CoAPMessage {
      var message = CoAPMessage(code: .content, payload: [state])
      if let sequence { message.options.add(CoAPOption(.observe, UInt64(sequence))) }
      return message
    }

    func change() throws {
      state += 1
      for notice in observers.changed(1, now: nodes.now) {
        var message = representation(notice.sequence)
        message.token = notice.token
        let (id, effects) = try nodes.server.notify(
          message, to: notice.peer, protection: notice.protection, isConfirmable: true, now: nodes.now)
        observers.sent(notice, as: id)
        nodes.perform(.server, effects)
        for id in nodes.delivered { _ = observers.delivered(id, now: nodes.now) }
      }
    }
  }

  @Test func eachStateIsToldInOrder() throws {
    let observed = try Observed()
    let nodes = observed.nodes
    for _ in 0..<3 { try observed.change() }
    #expect(nodes.responses.map(\.payload) == [[0], [1], [2], [3]])
    #expect(nodes.responses.map { $0.options.unsigned(.observe) } == [1, 2, 3, 4])
    // Each has a number of its own, none of it is readable, and proxies see that it is a notification.
    let sent = try nodes.messages(.server).filter { $0.code != .empty }
    #expect(sent.map(\.code) == [.content, .content, .content, .content])
    #expect(sent.map { $0.options[.oscore]?.value } == [[1, 0], [1, 1], [1, 2], [1, 3]])
    #expect(try nodes.messages(.client)[0].code == .fetch)
  }

  @Test func anOldOrForgedNotificationIsPassedOver() throws {
    let observed = try Observed()
    let nodes = observed.nodes
    var held: [[UInt8]] = []
    nodes.onWay = { side, bytes in
      if side == .server, bytes[1] != 0 { held.append(bytes) }
      return nil
    }
    for number in 1...3 {
      try observed.change()
      // What is held back is lost to the server; it goes on with the next.
      if let last = observed.nodes.sent.last(where: { $0.from == .server })?.bytes, number < 3 {
        nodes.arrive([0x60, 0] + last[2..<4], from: .client)
        for id in nodes.delivered { _ = observed.observers.delivered(id, now: nodes.now) }
      }
    }
    #expect(held.count == 3)
    nodes.onWay = { _, _ in nil }
    nodes.arrive(held[1], from: .server)
    #expect(nodes.responses.map(\.payload) == [[0], [2]])
    nodes.arrive(held[0], from: .server)
    nodes.arrive(renumbered(held[1]), from: .server)
    nodes.arrive(changed(held[2]) { $0.payload[0] ^= 1 }, from: .server)
    nodes.arrive(
      changed(held[2]) {
        $0.options.remove(.oscore)
        $0.payload = [7]
      }, from: .server)
    #expect(nodes.responses.map(\.payload) == [[0], [2]] && nodes.ends.isEmpty, "and the observation goes on")
    nodes.arrive(held[2], from: .server)
    #expect(nodes.responses.map(\.payload) == [[0], [2], [3]])
  }

  @Test func onlyWhoRegisteredTakesItBack() throws {
    let observed = try Observed()
    let nodes = observed.nodes
    nodes.server.prove(nodes.clientAddress, now: nodes.now)
    let token = nodes.requests[0].handle.token
    var cancel = CoAPMessage(.get, "a")
    cancel.token = token
    cancel.options.add(CoAPOption(.observe, 1))
    let plain = try CoAPDatagram(.confirmable, messageID: 0x4444, cancel).encoded()
    nodes.arrive(plain, from: .client)
    #expect(observed.observers.count == 1, "a plain request has no say")
    // Nor does a plain registration with that token take the place of the protected one.
    cancel.options.remove(.observe)
    cancel.options.add(CoAPOption(.observe, 0))
    nodes.arrive(try CoAPDatagram(.confirmable, messageID: 0x4445, cancel).encoded(), from: .client)
    #expect(observed.observers.count == 2)
    cancel.options.remove(.observe)
    cancel.options.add(CoAPOption(.observe, 1))
    let (protected, _) = try nodes.pair.client.protect(request: cancel)
    nodes.arrive(try CoAPDatagram(.confirmable, messageID: 0x4446, protected).encoded(), from: .client)
    #expect(observed.observers.count == 1 && !observed.observers.observes(with: nodes.serverContext))
  }

  @Test func withoutItsContextNothingIsTold() throws {
    let observed = try Observed()
    let nodes = observed.nodes
    nodes.server.contexts.remove(nodes.serverContext)
    let before = nodes.sent.count
    #expect(throws: CoAPError.noSecurityContext) { try observed.change() }
    #expect(nodes.sent.count == before)
    observed.observers.removeAll(with: nodes.serverContext)
    #expect(observed.observers.count == 0)
  }

  @Test func cancellingResetsWhatStillComes() throws {
    let observed = try Observed()
    let nodes = observed.nodes
    nodes.perform(.client, nodes.client.cancel(observed.id, now: nodes.now))
    try observed.change()
    #expect(nodes.responses.map(\.payload) == [[0]])
    #expect(nodes.sent.last?.bytes.prefix(2) == [0x70, 0])
    #expect(nodes.client.exchanges.isEmpty && nodes.client.contexts.context(nodes.context)?.uses == 0)
  }

  /// The server does not let us observe: then its answer is one like any other.
  @Test func aRegistrationThatIsNotTakenEndsWithItsResponse() throws {
    let nodes = try SecureNodes()
    nodes.answer = { _, _ in CoAPMessage(code: .content, payload: [1]) }
    try nodes.request(Observed.register)
    #expect(nodes.responses.map(\.payload) == [[1]] && nodes.client.exchanges.isEmpty)
    #expect(nodes.client.endpoint.exchanges.isEmpty)
  }

  @Test func theLastNotificationEndsIt() throws {
    let observed = try Observed()
    let nodes = observed.nodes
    for notice in observed.observers.gone(1) {
      let message = CoAPMessage(code: .notFound, token: notice.token)
      let (_, effects) = try nodes.server.notify(
        message, to: notice.peer, protection: notice.protection, isConfirmable: true, now: nodes.now)
      nodes.perform(.server, effects)
    }
    #expect(nodes.responses.map(\.code) == [.content, .notFound])
    #expect(nodes.client.exchanges.isEmpty && nodes.client.endpoint.exchanges.isEmpty)
    #expect(nodes.server.contexts.context(nodes.serverContext)?.senderSequence == 2, "no nonce was used twice")
  }
}
