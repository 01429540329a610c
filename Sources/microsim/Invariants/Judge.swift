import Basics
import Microcloud

/// Watches a world while a scenario goes on, and stops it at the first thing that must not be.
final class Judge: WorldObserver {
  /// How often each node is looked at.
  static let pauseMilliseconds: UInt64 = 1000
  /// By how many steps a node refutes at most in a history without liars; each accusation costs one.
  static let mostRefutations: UInt32 = 2000
  /// What newcomers believe of anybody: beyond, a member could not be seen by them.
  static let highestIncarnation: UInt32 = 1 << 31
  /// How much longer a sealed packet may be.
  private static let sealBytes = GossipCipher.overheadBytes

  let world: World
  let scenario: Scenario
  let bounds: Bounds
  let members: Range<Int>
  var truth: Truth
  private(set) var violation: Violation?
  /// How often something was done with a node: what was expected of it before is void.
  var deeds: [Int]
  /// Nodes that move or leave: what they and others think of them is not held against them for a moment.
  var unsureUntil: [Int: Instant] = [:]
  /// Nodes that do not get to run: they are suspected, and suspect.
  var slowUntil: [Int: Instant] = [:]
  /// How often nodes were to hear what another one says, and did not soon.
  var told = 0
  var missed = 0
  /// What nodes call themselves.
  private var names: [Int: NodeName] = [:]
  private var suspicions: Set<SuspicionKey> = []
  private let isLiedTo: Bool
  /// Is told each change that a node sees, to be printed.
  var onChange: ((String) -> Void)?

  private struct SuspicionKey: Hashable {
    let suspect: Int
    let accuser: Int
    let incarnation: UInt32
  }

  init(_ world: World, _ scenario: Scenario, _ bounds: Bounds) {
    self.world = world
    self.scenario = scenario
    self.bounds = bounds
    members = 0..<scenario.nodes
    truth = Truth(scenario, bounds: bounds)
    deeds = [Int](repeating: 0, count: world.nodes.count)
    isLiedTo = scenario.steps.contains { if case .lies = $0.what { true } else { false } }
    world.observer = self
  }

  var nodes: ArraySlice<SimulatedNode> { world.nodes[members] }
  var now: Instant { world.now }

  func complain(_ invariant: Violation.Invariant, _ text: String) {
    if violation != nil { return }
    violation = Violation(invariant: invariant, at: now, text: text)
    world.stop()
  }

  // MARK: As it happens

  func isCalled(_ name: NodeName, _ node: SimulatedNode) {
    if let earlier = names.updateValue(name, forKey: node.index), earlier != name, truth.isCalm(from: now, to: now) {
      complain(.name, "\(node.hostName) calls itself \(name), which was called \(earlier)")
    }
    truth.isCalled(name, node)
    onChange?("\(node.hostName) is called \(name)")
  }

  func sends(_ bytes: [UInt8], _ node: SimulatedNode) {
    let most = PacketBuilder.customaryBudgetBytes + (scenario.isKeyed ? Self.sealBytes : 0)
    if bytes.count > most { complain(.packet, "\(node.hostName) sends a packet of \(bytes.count) bytes") }
  }

  func spins(_ node: SimulatedNode) {
    complain(.busy, "\(node.hostName) wants to be woken at once, over and over")
  }

  func sees(_ change: SerfMemberChange, of peer: NodeName, _ node: SimulatedNode) {
    onChange?("\(node.hostName) sees that \(peer) \(change)")
    guard change == .failed, let index = truth.owners[peer], members.contains(index) else { return }
    let subject = world.nodes[index]
    guard truth.isCalm(from: now, to: now), isSettled(node) else { return }
    if subject.hasLeft && subject.power == .off {
      complain(.farewell, "\(node.hostName) says that \(peer) failed, which had said farewell")
    } else if isSettled(subject) && isSure(subject.index) && subject.gossip?.name == peer {
      complain(.alive, "\(node.hostName) says that \(peer) failed, which is there and can be reached")
    }
  }

  func heard(_ message: MemberlistMessage, at node: SimulatedNode) {
    guard case .suspect(let accusation) = message, truth.isCalm(from: now, to: now) else { return }
    guard let suspect = truth.owners[accusation.node], let accuser = truth.owners[accusation.from] else { return }
    guard isSettled(world.nodes[suspect]), isSettled(world.nodes[accuser]) else { return }
    // Who did not get to run is suspected, and suspects others whose answers it did not see in time.
    guard isSure(suspect), isSure(accuser), isQuick(suspect), isQuick(accuser) else { return }
    suspicions.insert(SuspicionKey(suspect: suspect, accuser: accuser, incarnation: accusation.incarnation))
    let interval = world.settings.profile.probeIntervalMilliseconds
    let probes = Int(now.milliseconds(since: Instant(nanoseconds: 0)) / interval)
    let most = 3 + probes * scenario.nodes / 400
    if suspicions.count > most {
      complain(.suspicion, "\(suspicions.count) suspicions of nodes that are there, the last of \(accusation.node)")
    }
  }

  /// Whether a node has been there for so long that all know it.
  func isSettled(_ node: SimulatedNode) -> Bool {
    node.power == .on && node.since.advanced(milliseconds: bounds.recovery) <= now
      || node.power == .on && node.life == 1 && now >= firstStep
  }

  private func isSure(_ node: Int) -> Bool { unsureUntil[node].map { $0 < now } ?? true }

  private func isQuick(_ node: Int) -> Bool { slowUntil[node].map { $0 < now } ?? true }

  private var firstStep: Instant {
    Instant(nanoseconds: 0).advanced(milliseconds: Scenario.firstStepMilliseconds)
  }

  // MARK: Again and again

  func lookPeriodically() {
    for node in nodes { lookAt(node) }
    world.after(milliseconds: Self.pauseMilliseconds) { [unowned self] in lookPeriodically() }
  }

  private func lookAt(_ node: SimulatedNode) {
    guard node.power == .on, let gossip = node.gossip, let membership = gossip.membership?.membership else { return }
    if membership.nodes.count > world.settings.limits.members {
      complain(.table, "\(node.hostName) has \(membership.nodes.count) members in its table")
    }
    guard let own = membership.node(named: membership.name) else {
      return complain(.oneself, "\(node.hostName) does not know itself")
    }
    if own.state != .alive, isSure(node.index) { complain(.oneself, "\(node.hostName) takes itself for \(own.state)") }
    let most = isLiedTo && !scenario.isKeyed ? Self.highestIncarnation : Self.mostRefutations
    if own.incarnation > most { complain(.incarnation, "\(node.hostName) is in incarnation \(own.incarnation)") }
  }
}
