import Basics
import TestSupport

@testable import Microcloud

/// Endpoints on a network in virtual time, which goes the same way for the same seed.
final class CoAPWorld {
  private enum Event {
    case datagram([UInt8], from: Int, to: Int)
    case wake(Int)
    case call(() -> Void)
  }

  final class Node {
    var secure: SecureCoAPEndpoint
    var endpoint: CoAPEndpoint { secure.endpoint }
    let address: SocketAddress
    var onRequest: ((CoAPMessage, CoAPRequestHandle) -> Void)?
    var responses: [CoAPExchangeID: [CoAPMessage]] = [:]
    var ends: [CoAPExchangeID: [CoAPEnd]] = [:]
    var delivered: [CoAPExchangeID] = []
    var wakesAt: Instant?

    init(_ endpoint: consuming SecureCoAPEndpoint, _ address: SocketAddress) {
      secure = endpoint
      self.address = address
    }
  }

  /// Of each datagram, in percent.
  var lost: UInt64 = 0
  var doubled: UInt64 = 0
  var latencyMilliseconds: ClosedRange<UInt64> = 5...10
  /// Datagrams that this says are lost.
  var isDropped: (_ bytes: [UInt8], _ from: Int, _ to: Int) -> Bool = { _, _, _ in false }
  private(set) var now = Instant(nanoseconds: 5_000_000_000)
  private(set) var nodes: [Node] = []
  private(set) var sent: [(at: Instant, bytes: [UInt8], from: Int, to: SocketAddress)] = []
  private var events = EventHeap<Event>()
  var random: SeededGenerator

  init(_ count: Int, seed: UInt64 = 1, limits: CoAPLimits = CoAPLimits()) {
    random = SeededGenerator(seed: seed)
    for index in 0..<count {
      let key = BigEndian.bytes(random.next())
      // No secret is kept from the simulated network.
      let endpoint = SecureCoAPEndpoint(limits: limits, digest: { Checksum.of(key + $0) })
      let address: IPAddress =
        index % 2 == 0 ? .v4(0x0A00_0001 + UInt32(index)) : .v6(high: 0xFE80 << 48, low: UInt64(index))
      nodes.append(Node(endpoint, SocketAddress(address, port: 5683, scope: index % 2 == 0 ? 0 : 2)))
    }
  }

  func act(_ index: Int, _ body: (inout SecureCoAPEndpoint) -> [CoAPEffect]) {
    perform(index, body(&nodes[index].secure))
  }

  /// Gives two nodes a security context; what the first asks the second is protected from now on.
  func share(_ client: Int, _ server: Int) throws {
    let pair = try OSCOREPair(UInt8(client), clientID: [UInt8(client)], serverID: [UInt8(server), UInt8(client)])
    _ = nodes[client].secure.contexts.insert(pair.client, peer: nodes[server].address)
    _ = nodes[server].secure.contexts.insert(pair.server, peer: nodes[client].address)
  }

  @discardableResult
  func request(
    _ from: Int, to peer: Int, _ message: CoAPMessage, isConfirmable: Bool = true, timeoutMilliseconds: UInt64? = nil
  ) throws -> CoAPExchangeID {
    let address = nodes[peer].address
    let (id, effects) = try nodes[from].secure.request(
      message, to: address, context: nodes[from].secure.contexts.number(of: address), isConfirmable: isConfirmable,
      timeoutMilliseconds: timeoutMilliseconds, now: now)
    perform(from, effects)
    return id
  }

  func after(milliseconds: UInt64, _ call: @escaping () -> Void) {
    events.add(.call(call), at: now.advanced(milliseconds: milliseconds))
  }

  func run(milliseconds: UInt64) {
    let end = now.advanced(milliseconds: milliseconds)
    while let (at, event) = events.popFirst(until: end) {
      now = at
      switch event {
      case .call(let call): call()
      case .wake(let index):
        if nodes[index].wakesAt == at { nodes[index].wakesAt = nil }
        if let next = nodes[index].secure.nextDeadline, next <= now {
          act(index) { $0.tick(now: now) }
          if let later = nodes[index].secure.nextDeadline { precondition(later > now, "what was due is still due") }
        }
        schedule(index)
      case .datagram(let bytes, let from, let to):
        act(to) { $0.receive(bytes, from: nodes[from].address, now: now) }
      }
    }
    now = end
  }

  private func perform(_ index: Int, _ effects: [CoAPEffect]) {
    for effect in effects {
      switch effect {
      case .send(let bytes, let peer): send(bytes, from: index, to: peer)
      case .request(let message, let handle): nodes[index].onRequest?(message, handle)
      case .response(let id, let message, _): nodes[index].responses[id, default: []].append(message)
      case .ended(let id, let reason): nodes[index].ends[id, default: []].append(reason)
      case .delivered(let id): nodes[index].delivered.append(id)
      }
    }
    schedule(index)
  }

  private func send(_ bytes: [UInt8], from index: Int, to peer: SocketAddress) {
    sent.append((now, bytes, index, peer))
    guard let to = nodes.firstIndex(where: { $0.address == peer }), !isDropped(bytes, index, to) else { return }
    if random.below(100) < lost { return }
    for _ in 0..<(random.below(100) < doubled ? 2 : 1) {
      let spread = latencyMilliseconds.upperBound - latencyMilliseconds.lowerBound + 1
      let latency = latencyMilliseconds.lowerBound + random.below(spread)
      events.add(.datagram(bytes, from: index, to: to), at: now.advanced(milliseconds: latency))
    }
  }

  private func schedule(_ index: Int) {
    guard let next = nodes[index].secure.nextDeadline else { return }
    if let wakesAt = nodes[index].wakesAt, wakesAt <= next { return }
    nodes[index].wakesAt = max(next, now)
    events.add(.wake(index), at: max(next, now))
  }
}

extension CoAPMessage {
  init(_ code: CoAPCode, _ path: String, payload: [UInt8] = []) {
    self.init(code: code, payload: payload)
    self.path = path.split(separator: "/").map { String($0) }
  }
}
