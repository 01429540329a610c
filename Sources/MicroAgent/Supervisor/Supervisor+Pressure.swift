import Basics

/// What the node does when it has less memory than it promised.
extension Supervisor {
  /// Everything waited for memory for too long (see `PressureLadder`).
  public mutating func waitedForMemory(now: Instant) -> [Effect] {
    switch pressure.waited(now: now) {
    case .promiseNothing: []
    case .throttle: throttle()
    case .giveUp: relievePressure(now: now)
    }
  }

  /// Gives up the lease of the lowest priority, of these the youngest. Without a lease there is nothing to give up.
  mutating func relievePressure(now: Instant) -> [Effect] {
    // What ends is to end at full speed.
    let effects = endThrottle()
    return effects + (lowestLease.map { endLease($0, .givenUp, now) } ?? [])
  }

  /// Slows the containers of the lease down that would be given up first: what they do not do needs no memory.
  private mutating func throttle() -> [Effect] {
    guard throttledLease == nil, let lowest = lowestLease else { return [] }
    let id = leases.entries[lowest].id
    throttledLease = id
    return cpuEffects(ofLease: id, isThrottled: true)
  }

  private mutating func endThrottle() -> [Effect] {
    guard let id = throttledLease else { return [] }
    throttledLease = nil
    return cpuEffects(ofLease: id, isThrottled: false)
  }

  /// Lets them run as before once the node is not short any more.
  mutating func tickPressure(now: Instant) -> [Effect] {
    pressure.isShort(now: now) ? [] : endThrottle()
  }

  /// When `tickPressure` is due.
  var pressureDeadline: Instant? { throttledLease == nil ? nil : pressure.calmAt }

  private func cpuEffects(ofLease id: UInt64, isThrottled: Bool) -> [Effect] {
    entries.filter { $0.container.request.lease == id && $0.container.isAlive }.map {
      .throttle(id: $0.container.id, isThrottled)
    }
  }

  private var lowestLease: Int? {
    var lowest: Int?
    for index in leases.entries.indices {
      let entry = leases.entries[index]
      if entry.isForgetting || entry.lease.phase == .over { continue }
      if let found = lowest, leases.entries[found].lease.request.priority < entry.lease.request.priority { continue }
      lowest = index
    }
    return lowest
  }
}
