import Basics

/// Who is in the cluster: the SWIM protocol as memberlist speaks it.
///
/// It does nothing itself: each call returns effects, to be carried out in order. It never reads a clock: callers pass
/// `now`, and call `tick` at `nextDeadline`.
public struct Membership {
  /// How long a leave may take to be told.
  static let leaveMilliseconds: UInt64 = 5000
  /// From how many members on that have never answered it may be crowded.
  private static let crowd = 64
  /// We are in slot 0, and never removed.
  static let localSlot = 0

  let profile: MembershipProfile
  let limits: MembershipLimits
  /// How long a packet may be.
  let packetBytes: Int
  /// What we are called.
  public let name: NodeName
  /// What our acks carry for the protocol above; Serf sends coordinates.
  public var ackPayload: [UInt8] = []

  var table = MemberTable()
  var queue: BroadcastQueue
  var random: SeededRandom
  var effects: [MembershipEffect] = []
  /// By slot.
  var suspicions: [Int: Suspicion] = [:]
  /// How many members in the table are dead or have left.
  var goneCount = 0

  var sequence: UInt32
  /// How much slower than usual we probe, as we seem to be the ones who do not hear: 0 to 7.
  var health: UInt64 = 0
  var probe: Probe?
  /// When the next probe begins; nil while there is nobody to probe.
  var probeAt: Instant?
  /// The slots in the order of probing.
  var probeOrder: [UInt16] = []
  var probePosition = 0
  /// Where in that order the next one is that has answered before, for when most have not.
  var answeredPosition = 0
  var isTurnOfAnswered = false
  var relays: [ProbeRelay] = []

  /// When gossip is sent next; nil while there is none.
  var gossipAt: Instant?
  var lastGossipAt: Instant?
  var pushPullAt: Instant?
  var streams: [GossipStream] = []
  var lastStreamNumber: UInt32 = 0

  var isLeaving = false
  /// Until then others may hear of it.
  var leaveDeadline: Instant?

  /// A member that knows only itself.
  ///
  /// - Parameters:
  ///   - address: where others reach us, by UDP and TCP.
  ///   - meta: what we say of ourselves; `Tags`, encoded.
  ///   - packetBytes: how long a packet may be before it is sealed.
  ///   - seed: a random number.
  public init(
    name: NodeName, address: SocketAddress, meta: [UInt8], versions: ProtocolVersions = .ours,
    profile: MembershipProfile, limits: MembershipLimits = MembershipLimits(),
    packetBytes: Int = PacketBuilder.customaryBudgetBytes, seed: UInt64, now: Instant
  ) {
    precondition(limits.areUsable && name.isUsable && name.bytes.count <= limits.nameBytes)
    precondition(versions.isValid && meta.count <= limits.metaBytes)
    self.name = name
    self.profile = profile
    self.limits = limits
    self.packetBytes = packetBytes
    queue = BroadcastQueue(maximumCount: limits.broadcasts, maximumBytes: limits.broadcastBytes)
    random = SeededRandom(seed: seed)
    sequence = UInt32(truncatingIfNeeded: random.next())
    let alive = MemberlistMessage.Alive(incarnation: 1, node: name, address: address, meta: meta, versions: versions)
    _ = table.insert(MemberEntry(alive, versions: versions, now: now))
    announce(now: now)
  }

  // MARK: Looking

  /// All members that are known: we ourselves, and those too that are gone and not yet forgotten.
  public var nodes: MemberNodes { MemberNodes(table) }

  public func node(named name: NodeName) -> PushPullNode? {
    table.slot(of: name).map { table[$0].node }
  }

  /// When `tick` must next be called; nil: not before something else happens.
  public var nextDeadline: Instant? {
    var earliest: Instant?
    func consider(_ instant: Instant?) {
      guard let instant else { return }
      if earliest.map({ instant < $0 }) ?? true { earliest = instant }
    }
    consider(gossipAt)
    consider(pushPullAt)
    consider(probeAt)
    consider(probe?.indirectAt)
    consider(leaveDeadline)
    for relay in relays { consider(relay.deadline) }
    for stream in streams { consider(stream.deadline) }
    for suspicion in suspicions.values { consider(suspicion.deadline) }
    return earliest
  }

  // MARK: Commands

  /// Asks members at these addresses to take us in. `joined` says of each what came of it.
  public mutating func join(_ addresses: [SocketAddress], now: Instant) -> [MembershipEffect] {
    for address in addresses {
      openStream(.pushPull(isJoin: true), to: address, saying: .pushPull(isJoin: true), now: now)
    }
    return takeEffects()
  }

  /// Says other things of ourselves, `limits.metaBytes` at most.
  public mutating func update(meta: [UInt8], now: Instant) -> [MembershipEffect] {
    precondition(meta.count <= limits.metaBytes)
    if isLeaving { return [] }
    var alive = localAlive
    alive.meta = meta
    alive.incarnation = alive.incarnation.successor
    let local = table[Self.localSlot]
    table.replace(Self.localSlot, with: local.updated(from: alive, versions: local.versions))
    announce(now: now)
    return takeEffects()
  }

  /// Sends a message of the protocol above to everybody, as a user message. One of the same kind and key that still waits
  /// to be sent is replaced, unless `key` is empty.
  public mutating func broadcast(
    user message: [UInt8], kind: BroadcastKind, key: [UInt8] = [], now: Instant
  ) -> [MembershipEffect] {
    enqueue(MemberlistMessage.user(message), kind: kind, key: key, now: now)
    return takeEffects()
  }

  /// Whether a broadcast still waits to be sent.
  public func isBroadcasting(_ kind: BroadcastKind, key: [UInt8]) -> Bool {
    queue.contains(kind, key: key)
  }

  /// Leaves for good. `hasLeft` says when others know; until then nothing changes for the caller, after that nothing
  /// needs to be called any more.
  public mutating func leave(now: Instant) -> [MembershipEffect] {
    if isLeaving { return [] }
    isLeaving = true
    let local = table[Self.localSlot]
    kill(MemberlistMessage.Accusation(incarnation: local.incarnation, node: name, from: name), now: now)
    probe = nil
    probeAt = nil
    pushPullAt = nil
    leaveDeadline = hasPeers ? now.advanced(milliseconds: Self.leaveMilliseconds) : now
    return takeEffects()
  }

  // MARK: Time

  /// Does what is due at `now`.
  public mutating func tick(now: Instant) -> [MembershipEffect] {
    expireStreams(now: now)
    expireRelays(now: now)
    expireSuspicions(now: now)
    if !isLeaving {
      advanceProbe(now: now)
      comparePeriodically(now: now)
    }
    gossipPeriodically(now: now)
    if let leaveDeadline, leaveDeadline <= now || !queue.contains(.ourselves, key: name.bytes) {
      self.leaveDeadline = nil
      effects.append(.hasLeft)
    }
    return takeEffects()
  }

  // MARK: Shared

  mutating func takeEffects() -> [MembershipEffect] {
    defer { effects = [] }
    return effects
  }

  mutating func nextSequence() -> UInt32 {
    sequence &+= 1
    return sequence
  }

  /// What we say of ourselves.
  var localAlive: MemberlistMessage.Alive {
    let entry = table[Self.localSlot]
    return MemberlistMessage.Alive(
      incarnation: entry.incarnation, node: name, address: entry.address, meta: Array(entry.meta),
      versions: entry.versions)
  }

  /// Tells everybody what we say of ourselves.
  mutating func announce(now: Instant) {
    enqueue(.alive(localAlive), kind: .ourselves, key: name.bytes, now: now)
  }

  /// Whether somebody else is there.
  var hasPeers: Bool {
    table.occupiedSlots.contains { Int($0) != Self.localSlot && !table[Int($0)].isGone }
  }

  /// How many members are there, we among them.
  var presentCount: Int { max(1, table.count - goneCount) }

  /// Whether most members have never answered us, while others have: they may be made up. What is sent to members at
  /// random goes to those that have answered then, or it would reach nobody.
  var isCrowded: Bool {
    let silent = table.count - 1 - table.answeredCount
    return table.answeredCount > 0 && silent >= Self.crowd && silent > table.answeredCount
  }

  mutating func worsenHealth(by delta: UInt64) {
    health = min(7, health + delta)
  }
}

extension UInt32 {
  /// The next incarnation; the highest one has none.
  var successor: UInt32 { self == .max ? .max : self + 1 }
}
