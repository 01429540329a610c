import Basics
import Foundation
import Testing

@testable import Microcloud

/// What an agent of Serf 0.9.4 received, given to a member of ours in the same order and at the same times: it has to come
/// to know what the agent knew.
struct SerfReplayTests {
  @Test(arguments: SerfTrace.all) func knowsWhatTheAgentKnew(_ trace: SerfTrace) throws {
    let replay = try SerfReplay(trace)
    #expect(replay.said.count == replay.known.count)
    #expect(replay.said.count == trace.answers)
    for (said, known) in zip(replay.said, replay.known) {
      #expect(known.members == said.members)
      #expect(known.left == said.left)
      #expect(known.statusTimes == said.statusTimes)
      #expect(known.clocks == said.clocks)
    }
    for (name, status) in trace.statusesAtTheEnd { #expect(replay.serf.status(of: name) == status) }
    #expect(replay.serf.membership.nodes.count == trace.members)
  }

  @Test(arguments: SerfTrace.all) func goesTheSameWayTwice(_ trace: SerfTrace) throws {
    let first = try SerfReplay(trace)
    let second = try SerfReplay(trace)
    #expect(first.effects.count > 100)
    #expect(first.effects == second.effects)
    #expect(first.serf.record == second.serf.record)
  }
}

/// One of the files that `vectors/replay-from-capture.py` has made.
struct SerfTrace: Sendable, CustomTestStringConvertible {
  let file: String
  let profile: MembershipProfile
  let name: NodeName
  let address: SocketAddress
  /// Who was killed, and when it spoke last to anybody, in microseconds.
  let killed: [SocketAddress: UInt64]
  let end: UInt64
  let answers: Int
  let members: Int
  let statusesAtTheEnd: [NodeName: MemberRecord.Status]

  var testDescription: String { file }

  static let all = [
    SerfTrace(
      file: "received-lan-3.bin", profile: .lan, name: "n0", address: SocketAddress(.v4(0x7F00_000B), port: 5000),
      killed: [SocketAddress(.v4(0x7F00_000D), port: 5000): 79_420_000], end: 87_410_000, answers: 5, members: 3,
      statusesAtTheEnd: ["n0": .alive, "n1": .left, "n2": .failed]),
    SerfTrace(
      file: "received-wan-3.bin", profile: .wan, name: "n0", address: SocketAddress(.v4(0x7F00_000B), port: 5000),
      killed: [SocketAddress(.v4(0x7F00_000D), port: 5000): 145_020_000], end: 194_000_000, answers: 4, members: 3,
      statusesAtTheEnd: ["n0": .alive, "n1": .left, "n2": .failed]),
    SerfTrace(
      file: "received-wan-20.bin", profile: .wan, name: "m1", address: SocketAddress(.v4(0x7F00_0101), port: 5300),
      killed: [:], end: 132_810_000, answers: 21, members: 20, statusesAtTheEnd: [:]),
  ]
}

/// What a member says in a push/pull, as far as it is not only about itself.
struct SerfView: Equatable {
  struct Member: Equatable {
    let address: SocketAddress
    let meta: [UInt8]
    let incarnation: UInt32
    let isGone: Bool
  }

  var members: [NodeName: Member] = [:]
  var left: Set<NodeName> = []
  var statusTimes: [NodeName: LamportTime] = [:]
  var clocks = SerfClocks()

  init(_ pushPull: [UInt8], without name: NodeName) throws {
    for event in try events(pushPull, chunk: pushPull.count).events {
      switch event {
      case .node(let node) where node.name != name:
        members[node.name] = Member(
          address: node.address, meta: node.meta, incarnation: node.incarnation,
          isGone: node.state == .dead || node.state == .left)
      case .state(.leftMember(let left)): self.left.insert(left)
      case .state(.statusTime(let node, let time)) where node != name: statusTimes[node] = time
      case .state(.memberClock(let time)): clocks.member = time
      case .state(.eventClock(let time)): clocks.event = time
      case .state(.queryClock(let time)): clocks.query = time
      default: break
      }
    }
  }
}

/// A member that hears a trace. Its own probes are answered by those that were there; whatever else it says goes nowhere.
private struct SerfReplay {
  private enum Event {
    case record(UInt8, SocketAddress, [UInt8])
    case ack(sequence: UInt32, from: SocketAddress)
  }

  var serf: SerfMembership
  var effects: [SerfEffect] = []
  /// What the agent said on the streams that were opened to it, and what we knew at those times.
  var said: [SerfView] = []
  var known: [SerfView] = []
  private let trace: SerfTrace
  private var now = Instant(nanoseconds: 0)
  private var events = EventHeap<Event>()
  private var places: [SocketAddress: [UInt8]] = [:]

  init(_ trace: SerfTrace) throws {
    self.trace = trace
    serf = SerfMembership(
      name: trace.name, address: trace.address, tags: [:], profile: trace.profile, seed: 1, now: now)
    var rest = GossipVectors.bytes(trace.file)[...]
    func take(_ count: Int) -> ArraySlice<UInt8> {
      defer { rest = rest.dropFirst(count) }
      return rest.prefix(count)
    }
    while let kind = rest.popFirst() {
      let at = take(4).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      let source = SocketAddress(IPAddress(networkBytes: take(4))!, port: trace.address.port)
      let content = Array(take(take(2).reduce(0) { $0 << 8 | Int($1) }))
      events.add(.record(kind, source, content), at: Instant(nanoseconds: at * 1000))
    }
    try run()
  }

  private mutating func run() throws {
    let end = Instant(nanoseconds: trace.end * 1000)
    while true {
      let deadline = min(end, serf.nextDeadline ?? end)
      if let (at, event) = events.popFirst(until: deadline) {
        now = max(now, at)
        try handle(event)
      } else if deadline < end {
        now = max(now, deadline)
        perform(serf.tick(now: now))
      } else {
        break
      }
    }
  }

  private mutating func handle(_ event: Event) throws {
    switch event {
    case .record(UInt8(ascii: "u"), let source, let content):
      for message in try MemberlistPacket.decode(content[...]).messages {
        if case .ack(_, let payload) = message { places[source] = payload }
        perform(serf.receive(message, from: source, now: now))
      }
    case .record(UInt8(ascii: "s"), _, let content):
      // An agent answers before it judges what it was told.
      var writer = serf.pushPull(isJoin: false)
      known.append(try SerfView(writer.next(atLeast: .max) ?? [], without: trace.name))
      guard let id = serf.acceptStream(now: now) else { return }
      for event in try pieces(content) { perform(serf.receive(event, on: id, now: now)) }
    case .record(_, _, let content): said.append(try SerfView(content, without: trace.name))
    case .ack(let sequence, let address):
      let ack = MemberlistMessage.ack(sequence: sequence, payload: places[address] ?? [])
      perform(serf.receive(ack, from: address, now: now))
    }
  }

  private func pieces(_ stream: [UInt8]) throws -> [GossipStreamEvent] {
    var decoder = GossipStreamDecoder()
    return try drain(&decoder, stream[...])
  }

  private mutating func perform(_ new: [SerfEffect]) {
    effects += new
    for case .send(let packet, let address) in new {
      if let silence = trace.killed[address], now.nanoseconds >= silence * 1000 { continue }
      for case .ping(let ping) in (try? MemberlistPacket.decode(packet[...]).messages) ?? [] {
        events.add(.ack(sequence: ping.sequence, from: address), at: now.advanced(milliseconds: 1))
      }
    }
  }
}
