import Basics

/// A member of a Serf cluster: memberlist's membership, and on it joins and leaves in logical time, tags, events and
/// queries.
///
/// As with `Membership`, each call returns effects, and `tick` is to be called at `nextDeadline`.
public struct SerfMembership {
  /// How long members that failed or left are remembered, and the former tried to be reached.
  static let goneMilliseconds: UInt64 = 24 * 3600 * 1000
  /// How often one that failed is tried.
  static let reconnectMilliseconds: UInt64 = 30_000
  /// How long a leave is told after the intent.
  static let leavePropagationMilliseconds: UInt64 = 1000
  /// The most intents that are kept for members not heard of yet.
  static let maximumEarlyIntents = 128
  /// The most members that one push/pull can tell us have left while we thought them there; more come with the next one.
  static let maximumLeftNames = 128

  enum Leaving: Equatable {
    case no
    /// The intent is being told, until then at most.
    case intent(until: Instant)
    case memberlist
    case propagating(until: Instant)
    case done
  }

  /// A join or leave of a member that is not known yet.
  struct EarlyIntent {
    let name: NodeName
    var isLeave: Bool
    var time: LamportTime
  }

  public private(set) var tags: Tags
  public internal(set) var membership: Membership
  var memberClock: LamportClock
  var eventClock: LamportClock
  var queryClock: LamportClock
  /// Members that failed or left. Those that are there are in memberlist's table.
  var gone = GoneMembers()
  var earlyIntents: [EarlyIntent] = []
  /// Left members that a push/pull has named, whose times have not come yet.
  var leftNames: [MembershipStreamID: Set<NodeName>] = [:]
  var recentEvents: RecentMessages
  var recentQueries: RecentMessages
  var recording: SerfRecording
  var openQueries: [OpenQuery] = []
  var coordinates: CoordinateClient
  /// Nil where the cluster is not encrypted.
  public internal(set) var keyring: Keyring?
  /// Whether members may change our keys. Whoever can ask holds one.
  let acceptsKeyChanges: Bool
  /// When the others may be asked again whose our name is.
  var conflictAskableAt: Instant?
  var leaving = Leaving.no
  var reconnectAt: Instant?
  var random: SeededRandom
  var effects: [SerfEffect] = []

  /// A member that knows only itself.
  ///
  /// - Parameters:
  ///   - tags: at most `Tags.customaryMaximumBytes` encoded where stock agents have to pass them on.
  ///   - keyring: the keys that packets and streams are sealed with; nil: they are not.
  ///   - acceptsKeyChanges: whether a member may change the keyring by a query.
  ///   - record: what was last stored, after a restart.
  ///
  /// The others are those of `Membership`.
  public init(
    name: NodeName, address: SocketAddress, tags: Tags, profile: MembershipProfile,
    limits: MembershipLimits = MembershipLimits(), packetBytes: Int = PacketBuilder.customaryBudgetBytes,
    keyring: Keyring? = nil, acceptsKeyChanges: Bool = true, record: SerfRecord = SerfRecord(), seed: UInt64,
    now: Instant
  ) {
    self.tags = tags
    self.keyring = keyring
    self.acceptsKeyChanges = acceptsKeyChanges
    memberClock = LamportClock(time: record.clocks.member)
    eventClock = LamportClock(time: record.clocks.event)
    queryClock = LamportClock(time: record.clocks.query)
    recentEvents = RecentMessages(from: record.clocks.event)
    recentQueries = RecentMessages(from: record.clocks.query)
    recording = SerfRecording(record)
    random = SeededRandom(seed: ~seed)
    coordinates = CoordinateClient(seed: random.next())
    membership = Membership(
      name: name, address: address, meta: tags.encoded, profile: profile, limits: limits, packetBytes: packetBytes,
      seed: seed, now: now)
    membership.ackPayload = coordinate.encoded
  }

  public var name: NodeName { membership.name }

  /// Where we say that we are.
  public var address: SocketAddress { membership.table[Membership.localSlot].address }

  /// How many other members are there.
  public var peerCount: Int {
    membership.table.occupiedSlots.count { Int($0) != Membership.localSlot && isPresent(Int($0)) }
  }

  // MARK: Looking

  /// How Serf sees a member; nil if it is not known.
  public func status(of name: NodeName) -> MemberRecord.Status? {
    if let position = gone.position(of: name) { return gone[position].status }
    return presentSlot(of: name).map { membership.table[$0].serf.isLeaving ? .leaving : .alive }
  }

  /// What is to be said in a push/pull.
  public func pushPull(
    isJoin: Bool
  ) -> PushPullWriter<MemberNodes, LeftMemberNames, MemberStatusTimes> {
    let presentSlots = membership.table.occupiedSlots.filter { isPresent(Int($0)) }
    let state = SerfState(
      memberClock: memberClock.time, eventClock: eventClock.time, queryClock: queryClock.time,
      leftMembers: LeftMemberNames(gone),
      statusTimes: MemberStatusTimes(membership.table, presentSlots: presentSlots, gone: gone))
    return PushPullWriter(isJoin: isJoin, nodes: membership.nodes, serfState: state)
  }

  /// When `tick` must next be called; nil: not before something else happens.
  public var nextDeadline: Instant? {
    var deadlines = [membership.nextDeadline, reconnectAt, recording.dueAt] + openQueries.map { $0.deadline }
    switch leaving {
    case .intent(let until), .propagating(let until): deadlines.append(until)
    case .no, .memberlist, .done: break
    }
    return deadlines.compactMap { $0 }.min()
  }

  // MARK: Commands

  /// Asks members at these addresses to take us in.
  public mutating func join(_ addresses: [SocketAddress], now: Instant) -> [SerfEffect] {
    take(membership.join(addresses, now: now), now: now)
    return takeEffects()
  }

  public mutating func update(tags: Tags, now: Instant) -> [SerfEffect] {
    self.tags = tags
    take(membership.update(meta: tags.encoded, now: now), now: now)
    return takeEffects()
  }

  /// Leaves for good: the intent first, so that others see us leave and not fail. `hasLeft` says when it is done.
  public mutating func leave(now: Instant) -> [SerfEffect] {
    guard leaving == .no else { return [] }
    leaving = .intent(until: now.advanced(milliseconds: Membership.leaveMilliseconds))
    reconnectAt = nil
    let intent = SerfMessage.Leave(time: memberClock.tick(), node: name)
    membership.table[Membership.localSlot].serf.statusTime = intent.time
    membership.table[Membership.localSlot].serf.isLeaving = true
    broadcast(.leave(intent), kind: .intent, key: name.bytes, now: now)
    advanceLeaving(now: now)
    return takeEffects()
  }

  /// Says that a member that has failed will not come back, so that nobody tries to reach it any more; with `prunes`,
  /// that it is to be forgotten at once. One that is there after all says so, and stays.
  public mutating func forceLeave(_ peer: NodeName, prunes: Bool = false, now: Instant) -> [SerfEffect] {
    if peer == name { return [] }
    let intent = SerfMessage.Leave(time: memberClock.tick(), node: peer, prunes: prunes)
    _ = hear(intent, now: now)
    broadcast(.leave(intent), kind: .intent, key: peer.bytes, now: now)
    return takeEffects()
  }

  // MARK: Input

  /// Takes a message out of a packet that came from `source`.
  public mutating func receive(
    _ message: MemberlistMessage, from source: SocketAddress, now: Instant
  ) -> [SerfEffect] {
    take(membership.receive(message, from: source, now: now), now: now)
    return takeEffects()
  }

  /// See `Membership.acceptStream`.
  public mutating func acceptStream(now: Instant) -> MembershipStreamID? { membership.acceptStream(now: now) }

  /// Takes what was read on a stream.
  public mutating func receive(
    _ event: GossipStreamEvent, on id: MembershipStreamID, now: Instant
  ) -> [SerfEffect] {
    take(membership.receive(event, on: id, now: now), now: now)
    return takeEffects()
  }

  /// See `Membership.streamEnded`.
  public mutating func streamEnded(_ id: MembershipStreamID, now: Instant) -> [SerfEffect] {
    leftNames[id] = nil
    take(membership.streamEnded(id, now: now), now: now)
    return takeEffects()
  }

  /// Does what is due at `now`.
  public mutating func tick(now: Instant) -> [SerfEffect] {
    take(membership.tick(now: now), now: now)
    advanceLeaving(now: now)
    reconnectAndReap(now: now)
    endQueries(now: now)
    recordIfDue(now: now)
    return takeEffects()
  }

  // MARK: Shared

  mutating func takeEffects() -> [SerfEffect] {
    defer { effects = [] }
    return effects
  }

  /// Tells everybody.
  mutating func broadcast(_ message: SerfMessage, kind: BroadcastKind, key: [UInt8] = [], now: Instant) {
    take(membership.broadcast(user: message.encoded, kind: kind, key: key, now: now), now: now)
  }

  /// What memberlist wants done or known.
  mutating func take(_ membershipEffects: [MembershipEffect], now: Instant) {
    for effect in membershipEffects {
      switch effect {
      case .send(let bytes, let address): effects.append(.send(bytes, to: address))
      case .openStream(let id, let address, let content):
        effects.append(.openStream(id, to: address, saying: content))
      case .answer(let id, let content):
        leftNames[id] = nil
        effects.append(.answer(id, saying: content))
      case .closeStream(let id):
        leftNames[id] = nil
        effects.append(.closeStream(id))
      case .conflict(let name, let known, let other): takeConflict(name, known: known, other: other, now: now)
      case .joined(let address, let isSuccess):
        effects.append(.joined(address, isSuccess: isSuccess))
        if isSuccess { announceJoin(now: now) }
      case .member(let name, let change):
        take(change, of: name, now: now)
        recording.schedule(now: now)
      case .acknowledged(let name, let roundTripNanoseconds, let payload):
        measure(name, roundTripNanoseconds: roundTripNanoseconds, payload: payload)
      case .user(let message): receive(message, now: now)
      case .userState(let entry, let id): merge(entry, on: id, now: now)
      case .hasLeft: leaving = .propagating(until: now.advanced(milliseconds: Self.leavePropagationMilliseconds))
      }
    }
  }

  /// A message of Serf's. What cannot be read is passed over.
  private mutating func receive(_ bytes: [UInt8], now: Instant) {
    let message: SerfMessage
    do throws(GossipError) { message = try SerfMessage.decode(bytes[...]) } catch { return }
    switch message {
    case .join(let intent):
      if hear(intent, now: now) { broadcast(message, kind: .intent, key: intent.node.bytes, now: now) }
    case .leave(let intent):
      if hear(intent, now: now) { broadcast(message, kind: .intent, key: intent.node.bytes, now: now) }
    case .userEvent(let event): hear(event, now: now)
    case .query(let query): hear(query, now: now)
    case .queryResponse(let response): hear(response)
    case .relay(let relay): forward(relay)
    case .conflictResponse, .keyRequest, .keyResponse: break
    }
  }

  private mutating func advanceLeaving(now: Instant) {
    switch leaving {
    case .intent(let until):
      let isTold = !membership.hasPeers || !membership.isBroadcasting(.intent, key: name.bytes)
      guard isTold || until <= now else { return }
      leaving = .memberlist
      take(membership.leave(now: now), now: now)
    case .propagating(let until) where until <= now:
      leaving = .done
      effects.append(.hasLeft)
    case .no, .memberlist, .propagating, .done: break
    }
  }
}
