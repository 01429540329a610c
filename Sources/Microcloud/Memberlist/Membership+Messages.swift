import Basics

// What members say of themselves and of one another.
extension Membership {
  /// Takes a message out of a packet that came from `source`.
  public mutating func receive(
    _ message: MemberlistMessage, from source: SocketAddress, now: Instant
  ) -> [MembershipEffect] {
    switch message {
    case .ping(let ping): answer(ping, from: source, now: now)
    case .indirectPing(let ping): relay(ping, from: source, now: now)
    case .ack(let sequence, let payload): acknowledge(sequence, payload: payload, now: now)
    case .nack(let sequence): countNack(sequence)
    case .suspect(let accusation):
      suspect(accusation, now: now)
      answer(accusation, from: source)
    case .alive(let alive): hear(alive, now: now)
    case .dead(let accusation):
      kill(accusation, now: now)
      answer(accusation, from: source)
    case .user(let message): effects.append(.user(message))
    case .error: break
    }
    return takeEffects()
  }

  // MARK: Alive

  /// A member says, or another one says of it, that it is there.
  mutating func hear(_ alive: MemberlistMessage.Alive, now: Instant) {
    guard let versions = alive.versions, versions.isAcceptable, isWithinLimits(alive) else { return }
    guard let slot = table.slot(of: alive.node) else { return welcome(alive, versions, now: now) }
    let known = table[slot]
    guard MembershipLimits.isBelievable(alive.incarnation, after: known.incarnation) else { return }
    let isMoving = known.address != alive.address
    if isMoving && known.state != .left {
      effects.append(.conflict(alive.node, known: known.address, other: alive.address))
      return
    }
    if slot == Self.localSlot { return hearOfUs(alive, now: now) }
    guard alive.incarnation > known.incarnation || isMoving else { return }
    suspicions[slot] = nil
    table.replace(slot, with: known.updated(from: alive, versions: versions))
    setState(.alive, slot: slot, now: now)
    enqueue(.alive(alive), kind: .member, key: alive.node.bytes, now: now)
    if let change = Self.change(from: known, to: alive) { effects.append(.member(alive.node, change)) }
  }

  private static func change(from known: MemberEntry, to alive: MemberlistMessage.Alive) -> MemberChange? {
    if known.isGone { return .joined }
    if !known.meta.elementsEqual(alive.meta) { return .updated }
    return known.state == .suspect ? .cleared : nil
  }

  /// Takes in a member that was not known, if there is room.
  private mutating func welcome(
    _ alive: MemberlistMessage.Alive, _ versions: ProtocolVersions, now: Instant
  ) {
    guard MembershipLimits.isBelievable(alive.incarnation, after: nil), makeRoom(now: now) else { return }
    let slot = table.insert(MemberEntry(alive, versions: versions, now: now))
    probeOrder.append(UInt16(slot))
    probeOrder.swapAt(probeOrder.count - 1, random.index(below: probeOrder.count))
    enqueue(.alive(alive), kind: .member, key: alive.node.bytes, now: now)
    effects.append(.member(alive.node, .joined))
    startTimers(now: now)
  }

  private func isWithinLimits(_ alive: MemberlistMessage.Alive) -> Bool {
    alive.node.bytes.count <= limits.nameBytes && alive.meta.count <= limits.metaBytes
  }

  /// Makes room for one member; false if all that are known are there, or may be. Strangers can declare anyone dead, but
  /// they cannot answer for whom they make up: members that have answered us are not forgotten for those.
  private mutating func makeRoom(now: Instant) -> Bool {
    if table.count < limits.members { return true }
    if goneCount == 0 { return false }
    let gone = table.occupiedSlots.map { Int($0) }.filter { isForgettable($0, now: now) }
    guard let slot = gone.min(by: { table[$0].changedAt < table[$1].changedAt }) else { return false }
    probeOrder.removeAll { $0 == UInt16(slot) }
    forget(slot)
    return true
  }

  private func isForgettable(_ slot: Int, now: Instant) -> Bool {
    let entry = table[slot]
    guard slot != Self.localSlot && entry.isGone else { return false }
    return !entry.hasAnswered || entry.changedAt.advanced(milliseconds: profile.gossipToTheDeadMilliseconds) < now
  }

  /// Takes a member that is gone out of the table.
  mutating func forget(_ slot: Int) {
    effects.append(.member(table[slot].name, .forgotten))
    goneCount -= 1
    table.remove(slot: slot)
  }

  // MARK: About us

  /// Another member says what we said. If we never said it, we did so before a restart, and have to say something newer.
  private mutating func hearOfUs(_ alive: MemberlistMessage.Alive, now: Instant) {
    let ours = localAlive
    if isLeaving || alive == ours || alive.incarnation < ours.incarnation { return }
    refute(alive.incarnation, now: now)
  }

  /// Says that we are there, above what was said of us.
  private mutating func refute(_ incarnation: UInt32, now: Instant) {
    table[Self.localSlot].incarnation = max(incarnation, table[Self.localSlot].incarnation).successor
    worsenHealth(by: 1)
    announce(now: now)
  }

  // MARK: Suspect and dead

  /// A member did not answer.
  mutating func suspect(_ accusation: MemberlistMessage.Accusation, now: Instant) {
    guard let slot = accusedSlot(accusation) else { return }
    if slot == Self.localSlot { return refuteUnlessLeaving(accusation, now: now) }
    if suspicions[slot] != nil {
      if suspicions[slot]!.confirm(by: accusation.from) { forward(.suspect(accusation), accusation, now: now) }
      return
    }
    guard table[slot].state == .alive else { return }
    forward(.suspect(accusation), accusation, now: now)
    table[slot].incarnation = accusation.incarnation
    setState(.suspect, slot: slot, now: now)
    suspicions[slot] = Suspicion(by: accusation.from, profile: profile, members: table.count, now: now)
    effects.append(.member(accusation.node, .suspected))
  }

  /// A member is gone: by its own will where it says so itself.
  mutating func kill(_ accusation: MemberlistMessage.Accusation, now: Instant) {
    guard let slot = accusedSlot(accusation), !table[slot].isGone else { return }
    if slot == Self.localSlot && !isLeaving { return refuteUnlessLeaving(accusation, now: now) }
    suspicions[slot] = nil
    forward(.dead(accusation), accusation, now: now)
    table[slot].incarnation = accusation.incarnation
    setState(accusation.isDeparture ? .left : .dead, slot: slot, now: now)
    if slot == Self.localSlot { return }
    // Who has answered us hears of it at once, and can refute it, however much else there is to be told.
    if table[slot].hasAnswered { sendAlone(.dead(accusation), to: table[slot].address) }
    effects.append(.member(accusation.node, accusation.isDeparture ? .left : .failed))
  }

  /// Who is accused, unless that is nobody, or the member has refuted it, or the accusation is absurd.
  private func accusedSlot(_ accusation: MemberlistMessage.Accusation) -> Int? {
    guard let slot = table.slot(of: accusation.node) else { return nil }
    let known = table[slot].incarnation
    guard accusation.incarnation >= known else { return nil }
    guard accusation.incarnation.isWithin(MembershipLimits.maximumAccusationStep, of: known) else { return nil }
    return slot
  }

  private mutating func refuteUnlessLeaving(_ accusation: MemberlistMessage.Accusation, now: Instant) {
    if !isLeaving { refute(accusation.incarnation, now: now) }
  }

  private mutating func forward(
    _ message: MemberlistMessage, _ accusation: MemberlistMessage.Accusation, now: Instant
  ) {
    let kind = accusation.node == name ? BroadcastKind.ourselves : .member
    enqueue(message, kind: kind, key: accusation.node.bytes, now: now)
  }

  /// A member that has told us what we are accused of hears at once that we have refuted it.
  private mutating func answer(_ accusation: MemberlistMessage.Accusation, from source: SocketAddress) {
    guard accusation.node == name, !isLeaving else { return }
    guard accusation.incarnation.successor == table[Self.localSlot].incarnation else { return }
    if table.occupiedSlots.contains(where: { table[Int($0)].hasAnswered && table[Int($0)].address == source }) {
      sendAlone(.alive(localAlive), to: source)
    }
  }

  private mutating func setState(_ state: PushPullNodeState, slot: Int, now: Instant) {
    if table[slot].state == state { return }
    let wasGone = table[slot].isGone
    table[slot].state = state
    if table[slot].isGone == wasGone { return }
    table[slot].changedAt = now
    goneCount += wasGone ? -1 : 1
  }

  /// Declares those dead that did not refute in time.
  mutating func expireSuspicions(now: Instant) {
    let due = suspicions.filter { $0.value.deadline <= now }.keys.sorted()
    for slot in due {
      let entry = table[slot]
      kill(.init(incarnation: entry.incarnation, node: entry.name, from: name), now: now)
    }
  }
}

extension ProtocolVersions {
  /// Whether we can talk with a member that says so of itself, and may tell others of it.
  ///
  /// Peers refuse a whole push/pull for one member that speaks a version which others do not understand. They judge all
  /// members together; each one against ourselves is enough to keep out what makes no sense, and takes no memory.
  var isAcceptable: Bool {
    isValid && memberlist.isAcceptable(to: Self.ours.memberlist) && serf.isAcceptable(to: Self.ours.serf)
  }
}

extension VersionRange {
  fileprivate func isAcceptable(to ours: VersionRange) -> Bool {
    minimum <= current && current <= maximum && minimum <= ours.maximum && ours.minimum <= maximum
  }
}
