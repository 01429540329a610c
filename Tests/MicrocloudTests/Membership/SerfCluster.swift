import Basics

@testable import Microcloud

/// Serf members on a network without loss, in virtual time.
final class SerfCluster {
  private enum Event {
    case packet([UInt8], from: Int, to: Int)
    case dial([UInt8], from: Int, MembershipStreamID, to: Int)
    case answer([UInt8], to: Int, MembershipStreamID)
  }

  var now = Instant(nanoseconds: 0)
  var nodes: [SerfMembership] = []
  var heard: [[SerfEffect]] = []
  /// Nodes that are cut off; they go on by themselves.
  var down: Set<Int> = []
  /// How long a packet takes from one node to another.
  let latencyMilliseconds: (Int, Int) -> UInt64
  let keyring: Keyring?
  private let limits: MembershipLimits
  /// Every packet that was sent.
  private(set) var packets: [[UInt8]] = []
  private var events = EventHeap<Event>()
  private var dialers: [UInt32: (node: Int, id: MembershipStreamID)] = [:]

  init(
    _ count: Int, keyring: Keyring? = nil, limits: MembershipLimits = MembershipLimits(),
    latencyMilliseconds: @escaping (Int, Int) -> UInt64 = { _, _ in 1 }
  ) {
    self.limits = limits
    self.keyring = keyring
    self.latencyMilliseconds = latencyMilliseconds
    for index in 0..<count {
      nodes.append(node(index, seed: UInt64(index)))
      heard.append([])
    }
    for index in 1..<count { act(index) { $0.join([Self.address(0)], now: now) } }
    run(milliseconds: 5000)
    heard = heard.map { _ in [] }
  }

  private func node(
    _ index: Int, seed: UInt64, name: NodeName? = nil, record: SerfRecord = SerfRecord()
  ) -> SerfMembership {
    SerfMembership(
      name: name ?? NodeName("n\(index)".utf8), address: Self.address(index), tags: ["role": "r\(index)"],
      profile: .lan, limits: limits, keyring: keyring, record: record, seed: seed, now: now)
  }

  static func address(_ index: Int) -> SocketAddress {
    SocketAddress(.v4(0x7F00_000B + UInt32(index)), port: 5000)
  }

  /// Another node, which joins the one at `index`.
  func add(name: NodeName, joining index: Int) -> Int {
    nodes.append(node(nodes.count, seed: UInt64(nodes.count), name: name))
    heard.append([])
    act(nodes.count - 1) { $0.join([Self.address(index)], now: now) }
    return nodes.count - 1
  }

  /// Starts it again, with what it has stored.
  func restart(_ index: Int, record: SerfRecord = SerfRecord()) {
    nodes[index] = node(index, seed: 77, record: record)
    down.remove(index)
    act(index) { $0.join(record.peers.isEmpty ? [Self.address(0)] : record.peers, now: now) }
  }

  func act(_ index: Int, _ body: (inout SerfMembership) -> [SerfEffect]) {
    var node = nodes[index]
    let effects = body(&node)
    nodes[index] = node
    for effect in effects { perform(effect, of: index) }
  }

  func run(milliseconds: UInt64) {
    let end = now.advanced(milliseconds: milliseconds)
    while true {
      let deadline = nodes.compactMap(\.nextDeadline).min() ?? end
      if let (at, event) = events.popFirst(until: min(end, deadline)) {
        now = max(now, at)
        handle(event)
      } else if deadline < end {
        now = max(now, deadline)
        for index in nodes.indices { act(index) { $0.tick(now: now) } }
      } else {
        break
      }
    }
    now = end
  }

  func statuses(at index: Int) -> [MemberRecord.Status?] {
    nodes.indices.map { nodes[index].status(of: NodeName("n\($0)".utf8)) }
  }

  private func perform(_ effect: SerfEffect, of index: Int) {
    switch effect {
    case .send(let bytes, let to):
      packets.append(bytes)
      if let peer = peer(to, of: index) {
        events.add(.packet(bytes, from: index, to: peer), at: arrival(index, peer))
      } else {
        heard[index].append(effect)
      }
    case .openStream(let id, let to, let content):
      guard let peer = peer(to, of: index) else { return }
      events.add(.dial(said(content, index), from: index, id, to: peer), at: arrival(index, peer))
    case .answer(let id, let content):
      guard let dialer = dialers.removeValue(forKey: UInt32(index) << 24 | id.rawValue) else { return }
      events.add(.answer(said(content, index), to: dialer.node, dialer.id), at: arrival(index, dialer.node))
    case .closeStream: break
    default: heard[index].append(effect)
    }
  }

  private func arrival(_ index: Int, _ peer: Int) -> Instant {
    now.advanced(milliseconds: latencyMilliseconds(index, peer))
  }

  private func peer(_ address: SocketAddress, of index: Int) -> Int? {
    guard case .v4(let number) = address.address else { return nil }
    let peer = Int(number & 0xFF) - 11
    return nodes.indices.contains(peer) && down.isDisjoint(with: [peer, index]) ? peer : nil
  }

  private func said(_ content: MembershipStreamContent, _ index: Int) -> [UInt8] {
    switch content {
    case .message(let bytes): return bytes
    case .pushPull(let isJoin):
      var writer = nodes[index].pushPull(isJoin: isJoin)
      return writer.next(atLeast: .max) ?? []
    }
  }

  private func handle(_ event: Event) {
    switch event {
    case .packet(let bytes, let sender, let index):
      if down.contains(index) { return }
      for message in try! MemberlistPacket.decode(bytes[...]).messages {
        act(index) { $0.receive(message, from: Self.address(sender), now: now) }
      }
    case .dial(let bytes, let dialer, let id, let index):
      guard let accepted = nodes[index].acceptStream(now: now) else { return }
      dialers[UInt32(index) << 24 | accepted.rawValue] = (dialer, id)
      read(bytes, at: index, accepted)
    case .answer(let bytes, let index, let id): read(bytes, at: index, id)
    }
  }

  private func read(_ bytes: [UInt8], at index: Int, _ id: MembershipStreamID) {
    var decoder = GossipStreamDecoder()
    var rest = bytes[...]
    while let event = try! decoder.next(from: &rest) { act(index) { $0.receive(event, on: id, now: now) } }
  }
}
