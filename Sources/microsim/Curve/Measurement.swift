import Basics
import LinuxSystem
import Microcloud

/// What one size of a network costs and how quick it is, from a cold start on.
struct Measurement {
  var nodes = 0
  /// From the last node's start until of all pairs 99 in 100 know one another, and until all do; nil: not in the time
  /// there was.
  var nearlyConverged: UInt64?
  var converged: UInt64?
  var startBytesPerNode = 0
  /// From a power cut until the first node takes it for a failure, and until the last does.
  var firstNoticed: [UInt64] = []
  var allNoticed: [UInt64] = []
  /// From the power's return until all know it again.
  var returned: [UInt64] = []
  /// From a wish to leave until all know of it.
  var left: [UInt64] = []
  /// What is sent at rest.
  var bytesPerNodeSecond = 0.0
  var packetsPerNodeSecond = 0.0
  /// Of nodes that were there, at rest, per node and hour.
  var suspicionsPerNodeHour = 0.0
  /// How often somebody said that a node had failed which was there, in the whole run.
  var falseFailures = 0
  /// Of the process, for each node.
  var memoryBytesPerNode = 0
  var eventsPerSecond = 0.0
  /// How much faster than a clock.
  var speed = 0.0
}

/// Takes a measurement.
final class MeasuredWorld: WorldObserver {
  /// How many nodes in turn lose their power, and how many leave.
  static let trials = 3
  /// All nodes are switched on within this time.
  static let startMilliseconds: UInt64 = 5000
  /// The longest that anything is waited for.
  static let patienceMilliseconds: UInt64 = 900_000
  /// After a change, until it is quiet again.
  static let quietMilliseconds: UInt64 = 60_000
  static let restMilliseconds: UInt64 = 120_000

  private let world: World
  private var random: SeededRandom
  private var result = Measurement()
  /// How many of the others each node sees, together.
  private var seen = 0
  private var wanted = 0
  private var nearlySeen: Instant?
  /// The change that is waited for: how many nodes have seen it, when the first did, and the last.
  private var watched: (name: NodeName, change: SerfMemberChange)?
  private var watchers = 0
  private var firstSeen: Instant?
  private var owners: [NodeName: Int] = [:]
  private var suspicions = 0

  init(_ topology: Topology, nodes: Int, seed: UInt64) {
    var settings = GossipPart.Settings()
    settings.limits.members = max(settings.limits.members, nodes + 64)
    random = SeededRandom(seed: seed)
    world = World(topology, nodes: nodes, settings: settings, seed: random.next())
    result.nodes = nodes
    world.observer = self
  }

  func measured() -> Measurement {
    let memoryBefore = ProcessMemory.residentBytes
    let (begin, events) = (Clock.now(), 0)
    startAll()
    world.run(milliseconds: Self.quietMilliseconds)
    rest()
    result.memoryBytesPerNode = max(0, ProcessMemory.residentBytes - memoryBefore) / result.nodes
    for _ in 0..<Self.trials { crash() }
    for _ in 0..<Self.trials { leave() }
    let seconds = max(0.001, Double(Clock.now().milliseconds(since: begin)) / 1000)
    result.eventsPerSecond = Double(world.eventCount - events) / seconds
    result.speed = Double(world.now.nanoseconds) / 1e9 / seconds
    return result
  }

  // MARK: What is done

  private func startAll() {
    let count = world.nodes.count
    for node in world.nodes {
      world.after(milliseconds: random.below(Self.startMilliseconds)) { [world] in world.start(node) }
    }
    world.run(milliseconds: Self.startMilliseconds)
    let start = world.now
    wanted = count * (count - 1)
    if seen < wanted { world.run(milliseconds: Self.patienceMilliseconds) }
    result.nearlyConverged = nearlySeen.map { $0.milliseconds(since: start) }
    if seen == wanted { result.converged = world.now.milliseconds(since: start) }
    result.startBytesPerNode = world.traffic.bytes / count
  }

  private func rest() {
    let (before, suspicionsBefore) = (world.traffic, suspicions)
    world.run(milliseconds: Self.restMilliseconds)
    let nodeSeconds = Double(result.nodes) * Double(Self.restMilliseconds) / 1000
    result.bytesPerNodeSecond = Double(world.traffic.bytes - before.bytes) / nodeSeconds
    result.packetsPerNodeSecond = Double(world.traffic.packets - before.packets) / nodeSeconds
    result.suspicionsPerNodeHour = Double(suspicions - suspicionsBefore) / nodeSeconds * 3600
  }

  private func crash() {
    guard let node = pick(), let name = node.gossip?.name else { return }
    let start = world.now
    world.cutPower(node)
    waitForAll(.failed, of: name)
    if let firstSeen { result.firstNoticed.append(firstSeen.milliseconds(since: start)) }
    result.allNoticed.append(world.now.milliseconds(since: start))
    world.run(milliseconds: Self.quietMilliseconds)
    let back = world.now
    world.start(node)
    waitForAll(.joined, of: name)
    result.returned.append(world.now.milliseconds(since: back))
    world.run(milliseconds: Self.quietMilliseconds)
  }

  private func leave() {
    guard let node = pick(), let name = node.gossip?.name else { return }
    let start = world.now
    world.leave(node)
    waitForAll(.left, of: name)
    result.left.append(world.now.milliseconds(since: start))
    world.run(milliseconds: Self.quietMilliseconds)
  }

  /// A node that is there and that nobody else was told to turn to.
  private func pick() -> SimulatedNode? {
    let present = world.nodes.dropFirst(3).filter { $0.power == .on }
    return present.isEmpty ? nil : present[present.startIndex + random.index(below: present.count)]
  }

  /// Lets time go by until all nodes that are there have seen this.
  private func waitForAll(_ change: SerfMemberChange, of name: NodeName) {
    watched = (name, change)
    firstSeen = nil
    watchers = world.nodes.count { $0.power == .on && $0.gossip?.name != name }
    world.run(milliseconds: Self.patienceMilliseconds)
    watched = nil
  }

  // MARK: What is seen

  func isCalled(_ name: NodeName, _ node: SimulatedNode) { owners[name] = node.index }

  func sends(_ bytes: [UInt8], _ node: SimulatedNode) {}
  func spins(_ node: SimulatedNode) {}

  func heard(_ message: MemberlistMessage, at node: SimulatedNode) {
    // Each is counted where it comes from: the accuser tells the suspect itself in its next probe.
    guard case .suspect(let accusation) = message, owners[accusation.node] == node.index else { return }
    suspicions += 1
  }

  func sees(_ change: SerfMemberChange, of peer: NodeName, _ node: SimulatedNode) {
    switch change {
    case .joined:
      seen += 1
      if wanted > 0, nearlySeen == nil, seen * 100 >= wanted * 99 { nearlySeen = world.now }
      if seen == wanted { world.stop() }
    case .failed, .left:
      seen -= 1
      if change == .failed, let owner = owners[peer], world.nodes[owner].power == .on { result.falseFailures += 1 }
    case .updated, .reaped: break
    }
    guard let watched, watched.name == peer, watched.change == change else { return }
    if firstSeen == nil { firstSeen = world.now }
    watchers -= 1
    if watchers == 0 { world.stop() }
  }
}
