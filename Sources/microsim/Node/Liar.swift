import Basics
import Microcloud

/// A stranger on the network who knows all addresses and names, and says what is not so to members at random. Of a
/// microcloud with a key it has none: it sends the same, which nobody can open.
final class Liar {
  private static let pauseMilliseconds: UInt64 = 100
  /// By what a lie puts an incarnation above the true one: it knows how far it is believed (`MembershipLimits`).
  private static let steps: [UInt32] = [0, 1, 2, 1000, 1 << 24, 1 << 26, 1 << 30, .max]

  private unowned let world: World
  private let node: SimulatedNode
  private var random: SeededRandom
  private var invented = 0
  private var until = Instant(nanoseconds: 0)
  /// Whom half of its lies are about.
  private var favourite: SimulatedNode?
  /// Its names are not to be believed for long.
  static let inventedPrefix = "liar-"

  /// - Parameter node: a machine of its own, on which no agent runs.
  init(_ world: World, on node: SimulatedNode, seed: UInt64) {
    self.world = world
    self.node = node
    random = SeededRandom(seed: seed)
  }

  /// Lies for so long.
  func lie(milliseconds: UInt64) {
    let wasQuiet = until <= world.now
    until = max(until, world.now.advanced(milliseconds: milliseconds))
    if !wasQuiet { return }
    favourite = pick()
    goOn()
  }

  private func goOn() {
    guard world.now < until else { return }
    if let listener = pick(), let victim = random.below(2) == 0 ? favourite : pick(), let name = victim.gossip?.name {
      let lie = lie(about: name, victim)
      let bytes = random.below(4) == 0 ? damaged(lie.encoded) : lie.encoded
      world.sendUnseen(bytes, from: node, port: GossipPart.defaultPort, to: listener.address)
    }
    world.after(milliseconds: Self.pauseMilliseconds / 2 + random.below(Self.pauseMilliseconds)) { [weak self] in
      self?.goOn()
    }
  }

  private func pick() -> SimulatedNode? {
    let members = world.nodes.filter { $0.gossip != nil }
    return members.isEmpty ? nil : members[random.index(below: members.count)]
  }

  private func lie(about name: NodeName, _ victim: SimulatedNode) -> MemberlistMessage {
    let incarnation = victim.gossip?.membership?.membership.node(named: name)?.incarnation ?? 1
    let step = Self.steps[random.index(below: Self.steps.count)]
    let said = incarnation.addingReportingOverflow(step)
    let accusation = MemberlistMessage.Accusation(
      incarnation: said.overflow ? .max : said.partialValue, node: name,
      from: random.below(2) == 0 ? name : invent().node)
    switch random.below(6) {
    case 0: return .suspect(accusation)
    case 1: return .dead(accusation)
    case 2: return .alive(invent())
    case 3: return .alive(impersonate(name, accusation.incarnation))
    case 4: return .ack(sequence: UInt32(truncatingIfNeeded: random.next()), payload: junk(upTo: 60))
    default: return .user(junk(upTo: 200))
    }
  }

  /// A member that there is not.
  private func invent() -> MemberlistMessage.Alive {
    invented += 1
    return MemberlistMessage.Alive(
      incarnation: UInt32(1 + random.below(5)), node: NodeName("\(Self.inventedPrefix)\(invented)".utf8),
      address: SocketAddress(.v4(UInt32(0xC0A8_0000 + random.below(1 << 16))), port: 9), meta: junk(upTo: 300),
      versions: .ours)
  }

  /// A member that there is, elsewhere or with other tags.
  private func impersonate(_ name: NodeName, _ incarnation: UInt32) -> MemberlistMessage.Alive {
    let elsewhere = random.below(2) == 0
    let address = elsewhere ? node.address : world.nodes.first { $0.gossip?.name == name }?.address
    return MemberlistMessage.Alive(
      incarnation: incarnation, node: name, address: address ?? node.address, meta: junk(upTo: 100), versions: .ours)
  }

  private func junk(upTo limit: UInt64) -> [UInt8] {
    (0..<random.below(limit + 1)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
  }

  private func damaged(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    bytes[random.index(below: bytes.count)] ^= UInt8(1 + random.below(255))
    return bytes
  }
}
