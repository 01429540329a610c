import Basics

/// A probe that is under way.
struct Probe {
  let name: NodeName
  let sequence: UInt32
  let sentAt: Instant
  /// When others are to be asked; nil once they were.
  var indirectAt: Instant?
  var expectedNacks: UInt64 = 0
  var nacks: UInt64 = 0
}

/// A probe that we make for another member.
struct ProbeRelay {
  /// Of our ping.
  let sequence: UInt32
  /// Of the one who asked.
  let proberSequence: UInt32
  let prober: SocketAddress
  let wantsNack: Bool
  let deadline: Instant
}

// Finding out who does not answer any more.
extension Membership {
  /// Versions of memberlist's protocol from which on a member answers pings on streams, and sends a nack.
  private static let streamPingVersion: UInt8 = 3
  private static let nackVersion: UInt8 = 4

  /// Sets the timers of a member that is no longer alone.
  mutating func startTimers(now: Instant) {
    if isLeaving { return }
    if probeAt == nil { probeAt = now.advanced(milliseconds: random.below(profile.probeIntervalMilliseconds)) }
    if pushPullAt == nil {
      pushPullAt = now.advanced(milliseconds: random.below(profile.pushPullIntervalMilliseconds))
    }
  }

  mutating func advanceProbe(now: Instant) {
    if let indirectAt = probe?.indirectAt, indirectAt <= now { probeIndirectly(now: now) }
    guard let probeAt, probeAt <= now else { return }
    concludeProbe(now: now)
    let interval = profile.probeIntervalMilliseconds * (health + 1)
    self.probeAt = table.count > 1 ? now.advanced(milliseconds: interval) : nil
    if let slot = nextProbeSlot(now: now) { beginProbe(slot, now: now) }
  }

  private mutating func beginProbe(_ slot: Int, now: Instant) {
    let entry = table[slot]
    let begun = Probe(
      name: entry.name, sequence: nextSequence(), sentAt: now,
      indirectAt: now.advanced(milliseconds: profile.probeTimeoutMilliseconds))
    probe = begun
    let ping = MemberlistMessage.ping(.init(sequence: begun.sequence, node: entry.name))
    guard entry.state == .suspect else { return send([ping], to: entry.address) }
    // It hears at once what it has to refute.
    let accusation = MemberlistMessage.Accusation(incarnation: entry.incarnation, node: entry.name, from: name)
    send([ping, .suspect(accusation)], to: entry.address)
  }

  /// Asks others whether they hear the member, and the member itself in another way.
  private mutating func probeIndirectly(now: Instant) {
    probe?.indirectAt = nil
    guard let probe, let target = table.slot(of: probe.name) else { return }
    let entry = table[target]
    let crowded = isCrowded
    let helpers = randomSlots(profile.indirectChecks) {
      $0 != target && $1.state == .alive && (!crowded || $1.hasAnswered)
    }
    for slot in helpers {
      let wantsNack = table[slot].versions.memberlist.maximum >= Self.nackVersion
      if wantsNack { self.probe?.expectedNacks += 1 }
      let ping = MemberlistMessage.IndirectPing(
        sequence: probe.sequence, target: entry.address, node: probe.name, wantsNack: wantsNack)
      send([.indirectPing(ping)], to: table[slot].address)
    }
    if entry.versions.memberlist.maximum >= Self.streamPingVersion {
      let ping = MemberlistMessage.ping(.init(sequence: probe.sequence, node: probe.name))
      openStream(.ping, to: entry.address, saying: .message(ping.encoded), now: now)
    }
  }

  /// Nobody reached the member. Where those that we asked did not answer either, it may well be us.
  private mutating func concludeProbe(now: Instant) {
    guard let probe else { return }
    self.probe = nil
    worsenHealth(by: probe.expectedNacks > 0 ? probe.expectedNacks - min(probe.nacks, probe.expectedNacks) : 1)
    guard let slot = table.slot(of: probe.name) else { return }
    suspect(.init(incarnation: table[slot].incarnation, node: probe.name, from: name), now: now)
  }

  /// The next one in a round over all, in an order that is drawn anew for each round.
  private mutating func nextProbeSlot(now: Instant) -> Int? {
    if let slot = nextAnsweredSlot() { return slot }
    for _ in 0...table.count {
      if probePosition >= probeOrder.count { beginRound(now: now) }
      guard probePosition < probeOrder.count else { return nil }
      let slot = Int(probeOrder[probePosition])
      probePosition += 1
      if !table[slot].isGone { return slot }
    }
    return nil
  }

  /// Where it is crowded, every other probe is for those that have answered before: each of them is probed as often as if
  /// there were twice as many of them, and no others.
  private mutating func nextAnsweredSlot() -> Int? {
    isTurnOfAnswered.toggle()
    guard isTurnOfAnswered, isCrowded else { return nil }
    for _ in probeOrder.indices {
      answeredPosition = (answeredPosition + 1) % probeOrder.count
      let slot = Int(probeOrder[answeredPosition])
      if table[slot].hasAnswered && !table[slot].isGone { return slot }
    }
    return nil
  }

  private mutating func beginRound(now: Instant) {
    for slot in table.occupiedSlots.map({ Int($0) }) where slot != Self.localSlot && table[slot].isGone {
      let end = table[slot].changedAt.advanced(milliseconds: profile.gossipToTheDeadMilliseconds)
      if end < now { forget(slot) }
    }
    probeOrder = table.occupiedSlots.filter { Int($0) != Self.localSlot }
    random.shuffle(&probeOrder)
    probePosition = 0
  }

  // MARK: Answers

  /// Takes an ack. Only one that comes before others are asked measures the round trip to the member.
  mutating func acknowledge(_ sequence: UInt32, payload: [UInt8], now: Instant) {
    if let probe, probe.sequence == sequence {
      if probe.indirectAt != nil, now >= probe.sentAt {
        let nanoseconds = now.nanoseconds - probe.sentAt.nanoseconds
        if let slot = table.slot(of: probe.name) { table[slot].hasAnswered = true }
        effects.append(.acknowledged(probe.name, roundTripNanoseconds: nanoseconds, payload: payload))
      }
      self.probe = nil
      if health > 0 { health -= 1 }
      closeStreams { $0.purpose == .ping }
    } else if let index = relays.firstIndex(where: { $0.sequence == sequence }) {
      let relay = relays.remove(at: index)
      sendAlone(.ack(sequence: relay.proberSequence, payload: []), to: relay.prober)
    }
  }

  mutating func countNack(_ sequence: UInt32) {
    if probe?.sequence == sequence { probe?.nacks += 1 }
  }

  // MARK: Others' probes

  mutating func answer(_ ping: MemberlistMessage.Ping, from source: SocketAddress, now: Instant) {
    guard isForUs(ping) else { return }
    let ack = MemberlistMessage.ack(sequence: ping.sequence, payload: ackPayload)
    let address = ping.prober?.address ?? source
    if table.occupiedSlots.contains(where: { Int($0) != Self.localSlot && table[Int($0)].address == address }) {
      send([ack], to: address)
    } else {
      sendAlone(ack, to: address)
    }
  }

  func isForUs(_ ping: MemberlistMessage.Ping) -> Bool {
    ping.node.isEmpty || ping.node == name
  }

  /// Probes a member for another one. Only members: we are not to be made to send packets to anybody else.
  mutating func relay(_ ping: MemberlistMessage.IndirectPing, from source: SocketAddress, now: Instant) {
    guard let slot = table.slot(of: ping.node), table[slot].address == ping.target else { return }
    guard relays.count < limits.relayedProbes else { return }
    let relay = ProbeRelay(
      sequence: nextSequence(), proberSequence: ping.sequence, prober: ping.prober?.address ?? source,
      wantsNack: ping.wantsNack, deadline: now.advanced(milliseconds: profile.probeTimeoutMilliseconds))
    relays.append(relay)
    send([.ping(.init(sequence: relay.sequence, node: ping.node))], to: ping.target)
  }

  mutating func expireRelays(now: Instant) {
    for relay in relays where relay.deadline <= now && relay.wantsNack {
      sendAlone(.nack(sequence: relay.proberSequence), to: relay.prober)
    }
    relays.removeAll { $0.deadline <= now }
  }
}
