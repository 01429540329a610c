import Basics

/// Serf's three logical clocks: the times of its next messages of each kind.
public struct SerfClocks: Equatable, Sendable {
  public var member: LamportTime
  public var event: LamportTime
  public var query: LamportTime

  public init(member: LamportTime = 1, event: LamportTime = 1, query: LamportTime = 1) {
    self.member = member
    self.event = event
    self.query = query
  }
}

/// What a member keeps in its store, so that after a restart it comes back by itself and hears no event or query again.
public struct SerfRecord: Equatable, Sendable {
  /// The most addresses that are kept.
  public static let maximumPeers = 32

  public var clocks: SerfClocks
  /// Whom to ask to be taken in again, in this order.
  public var peers: [SocketAddress]

  public init(clocks: SerfClocks = SerfClocks(), peers: [SocketAddress] = []) {
    self.clocks = clocks
    self.peers = peers
  }

  /// Whether it says the same, be it in another order.
  fileprivate func saysTheSame(as other: SerfRecord) -> Bool {
    clocks == other.clocks && Set(peers) == Set(other.peers)
  }
}

/// When what is recorded was recorded, and is so next.
struct SerfRecording {
  /// What happens together is recorded together.
  static let delayMilliseconds: UInt64 = 10_000
  /// The times between two records double, as flash wears, but the first peers are worth more than later ones.
  private static let firstIntervalMilliseconds: UInt64 = 60_000
  static let lastIntervalMilliseconds: UInt64 = 3_600_000

  private(set) var recorded: SerfRecord
  /// When it is to be seen whether there is something new; nil: not before something happens.
  private(set) var dueAt: Instant?
  private var earliest: Instant?
  private var intervalMilliseconds = Self.firstIntervalMilliseconds

  init(_ recorded: SerfRecord) {
    self.recorded = recorded
  }

  /// Something has happened that may be worth recording.
  mutating func schedule(now: Instant) {
    guard dueAt == nil else { return }
    let delayed = now.advanced(milliseconds: Self.delayMilliseconds)
    dueAt = max(delayed, earliest ?? delayed)
  }

  /// Takes what there is at the time that it is due; whether it is worth writing.
  mutating func take(_ record: SerfRecord, now: Instant) -> Bool {
    dueAt = nil
    if record.saysTheSame(as: recorded) { return false }
    recorded = record
    earliest = now.advanced(milliseconds: intervalMilliseconds)
    intervalMilliseconds = min(2 * intervalMilliseconds, Self.lastIntervalMilliseconds)
    return true
  }
}

extension MemberEntry {
  fileprivate func isBetterPeer(than other: MemberEntry) -> Bool {
    hasAnswered == other.hasAnswered ? changedAt < other.changedAt : hasAnswered
  }
}

extension SerfMembership {
  /// What is to be stored at each `recordChanged`, and given to the initialiser after a restart; the peers to `join`.
  ///
  /// Members that have answered us and been there the longest come first. Those that were recorded before follow even if they are gone:
  /// it may be we who are cut off.
  public var record: SerfRecord {
    let table = membership.table
    let alive = table.occupiedSlots.map { Int($0) }
      .filter { $0 != Membership.localSlot && table[$0].state == .alive }
      .sorted { table[$0].isBetterPeer(than: table[$1]) }
    var peers = alive.prefix(SerfRecord.maximumPeers).map { table[$0].address }
    for peer in recording.recorded.peers where peers.count < SerfRecord.maximumPeers && !peers.contains(peer) {
      peers.append(peer)
    }
    let clocks = SerfClocks(member: memberClock.time, event: eventClock.time, query: queryClock.time)
    return SerfRecord(clocks: clocks, peers: peers)
  }

  mutating func recordIfDue(now: Instant) {
    guard let dueAt = recording.dueAt, dueAt <= now else { return }
    if recording.take(record, now: now) { effects.append(.recordChanged) }
  }
}
