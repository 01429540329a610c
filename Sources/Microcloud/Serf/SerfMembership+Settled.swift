import Basics

// Clusters that have been together for long, without their having to come together first: for simulations, in which ten
// thousand members could not each hold all that they know of one another.

extension SerfMembership {
  /// One more member of a cluster, which knows what another one knows, and shares its memory until either changes.
  ///
  /// - Parameters:
  ///   - name: of a member that `other` knows.
  ///   - seed: a random number.
  public init(_ name: NodeName, settledBeside other: SerfMembership, seed: UInt64, now: Instant) {
    let membership = Membership(name, settledBeside: other.membership, seed: seed, now: now)
    self.init(
      name: name, address: membership.localAlive.address, tags: other.tags, profile: membership.profile,
      limits: membership.limits, packetBytes: membership.packetBytes, keyring: other.keyring,
      record: SerfRecord(clocks: other.record.clocks), seed: seed, now: now)
    let ackPayload = self.membership.ackPayload
    self.membership = membership
    self.membership.ackPayload = ackPayload
  }
}

extension Membership {
  fileprivate init(_ name: NodeName, settledBeside other: Membership, seed: UInt64, now: Instant) {
    guard let slot = other.table.slot(of: name) else { preconditionFailure("a member that nobody knows") }
    let own = other.table[slot]
    self.init(
      name: name, address: own.address, meta: Array(own.meta), versions: own.versions, profile: other.profile,
      limits: other.limits, packetBytes: other.packetBytes, seed: seed, now: now)
    table = other.table
    if slot != Self.localSlot {
      // The slot that became free last is taken first: we are in ours, and the other one goes where we were.
      let neighbour = table[Self.localSlot]
      table.remove(slot: slot)
      table.remove(slot: Self.localSlot)
      _ = table.insert(own)
      _ = table.insert(neighbour)
    }
    // All has been told long ago.
    queue = BroadcastQueue(maximumCount: limits.broadcasts, maximumBytes: limits.broadcastBytes)
    probeOrder = table.occupiedSlots.filter { Int($0) != Self.localSlot }
    random.shuffle(&probeOrder)
    startTimers(now: now)
  }
}
