import Basics

extension Supervisor {
  // MARK: Events

  /// Takes in what became of a lease's record. An id that is no longer known is ignored.
  public mutating func handle(_ event: LeaseEvent, lease id: UInt64, now: Instant) -> [Effect] {
    guard let index = leases.index(of: id) else { return [] }
    switch event {
    case .saved(let revision):
      let before = leases.entries[index].told
      var effects = leases.saved(index, revision, now: now)
      if leases.entries[index].told.isNews(after: before) { effects.insert(.leaseChanged(id: id), at: 0) }
      if leases.entries[index].isOpen { effects += performRuns(index, now) }
      return effects + settleLease(id, now)
    case .saveFailed(let revision, let line):
      // Who wanted to take it up again after its end does not have it, and its containers end.
      return leases.saveFailed(index, revision, line, now: now) + settleLease(id, now)
    case .forgotten: return leaseForgotten(index)
    case .forgetFailed:
      leases.forgetFailed(index, now: now)
      return []
    }
  }

  private mutating func performRuns(_ index: Int, _ now: Instant) -> [Effect] {
    let runs = leases.entries[index].runs
    leases.entries[index].runs = []
    // Only its holder could ask for them, who was asked who he is then.
    return runs.flatMap { create($0.request, token: $0.token) }
  }

  private mutating func leaseForgotten(_ index: Int) -> [Effect] {
    let effects: [Effect] = [.leaseChanged(id: leases.entries[index].id)] + leases.answerReleases(index)
    leases.entries.remove(at: index)
    return effects
  }

  // MARK: Ends

  /// Ends a lease: at once where nobody knows it but we, else once that is durable.
  mutating func endLease(_ index: Int, _ end: Lease.End, _ now: Instant) -> [Effect] {
    let id = leases.entries[index].id
    var effects = leases.refuse(index, RequestError(.conflict, "lease \(id): \(end) meanwhile"))
    if leases.entries[index].hasNoRecord { return effects + leaseForgotten(index) }
    if !hasContainers(inLease: id) { return effects + leases.forget(index) }
    leases.entries[index].lease.phase = .over
    leases.entries[index].lease.end = end
    leases.entries[index].lease.deadline = now.advanced(milliseconds: Leases.retentionMilliseconds)
    effects += leases.save(index, now: now)
    return effects
  }

  /// Does what is due about leases.
  mutating func tickLeases(now: Instant) -> [Effect] {
    var effects: [Effect] = []
    for id in leases.due(now: now) {
      guard let index = leases.index(of: id) else { continue }
      if leases.entries[index].lease.phase == .over {
        leases.entries[index].isRetentionOver = true
        effects += settleLease(id, now)
      } else {
        effects += endLease(index, .expired, now)
      }
    }
    return effects + leases.store(now: now)
  }

  /// Brings the containers of a lease that is over to where they must be: ended, and in the end removed, and the lease
  /// after them. Can be done at any time, and any number of times.
  mutating func settleLease(_ id: UInt64, _ now: Instant) -> [Effect] {
    guard let index = leases.index(of: id), leases.entries[index].isOver, !leases.entries[index].isForgetting else {
      return []
    }
    if !hasContainers(inLease: id) { return leases.forget(index) }
    let removes = leases.entries[index].isRetentionOver
    var effects: [Effect] = []
    for entry in entries where entry.container.request.lease == id {
      effects += removes ? removeAtEnd(entry.container.id, now) : stopAtEnd(entry.container.id, now)
    }
    return effects
  }

  /// Takes over the leases, before the containers.
  public mutating func adopt(leases records: [Lease], now: Instant) -> [Effect] {
    records.flatMap { leases.adopt($0, now: now) }
  }

  /// After leases and containers have been taken over: ends what must not run any more. What is in a lease that the store
  /// does not know is stopped, and is the owner's.
  public mutating func settleAdopted(now: Instant) -> [Effect] {
    var effects: [Effect] = []
    for entry in entries {
      guard let id = entry.container.request.lease, leases.index(of: id) == nil else { continue }
      effects += stopAtEnd(entry.container.id, now)
    }
    for id in leases.entries.map({ $0.id }) { effects += settleLease(id, now) }
    return effects
  }
}
