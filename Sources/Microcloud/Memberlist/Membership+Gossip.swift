import Basics

// Broadcasts on their way to everybody.
extension Membership {
  /// Has a message told to everybody. One that is too long for a packet spreads by push/pull only.
  mutating func enqueue(_ message: MemberlistMessage, kind: BroadcastKind, key: [UInt8], now: Instant) {
    let bytes = message.encoded
    guard bytes.count <= packetBytes else { return }
    queue.add(bytes, kind: kind, key: key)
    startGossip(now: now)
  }

  /// Gossips at some time within the interval from now, so that more can come together and members do not fall into step.
  mutating func startGossip(now: Instant) {
    guard gossipAt == nil, !queue.isEmpty, table.count > 1 else { return }
    let delayed = now.advanced(milliseconds: random.below(profile.gossipIntervalMilliseconds))
    let earliest = lastGossipAt?.advanced(milliseconds: profile.gossipIntervalMilliseconds) ?? now
    gossipAt = max(delayed, earliest)
  }

  mutating func gossipPeriodically(now: Instant) {
    guard let gossipAt, gossipAt <= now else { return }
    let memory = profile.gossipToTheDeadMilliseconds
    let crowded = isCrowded
    let targets = randomSlots(profile.gossipNodes) {
      (!crowded || $1.hasAnswered) && $1.isGossipTarget(memoryMilliseconds: memory, now: now)
    }
    for slot in targets {
      var packet = PacketBuilder(budgetBytes: packetBytes)
      queue.fill(&packet, limit: profile.retransmitLimit(members: table.count))
      guard let bytes = packet.finish() else { break }
      effects.append(.send(bytes, to: table[slot].address))
    }
    lastGossipAt = now
    // With nobody to hear it, the rest waits for the next broadcast: the one that tells of somebody new.
    let goesOn = !queue.isEmpty && !targets.isEmpty
    self.gossipAt = goesOn ? now.advanced(milliseconds: profile.gossipIntervalMilliseconds) : nil
  }

  /// Sends a message to an address that a stranger may have chosen: broadcasts are not to be spent there.
  mutating func sendAlone(_ message: MemberlistMessage, to address: SocketAddress) {
    effects.append(.send(message.encoded, to: address))
  }

  /// Sends messages to a member, and as many broadcasts as fit behind them.
  mutating func send(_ messages: [MemberlistMessage], to address: SocketAddress) {
    var packet = PacketBuilder(budgetBytes: packetBytes)
    for message in messages { _ = packet.add(message.encoded) }
    queue.fill(&packet, limit: profile.retransmitLimit(members: table.count))
    if let bytes = packet.finish() { effects.append(.send(bytes, to: address)) }
  }

  /// Up to so many different members out of those that qualify, and never ourselves. It looks at three times as many as
  /// there are members at most, so where few qualify it may miss some.
  mutating func randomSlots(_ count: Int, where qualifies: (Int, MemberEntry) -> Bool) -> [Int] {
    var chosen: [Int] = []
    let slots = table.occupiedSlots
    for _ in 0..<(3 * slots.count) where chosen.count < count {
      let slot = Int(slots[random.index(below: slots.count)])
      if slot != Self.localSlot, !chosen.contains(slot), qualifies(slot, table[slot]) { chosen.append(slot) }
    }
    return chosen
  }
}

extension MemberEntry {
  /// Members that are there, and those that died so recently that they may be about to refute it.
  fileprivate func isGossipTarget(memoryMilliseconds: UInt64, now: Instant) -> Bool {
    switch state {
    case .alive, .suspect: true
    case .dead: now <= changedAt.advanced(milliseconds: memoryMilliseconds)
    case .left: false
    }
  }
}
