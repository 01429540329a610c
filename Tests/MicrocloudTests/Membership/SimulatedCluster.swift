import Basics
import TestSupport

@testable import Microcloud

/// Members on a network in virtual time, which goes the same way for the same seed.
final class SimulatedCluster {
  struct Network {
    /// Of a packet, each way.
    var latencyMilliseconds: ClosedRange<UInt64> = 1...5
    var lostPerThousand = 0
    var duplicatedPerThousand = 0
  }

  struct Change: Equatable {
    let at: Instant
    let name: NodeName
    let change: MemberChange
  }

  final class Node {
    var membership: Membership
    let address: SocketAddress
    let name: NodeName
    var isUp = true
    /// Packets and streams go between nodes of the same island.
    var island = 0
    var wakesAt: Instant?
    var changes: [Change] = []
    var conflicts: [NodeName] = []
    var users: [[UInt8]] = []
    var joins: [Bool] = []
    var leftAt: Instant?

    init(_ membership: Membership, address: SocketAddress, name: NodeName) {
      self.membership = membership
      self.address = address
      self.name = name
    }
  }

  private enum Event {
    case wake(Int)
    case packet([UInt8], from: SocketAddress, to: Int)
    case dial([UInt8], from: Int, MembershipStreamID, to: Int)
    case stream([UInt8], to: Int, MembershipStreamID)
    case streamEnd(Int, MembershipStreamID)
  }

  private struct PeerStream: Hashable {
    let node: Int
    let id: MembershipStreamID
  }

  var network = Network()
  private(set) var now = Instant(nanoseconds: 1_000_000_000)
  private(set) var nodes: [Node] = []
  private(set) var packets = 0
  private(set) var largestPacket = 0
  private var random: SeededGenerator
  private var events = EventHeap<Event>()
  /// Who dialled a stream that a node accepted.
  private var dialers: [PeerStream: PeerStream] = [:]
  private let profile: MembershipProfile

  init(_ count: Int, profile: MembershipProfile = .lan, seed: UInt64 = 1) {
    self.profile = profile
    random = SeededGenerator(seed: seed)
    for _ in 0..<count { _ = add() }
  }

  // MARK: What a test does

  @discardableResult
  func add(name: NodeName? = nil, meta: [UInt8] = [0xFF, 0x80]) -> Int {
    let index = nodes.count
    let address = SocketAddress(.v4(0x0A00_0001 + UInt32(index)), port: 7946)
    let name = name ?? NodeName("n\(index)".utf8)
    let membership = start(name, address, meta: meta)
    nodes.append(Node(membership, address: address, name: name))
    schedule(index)
    return index
  }

  private func start(_ name: NodeName, _ address: SocketAddress, meta: [UInt8]) -> Membership {
    Membership(name: name, address: address, meta: meta, profile: profile, seed: random.next(), now: now)
  }

  func join(_ index: Int, to other: Int) {
    act(index) { $0.join([nodes[other].address], now: now) }
  }

  /// All join the first one and get to know one another.
  func joinAll() {
    for index in nodes.indices.dropFirst() { join(index, to: 0) }
    run(milliseconds: 5000)
  }

  func crash(_ index: Int) { nodes[index].isUp = false }

  /// Starts it again with the same name and no memory.
  func restart(_ index: Int) {
    let node = nodes[index]
    nodes[index].isUp = true
    nodes[index].membership = start(node.name, node.address, meta: [0xFF, 0x80])
    schedule(index)
  }

  func leave(_ index: Int) { act(index) { $0.leave(now: now) } }

  func isolate(_ indices: Range<Int>, island: Int) {
    for index in indices { nodes[index].island = island }
  }

  func act(_ index: Int, _ body: (inout Membership) -> [MembershipEffect]) {
    let effects = body(&nodes[index].membership)
    perform(effects, of: index)
    schedule(index)
  }

  func run(milliseconds: UInt64) {
    let end = now.advanced(milliseconds: milliseconds)
    while let (at, event) = events.popFirst(until: end) {
      now = at
      handle(event)
    }
    now = end
  }

  func forgetChanges() {
    for index in nodes.indices { nodes[index].changes = [] }
  }

  // MARK: What a test sees

  /// The names that a node knows in a state.
  func names(at index: Int, _ state: PushPullNodeState = .alive) -> Set<NodeName> {
    Set(nodes[index].membership.nodes.filter { $0.state == state }.map(\.name))
  }

  var upNames: Set<NodeName> { Set(nodes.filter { $0.isUp && $0.leftAt == nil }.map(\.name)) }

  /// Whether every node that is up knows exactly those as alive that are, in the same incarnation and with the same meta.
  var agrees: Bool {
    let up = nodes.indices.filter { nodes[$0].isUp && nodes[$0].leftAt == nil }
    func view(_ index: Int) -> [NodeName: PushPullNode] {
      Dictionary(
        uniqueKeysWithValues: nodes[index].membership.nodes.filter { $0.state == .alive }.map { ($0.name, $0) })
    }
    guard let first = up.first else { return true }
    let expected = view(first)
    return Set(expected.keys) == upNames && up.allSatisfy { view($0) == expected }
  }

  /// When a node saw the first such change of a member.
  func time(_ change: MemberChange, of name: NodeName, at index: Int) -> Instant? {
    nodes[index].changes.first { $0.name == name && $0.change == change }?.at
  }

  func count(_ change: MemberChange) -> Int {
    nodes.reduce(0) { $0 + $1.changes.count { $0.change == change } }
  }

  // MARK: Time and network

  private func schedule(_ index: Int) {
    guard nodes[index].isUp, let deadline = nodes[index].membership.nextDeadline else { return }
    if let wakesAt = nodes[index].wakesAt, wakesAt <= deadline { return }
    let due = max(now, deadline)
    nodes[index].wakesAt = due
    events.add(.wake(index), at: due)
  }

  private func handle(_ event: Event) {
    switch event {
    case .wake(let index):
      // An earlier time was set after this one.
      guard nodes[index].wakesAt == now else { return }
      nodes[index].wakesAt = nil
      guard nodes[index].isUp else { return }
      act(index) { $0.tick(now: now) }
    case .packet(let bytes, let source, let index):
      guard nodes[index].isUp else { return }
      for message in try! MemberlistPacket.decode(bytes[...]).messages {
        act(index) { $0.receive(message, from: source, now: now) }
      }
    case .dial(let bytes, let dialer, let id, let index):
      accept(bytes, from: PeerStream(node: dialer, id: id), at: index)
    case .stream(let bytes, let index, let id): read(bytes, at: index, id)
    case .streamEnd(let index, let id):
      if nodes[index].isUp { act(index) { $0.streamEnded(id, now: now) } }
    }
  }

  private func perform(_ effects: [MembershipEffect], of index: Int) {
    for effect in effects {
      switch effect {
      case .send(let bytes, let address): send(bytes, from: index, to: address)
      case .openStream(let id, let address, let content): dial(content, from: index, id, to: address)
      case .answer(let id, let content):
        guard let dialer = dialers.removeValue(forKey: PeerStream(node: index, id: id)) else { continue }
        events.add(.stream(encoded(content, of: index), to: dialer.node, dialer.id), at: arrival(1))
        events.add(.streamEnd(index, id), at: now)
      case .closeStream(let id): dialers[PeerStream(node: index, id: id)] = nil
      case .member(let name, let change): nodes[index].changes.append(Change(at: now, name: name, change: change))
      case .conflict(let name, _, _): nodes[index].conflicts.append(name)
      case .user(let message): nodes[index].users.append(message)
      case .userState, .acknowledged: break
      case .joined(_, let isSuccess): nodes[index].joins.append(isSuccess)
      case .hasLeft: nodes[index].leftAt = now
      }
    }
  }

  private func arrival(_ trips: UInt64) -> Instant {
    let range = network.latencyMilliseconds
    let latency = range.lowerBound + random.next() % (range.upperBound - range.lowerBound + 1)
    return now.advanced(milliseconds: trips * latency)
  }

  private func peer(_ address: SocketAddress, reachableFrom index: Int) -> Int? {
    let peer = Int(addressNumber(address)) - 0x0A00_0001
    guard nodes.indices.contains(peer), nodes[peer].island == nodes[index].island else { return nil }
    return peer
  }

  private func addressNumber(_ address: SocketAddress) -> UInt32 {
    guard case .v4(let number) = address.address else { return 0 }
    return number
  }

  private func send(_ bytes: [UInt8], from index: Int, to address: SocketAddress) {
    packets += 1
    largestPacket = max(largestPacket, bytes.count)
    guard let peer = peer(address, reachableFrom: index), random.below(1000) >= network.lostPerThousand else { return }
    let copies = random.below(1000) < network.duplicatedPerThousand ? 2 : 1
    for _ in 0..<copies { events.add(.packet(bytes, from: nodes[index].address, to: peer), at: arrival(1)) }
  }

  private func dial(
    _ content: MembershipStreamContent, from index: Int, _ id: MembershipStreamID, to address: SocketAddress
  ) {
    guard let peer = peer(address, reachableFrom: index) else { return }
    events.add(.dial(encoded(content, of: index), from: index, id, to: peer), at: arrival(3))
  }

  private func encoded(_ content: MembershipStreamContent, of index: Int) -> [UInt8] {
    switch content {
    case .message(let bytes): return bytes
    case .pushPull(let isJoin):
      let state = SerfState(
        memberClock: 1, eventClock: 1, queryClock: 1, leftMembers: [NodeName](),
        statusTimes: [(name: NodeName, time: LamportTime)]())
      var writer = PushPullWriter(isJoin: isJoin, nodes: nodes[index].membership.nodes, serfState: state)
      return writer.next(atLeast: .max) ?? []
    }
  }

  private func accept(_ bytes: [UInt8], from dialer: PeerStream, at index: Int) {
    guard nodes[index].isUp, let id = nodes[index].membership.acceptStream(now: now) else {
      return events.add(.streamEnd(dialer.node, dialer.id), at: arrival(1))
    }
    dialers[PeerStream(node: index, id: id)] = dialer
    read(bytes, at: index, id)
  }

  private func read(_ bytes: [UInt8], at index: Int, _ id: MembershipStreamID) {
    guard nodes[index].isUp else { return }
    var decoder = GossipStreamDecoder()
    var rest = bytes[...]
    while let event = try! decoder.next(from: &rest) {
      act(index) { $0.receive(event, on: id, now: now) }
    }
  }
}

/// Events in the order of time, and of those at the same time in the order in which they were added.
struct EventHeap<Event> {
  private var heap: [(at: Instant, number: UInt64, event: Event)] = []
  private var number: UInt64 = 0

  mutating func add(_ event: Event, at: Instant) {
    number += 1
    heap.append((at, number, event))
    var child = heap.count - 1
    while child > 0, precedes(child, (child - 1) / 2) {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  mutating func popFirst(until end: Instant) -> (at: Instant, event: Event)? {
    guard let first = heap.first, first.at <= end else { return nil }
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    var parent = 0
    while true {
      let children = [2 * parent + 1, 2 * parent + 2].filter { $0 < heap.count }
      guard let least = children.min(by: { precedes($0, $1) }), precedes(least, parent) else { break }
      heap.swapAt(parent, least)
      parent = least
    }
    return (first.at, first.event)
  }

  private func precedes(_ left: Int, _ right: Int) -> Bool {
    (heap[left].at, heap[left].number) < (heap[right].at, heap[right].number)
  }
}
