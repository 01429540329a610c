import Basics
import LinuxSystem
import Microcloud

/// Many nodes that have been together for long, of which now and then one goes and comes back.
final class CrowdedWorld: WorldObserver {
  /// Of all nodes, per hour.
  static let churnPerMille = 10
  /// How long one is away.
  private static let awayMilliseconds: UInt64 = 60_000
  private static let hourMilliseconds: UInt64 = 3_600_000

  let world: World
  private var random: SeededRandom
  private var owners: [NodeName: Int] = [:]
  private(set) var departures = 0
  private(set) var failuresSeen = 0
  private(set) var falseFailures = 0

  init(_ topology: Topology, nodes: Int, seed: UInt64) {
    var settings = GossipPart.Settings()
    settings.limits.members = nodes + 64
    settings.compresses = false
    random = SeededRandom(seed: seed)
    world = World(topology, nodes: nodes, settings: settings, seed: random.next())
    world.observer = self
    let member = settled(settings)
    for node in world.nodes { world.start(node, settledBeside: member) }
    churn(everyMilliseconds: Self.hourMilliseconds * 1000 / UInt64(max(1, nodes * Self.churnPerMille)))
  }

  /// The first node as it is when it knows all others.
  private func settled(_ settings: GossipPart.Settings) -> SerfMembership {
    let now = world.nodes[0].clock.local(world.now)
    var member = SerfMembership(
      name: NodeName(world.nodes[0].hostName.utf8), address: world.nodes[0].address, tags: world.nodes[0].tags,
      profile: settings.profile, limits: settings.limits, seed: random.next(), now: now)
    for node in world.nodes.dropFirst() {
      let alive = MemberlistMessage.Alive(
        incarnation: 1, node: NodeName(node.hostName.utf8), address: node.address, meta: node.tags.encoded,
        versions: .ours)
      _ = member.receive(.alive(alive), from: node.address, now: now)
    }
    return member
  }

  private func churn(everyMilliseconds pause: UInt64) {
    world.after(milliseconds: pause) { [unowned self] in
      let node = world.nodes[3 + random.index(below: world.nodes.count - 3)]
      if node.power == .on {
        departures += 1
        world.cutPower(node)
        world.after(milliseconds: Self.awayMilliseconds) { [unowned self] in world.start(node) }
      }
      churn(everyMilliseconds: pause)
    }
  }

  func isCalled(_ name: NodeName, _ node: SimulatedNode) { owners[name] = node.index }
  func heard(_ message: MemberlistMessage, at node: SimulatedNode) {}
  func sends(_ bytes: [UInt8], _ node: SimulatedNode) {}
  func spins(_ node: SimulatedNode) {}

  func sees(_ change: SerfMemberChange, of peer: NodeName, _ node: SimulatedNode) {
    guard change == .failed, let owner = owners[peer] else { return }
    if world.nodes[owner].isOn { falseFailures += 1 } else { failuresSeen += 1 }
  }
}
