import Basics

// Who is there, in logical time: an intent counts if it is newer than the last one of that member.
extension SerfMembership {
  /// What memberlist found out about a member.
  mutating func take(_ change: MemberChange, of name: NodeName, now: Instant) {
    switch change {
    case .joined: welcome(name)
    case .updated: effects.append(.member(name, .updated))
    case .failed: part(with: name, hasLeft: members[name]?.status == .leaving, now: now)
    case .left: part(with: name, hasLeft: true, now: now)
    case .suspected, .cleared, .forgotten: break
    }
  }

  private mutating func welcome(_ name: NodeName) {
    var member = members[name] ?? Member()
    member.status = .alive
    member.goneAt = nil
    member.address = nil
    if let index = earlyIntents.firstIndex(where: { $0.name == name }) {
      let intent = earlyIntents.remove(at: index)
      member.statusTime = max(member.statusTime, intent.time)
      if intent.isLeave { member.status = .leaving }
    }
    members[name] = member
    effects.append(.member(name, .joined))
  }

  private mutating func part(with name: NodeName, hasLeft: Bool, now: Instant) {
    members[name]?.status = hasLeft ? .left : .failed
    members[name]?.goneAt = now
    members[name]?.address = membership.node(named: name)?.address
    if reconnectAt == nil && leaving == .no {
      reconnectAt = now.advanced(milliseconds: Self.reconnectMilliseconds)
    }
    effects.append(.member(name, hasLeft ? .left : .failed))
    forgetTheEarliestIfTooMany()
  }

  /// As many that are gone are remembered as there may be members.
  private mutating func forgetTheEarliestIfTooMany() {
    guard members.count > 2 * membership.limits.members else { return }
    let gone = members.filter { $0.value.isGone }
    let earliest = gone.min { ($0.value.goneAt ?? .start) < ($1.value.goneAt ?? .start) }
    if let earliest { reap(earliest.key) }
  }

  private mutating func reap(_ name: NodeName) {
    members[name] = nil
    effects.append(.member(name, .reaped))
  }

  // MARK: Intents

  /// Says that we are there to stay.
  mutating func announceJoin(now: Instant) {
    let join = SerfMessage.Join(time: memberClock.tick(), node: name)
    members[name]?.statusTime = join.time
    broadcast(.join(join), kind: .intent, key: name.bytes, now: now)
  }

  /// A member is there to stay; whether that is news.
  mutating func hear(_ intent: SerfMessage.Join, now: Instant) -> Bool {
    guard memberClock.witness(intent.time) else { return false }
    guard let member = members[intent.node] else { return keep(intent.node, isLeave: false, intent.time) }
    guard intent.time > member.statusTime else { return false }
    members[intent.node]?.statusTime = intent.time
    if member.status == .leaving && intent.node != name { members[intent.node]?.status = .alive }
    return true
  }

  /// A member is about to leave; whether that is news.
  mutating func hear(_ intent: SerfMessage.Leave, now: Instant) -> Bool {
    guard memberClock.witness(intent.time) else { return false }
    guard let member = members[intent.node] else { return keep(intent.node, isLeave: true, intent.time) }
    guard intent.time > member.statusTime else { return false }
    if intent.node == name {
      // From before a restart, or a lie.
      if leaving == .no { announceJoin(now: now) }
      return false
    }
    members[intent.node]?.statusTime = intent.time
    switch member.status {
    case .alive: members[intent.node]?.status = .leaving
    case .failed:
      members[intent.node]?.status = .left
      effects.append(.member(intent.node, .left))
    case .unknown, .leaving, .left: break
    }
    if intent.prunes, let member = members[intent.node], member.isGone { reap(intent.node) }
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
      if let member = members[name], member.status != .left { leftNames[id, default: []].insert(name) }
    case .statusTime(let name, let time):
      if leftNames[id]?.contains(name) == true {
        // When it left is not said, only that it was after this.
        let leave = SerfMessage.Leave(time: time.successor, node: name)
        _ = hear(leave, now: now)
      } else if members[name] != nil {
        let join = SerfMessage.Join(time: time, node: name)
        _ = hear(join, now: now)
      }
    }
  }

  // MARK: Members that are gone

  /// Tries to reach one of those that failed, the more likely the more they are, and forgets those that have been gone
  /// for long.
  mutating func reconnectAndReap(now: Instant) {
    guard let reconnectAt, reconnectAt <= now else { return }
    for (name, member) in members where member.isGone {
      guard let goneAt = member.goneAt else { continue }
      if goneAt.advanced(milliseconds: Self.goneMilliseconds) <= now { reap(name) }
    }
    let failed = members.filter { $0.value.status == .failed }.map { $0.key }.sorted { $0.precedes($1) }
    let isAnyGone = members.contains { $0.value.isGone }
    self.reconnectAt = isAnyGone ? now.advanced(milliseconds: Self.reconnectMilliseconds) : nil
    guard !failed.isEmpty else { return }
    let others = max(1, members.count - failed.count)
    guard random.index(below: others) < failed.count else { return }
    guard let address = members[failed[random.index(below: failed.count)]]?.address else { return }
    take(membership.join([address], now: now), now: now)
  }
}

extension LamportTime {
  fileprivate var predecessor: LamportTime { LamportTime(rawValue: rawValue == 0 ? 0 : rawValue - 1) }
  fileprivate var successor: LamportTime { LamportTime(rawValue: rawValue == .max ? .max : rawValue + 1) }
}

extension Instant {
  fileprivate static let start = Instant(nanoseconds: 0)
}

extension NodeName {
  fileprivate func precedes(_ other: NodeName) -> Bool { bytes.lexicographicallyPrecedes(other.bytes) }
}
