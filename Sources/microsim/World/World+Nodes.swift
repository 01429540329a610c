import Basics
import Microcloud

// What happens to machines.
extension World {
  /// How long a farewell may take before the power goes.
  static let farewellMilliseconds: UInt64 = 9000

  /// Switches a node on.
  func start(_ node: SimulatedNode) {
    start(node) { [unowned self] in $0.start(contacts: contacts(of: node), now: $1) }
  }

  /// Switches a node on as one that has been there for long, and knows what a member of the world knows that is no node.
  func start(_ node: SimulatedNode, settledBeside member: SerfMembership) {
    start(node) { $0.start(settledBeside: member, now: $1) }
  }

  private func start(_ node: SimulatedNode, _ begin: @escaping (GossipPart, Instant) -> Void) {
    guard !node.isOn else { return }
    node.power = .on
    node.since = now
    node.hasLeft = false
    node.life += 1
    let gossip = GossipPart(node, in: self, settings)
    node.gossip = gossip
    node.parts = [gossip]
    if tenants > 0 { addControl(to: node) }
    act(node, begin)
  }

  private func addControl(to node: SimulatedNode) {
    let control = ControlPart(node, in: self)
    node.control = control
    node.parts.append(control)
    letRun(node) { [unowned self] in control.start(now: node.clock.local(now)) }
  }

  /// Takes the power from a node.
  func cutPower(_ node: SimulatedNode) {
    guard node.isOn else { return }
    node.power = .off
    node.since = now
    node.parts = []
    node.gossip = nil
    node.control = nil
    node.waiting = []
    node.wakesAt = nil
    node.stalledUntil = nil
  }

  /// Lets a node say farewell and switches it off.
  func leave(_ node: SimulatedNode) {
    guard node.power == .on else { return }
    node.power = .leaving
    let life = node.life
    act(node) { $0.leave(now: $1) }
    after(milliseconds: Self.farewellMilliseconds) { [unowned self] in
      if node.life == life { cutPower(node) }
    }
  }

  /// A membership has said its farewell: where it was for good, the node goes.
  func hasLeft(_ node: SimulatedNode) {
    guard node.power == .leaving else { return }
    node.hasLeft = true
    // Not at once, as the node is still at work.
    after(milliseconds: 0) { [unowned self] in cutPower(node) }
  }

  /// Gives a node another address, as a router does that was set up anew.
  func move(_ node: SimulatedNode) {
    renumber(node)
    act(node) { $0.move(now: $1) }
    for other in nodes where other.isOn {
      act(other) { [unowned self] in $0.setContacts(contacts(of: other), now: $1) }
    }
  }

  /// Lets a node say other things of itself.
  func retag(_ node: SimulatedNode, bytes: Int) {
    node.tags["services"] = "microagent;v1;" + String(repeating: "x", count: bytes) + "\(now.nanoseconds / 1_000_000)"
    act(node) { $0.updateTags(now: $1) }
  }

  func drift(_ node: SimulatedNode, partsPerMillion: Int64) {
    node.clock.drift(partsPerMillion: partsPerMillion, at: now)
    reschedule(node)
  }

  func jump(_ node: SimulatedNode, milliseconds: UInt64) {
    node.clock.jump(milliseconds: milliseconds, at: now)
    reschedule(node)
  }

  private func reschedule(_ node: SimulatedNode) {
    node.wakesAt = nil
    schedule(node)
  }

  private func act(_ node: SimulatedNode, _ body: @escaping (GossipPart, Instant) -> Void) {
    letRun(node) { [unowned self] in
      if let gossip = node.gossip { body(gossip, node.clock.local(now)) }
    }
  }
}
