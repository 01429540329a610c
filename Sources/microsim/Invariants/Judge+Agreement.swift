import Basics
import Microcloud

// What nodes believe of one another when they have had their time.
extension Judge {
  /// Every node that is there knows all others that are, and nobody else.
  func expectAgreement(_ invariant: Violation.Invariant) {
    let present = world.nodes.filter { $0.power == .on && $0.gossip != nil }
    for node in present {
      guard let membership = node.gossip?.membership else { continue }
      for other in present {
        guard let gossip = other.gossip, let own = gossip.membership?.membership.node(named: gossip.name)
        else { continue }
        guard let known = membership.membership.node(named: gossip.name), membership.status(of: gossip.name) == .alive
        else {
          let status = membership.status(of: gossip.name).map { "\($0)" } ?? "unknown"
          return complain(invariant, "\(node.hostName) does not know \(gossip.name), which is there: \(status)")
        }
        if known != own {
          return complain(
            invariant,
            "\(node.hostName) knows \(gossip.name) as it was in incarnation \(known.incarnation), "
              + "now it is in \(own.incarnation)")
        }
      }
      if membership.membership.nodes.count != present.count {
        let names = Set(present.compactMap { $0.gossip?.name })
        let strangers = membership.membership.nodes.filter { !names.contains($0.name) }
        let listed = strangers.prefix(5).map { "\($0.name) (\($0.state))" }.joined(separator: ", ")
        return complain(invariant, "\(node.hostName) has members that are not there: \(listed)")
      }
    }
  }

  /// Little is sent within `bounds.rest` from now.
  func expectRest() {
    let before = world.traffic.packets
    let present = world.nodes.count { $0.power == .on }
    world.after(milliseconds: bounds.rest) { [unowned self] in
      let packets = world.traffic.packets - before
      if packets > Int(bounds.mostPackets) * present {
        complain(.rest, "\(packets) packets from \(present) nodes in \(bounds.rest) ms, with nothing to tell")
      }
    }
  }
}

// What must follow of something gentle, in a calm time.
extension Judge {
  /// Is told before something happens.
  func isAboutToHappen(_ what: Disturbance) {
    onChange?("happens: \(what.text)")
    switch what {
    case .retag(let node, _):
      note(node)
      soon(node, bounds.gossip) { [unowned self] in countLate(node) }
      soon(node, bounds.spread) { [unowned self] in expectTags(node) }
    case .crash(let node, let milliseconds, _):
      note(node)
      guard isAway(for: milliseconds, longerThan: bounds.detection), world.nodes[node].power == .on else { return }
      soon(node, bounds.detection) { [unowned self] in
        expect(.detection, of: node) { $0 != .alive && $0 != .leaving }
      }
    case .leave(let node, let milliseconds):
      note(node)
      unsure(node)
      let time = World.farewellMilliseconds + bounds.spread
      guard isAway(for: milliseconds, longerThan: time), isSettled(world.nodes[node]) else { return }
      soon(node, time) { [unowned self] in expect(.farewell, of: node) { $0 == .left } }
    case .move(let node):
      note(node)
      unsure(node)
      guard isSettled(world.nodes[node]) else { return }
      soon(node, World.farewellMilliseconds + bounds.join) { [unowned self] in
        expect(.healing, of: node) { $0 == .alive }
      }
    case .slow(let node, _, _, _):
      note(node)
      slowUntil[node] = now.advanced(milliseconds: what.milliseconds + bounds.gossip)
    case .drift(let node, _), .jump(let node, _): note(node)
    case .cut, .weather, .lies, .fill, .replays: break
    }
  }

  /// A node is on again.
  func hasStarted(_ node: Int) {
    note(node)
    soon(node, bounds.join) { [unowned self] in
      expect(.healing, of: node) { $0 == .alive }
      expectKnown(node)
    }
  }

  /// All that have been there before a node's restart know it as it is since then.
  private func expectKnown(_ subject: Int) {
    guard let gossip = world.nodes[subject].gossip, let membership = gossip.membership?.membership else { return }
    let own = membership.node(named: gossip.name)
    for node in nodes where node.index != subject && isSettled(node) {
      if node.gossip?.membership?.membership.node(named: gossip.name) != own {
        return complain(.healing, "\(node.hostName) knows \(gossip.name) as it was before its restart")
      }
    }
  }

  /// What was expected of a node until now is void.
  private func note(_ node: Int) { deeds[node] += 1 }

  private func unsure(_ node: Int) {
    unsureUntil[node] = now.advanced(milliseconds: World.farewellMilliseconds + bounds.spread)
  }

  private func isAway(for milliseconds: UInt64?, longerThan time: UInt64) -> Bool {
    milliseconds.map { $0 > time } ?? true
  }

  /// Looks after some time, if it is calm until then and nothing else happens to the node.
  private func soon(_ node: Int, _ milliseconds: UInt64, _ look: @escaping () -> Void) {
    guard truth.isCalm(from: now, to: now.advanced(milliseconds: milliseconds)) else { return }
    let deed = deeds[node]
    world.after(milliseconds: milliseconds) { [unowned self] in
      if deeds[node] == deed { look() }
    }
  }

  private func expect(
    _ invariant: Violation.Invariant, of subject: Int, _ isRight: (MemberRecord.Status?) -> Bool
  ) {
    let name = NodeName(world.nodes[subject].hostName.utf8)
    for node in nodes where node.index != subject && isSettled(node) {
      let status = node.gossip?.membership?.status(of: name)
      if !isRight(status) {
        let seen = status.map { "\($0)" } ?? "unknown"
        return complain(invariant, "\(node.hostName) still sees \(name) as \(seen)")
      }
    }
  }

  private func expectTags(_ subject: Int) {
    guard let (name, late) = late(about: subject), let first = late.first else { return }
    complain(.spread, "\(first.hostName) does not know what \(name) says of itself")
  }

  private func countLate(_ subject: Int) {
    guard let (name, late) = late(about: subject) else { return }
    told += nodes.count { isSettled($0) } - 1
    missed += late.count
    if missed > 3 + told / 10 {
      complain(.gossip, "\(missed) times of \(told) somebody was not told soon, the last time about \(name)")
    }
  }

  /// Those that do not know what a node says of itself; nil if it is not there.
  private func late(about subject: Int) -> (name: NodeName, late: [SimulatedNode])? {
    guard isSettled(world.nodes[subject]), let name = world.nodes[subject].gossip?.name else { return nil }
    let expected = world.nodes[subject].tags.encoded
    let late = nodes.filter {
      isSettled($0) && $0.gossip?.membership?.membership.node(named: name)?.meta != expected
    }
    return (name, late)
  }
}
