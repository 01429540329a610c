import Basics

// Who is there, in logical time: an intent counts if it is newer than the last one of that member.
extension SerfMembership {
  /// The most members that are gone and still remembered: as many as there may be members.
  var maximumGone: Int { membership.limits.members }

  /// The slot of a member that is there, as is ourselves even while we leave.
  func presentSlot(of name: NodeName) -> Int? {
    guard let slot = membership.table.slot(of: name), isPresent(slot) else { return nil }
    return slot
  }

  func isPresent(_ slot: Int) -> Bool {
    slot == Membership.localSlot || !membership.table[slot].isGone
  }

  /// What memberlist found out about a member.
  mutating func take(_ change: MemberChange, of name: NodeName, now: Instant) {
    switch change {
    case .joined: welcome(name)
    case .updated: effects.append(.member(name, .updated))
    case .failed: part(with: name, hasLeft: false, now: now)
    case .left: part(with: name, hasLeft: true, now: now)
    case .suspected, .cleared, .forgotten: break
    }
  }

  private mutating func welcome(_ name: NodeName) {
    guard let slot = membership.table.slot(of: name) else { return }
    var state = membership.table[slot].serf
    state.isLeaving = false
    if let position = gone.position(of: name) { state.statusTime = gone.remove(at: position).statusTime }
    if let index = earlyIntents.firstIndex(where: { $0.name == name }) {
      let intent = earlyIntents.remove(at: index)
      state.statusTime = max(state.statusTime, intent.time)
      state.isLeaving = intent.isLeave
    }
    membership.table[slot].serf = state
    effects.append(.member(name, .joined))
  }

  private mutating func part(with name: NodeName, hasLeft: Bool, now: Instant) {
    guard let slot = membership.table.slot(of: name) else { return }
    let entry = membership.table[slot]
    let status = hasLeft || entry.serf.isLeaving ? MemberRecord.Status.left : .failed
    gone.insert(
      GoneMember(
        name: name, status: status, statusTime: entry.serf.statusTime, goneAt: now, address: entry.address,
        hasAnswered: entry.hasAnswered))
    if reconnectAt == nil && leaving == .no {
      reconnectAt = now.advanced(milliseconds: Self.reconnectMilliseconds)
    }
    effects.append(.member(name, status == .left ? .left : .failed))
    if gone.count > maximumGone { forgetTheEarliest() }
  }

  /// Of those that never answered us, if there are any.
  private mutating func forgetTheEarliest() {
    let silent = gone.members.indices.filter { !gone[$0].hasAnswered }
    let earliest = (silent.isEmpty ? Array(gone.members.indices) : silent).min { gone[$0].goneAt < gone[$1].goneAt }
    if let earliest { reap(at: earliest) }
  }

  private mutating func reap(at position: Int) {
    effects.append(.member(gone.remove(at: position).name, .reaped))
  }

  // MARK: Intents

  /// Says that we are there to stay.
  mutating func announceJoin(now: Instant) {
    let join = SerfMessage.Join(time: memberClock.tick(), node: name)
    membership.table[Membership.localSlot].serf.statusTime = join.time
    broadcast(.join(join), kind: .intent, key: name.bytes, now: now)
  }

  /// A member is there to stay; whether that is news.
  mutating func hear(_ intent: SerfMessage.Join, now: Instant) -> Bool {
    guard memberClock.witness(intent.time) else { return false }
    if let position = gone.position(of: intent.node) {
      guard intent.time > gone[position].statusTime else { return false }
      gone[position].statusTime = intent.time
      return true
    }
    guard let slot = presentSlot(of: intent.node) else { return keep(intent.node, isLeave: false, intent.time) }
    guard intent.time > membership.table[slot].serf.statusTime else { return false }
    membership.table[slot].serf.statusTime = intent.time
    if slot != Membership.localSlot { membership.table[slot].serf.isLeaving = false }
    return true
  }

  /// A member is about to leave; whether that is news.
  mutating func hear(_ intent: SerfMessage.Leave, now: Instant) -> Bool {
    guard memberClock.witness(intent.time) else { return false }
    if let position = gone.position(of: intent.node) { return hearOfGone(position, intent) }
    guard let slot = presentSlot(of: intent.node) else { return keep(intent.node, isLeave: true, intent.time) }
    guard intent.time > membership.table[slot].serf.statusTime else { return false }
    if slot == Membership.localSlot {
      // From before a restart, or a lie.
      if leaving == .no { announceJoin(now: now) }
      return false
    }
    membership.table[slot].serf.statusTime = intent.time
    membership.table[slot].serf.isLeaving = true
    return true
  }

  /// One that failed has left after all; or it is to be forgotten.
  private mutating func hearOfGone(_ position: Int, _ intent: SerfMessage.Leave) -> Bool {
    guard intent.time > gone[position].statusTime else { return false }
    gone[position].statusTime = intent.time
    if gone[position].status == .failed {
      gone[position].status = .left
      effects.append(.member(intent.node, .left))
    }
    if intent.prunes { reap(at: position) }
    return true
  }

  /// Keeps an intent until memberlist knows the member; whether it is news.
  private mutating func keep(_ name: NodeName, isLeave: Bool, _ time: LamportTime) -> Bool {
    if let index = earlyIntents.firstIndex(where: { $0.name == name }) {
      if time <= earlyIntents[index].time { return false }
      earlyIntents.remove(at: index)
    } else if earlyIntents.count == Self.maximumEarlyIntents {
      earlyIntents.removeFirst()
    }
    earlyIntents.append(EarlyIntent(name: name, isLeave: isLeave, time: time))
    return true
  }

  // MARK: Push/pull

  /// A piece of a peer's state. Nothing of it is passed on: others hear it in push/pulls of their own.
  mutating func merge(_ entry: SerfStateEntry, on id: MembershipStreamID, now: Instant) {
    switch entry {
    case .memberClock(let time): _ = memberClock.witness(time.predecessor)
    case .eventClock(let time): _ = eventClock.witness(time.predecessor)
    case .queryClock(let time): _ = queryClock.witness(time.predecessor)
    case .leftMember(let name):
      guard let status = status(of: name), status != .left else { return }
      if leftNames[id, default: []].count < Self.maximumLeftNames { leftNames[id, default: []].insert(name) }
    case .statusTime(let name, let time):
      if leftNames[id]?.contains(name) == true {
        // When it left is not said, only that it was after this.
        let leave = SerfMessage.Leave(time: time.successor, node: name)
        _ = hear(leave, now: now)
      } else if status(of: name) != nil {
        let join = SerfMessage.Join(time: time, node: name)
        _ = hear(join, now: now)
      }
    }
  }

  // MARK: Members that are gone

  /// Tries to reach one of those that failed, the more likely the more they are and first of all those that have answered
  /// us before, and forgets those that have been gone for long.
  mutating func reconnectAndReap(now: Instant) {
    guard let reconnectAt, reconnectAt <= now else { return }
    for position in gone.members.indices.reversed() {
      if gone[position].goneAt.advanced(milliseconds: Self.goneMilliseconds) <= now { reap(at: position) }
    }
    self.reconnectAt = gone.count > 0 ? now.advanced(milliseconds: Self.reconnectMilliseconds) : nil
    let failed = gone.members.indices.filter { gone[$0].status == .failed }
    guard !failed.isEmpty, random.index(below: membership.presentCount) < failed.count else { return }
    let answered = failed.filter { gone[$0].hasAnswered }
    let candidates = answered.isEmpty ? failed : answered
    let address = gone[candidates[random.index(below: candidates.count)]].address
    take(membership.join([address], now: now), now: now)
  }
}

extension LamportTime {
  fileprivate var predecessor: LamportTime { LamportTime(rawValue: rawValue == 0 ? 0 : rawValue - 1) }
  fileprivate var successor: LamportTime { LamportTime(rawValue: rawValue == .max ? .max : rawValue + 1) }
}
