import Basics

/// Names one record of ours; what it says is made when it is sent.
struct OwnRecord: Equatable, Sendable {
  enum Kind: Equatable, Sendable {
    /// The host's address with this index.
    case address(UInt8)
    /// NSEC: the name has no other types.
    case negative
    case pointer, service, text
    /// The pointer that lists the service's type.
    case type
  }

  let publication: UInt32
  let kind: Kind

  /// Whether only we have records of this name and type.
  var isUnique: Bool { kind != .pointer && kind != .type }

  var ttlSeconds: UInt32 {
    switch kind {
    case .address, .negative, .service: MDNS.hostTTLSeconds
    case .pointer, .text, .type: MDNS.otherTTLSeconds
    }
  }
}

/// The answers that wait to be multicast on one link, and when each record was last. Both hold a record at most once, so
/// that no flood of questions makes them longer than what we publish.
struct MDNSAnswerQueue: Sendable {
  /// A record is multicast at most once in this time, or when another host probes for its name (RFC 6762 section 6).
  static let gapMilliseconds: UInt64 = 1000
  static let defenceGapMilliseconds: UInt64 = 250

  private struct Pending {
    let record: OwnRecord
    /// When it is sent at the latest, and at the earliest if another answer goes out before.
    var due: Instant
    var earliest: Instant
    /// Who may go on telling known answers, if only that one wants the record.
    var asker: IPAddress?
  }

  private struct Sent {
    let record: OwnRecord
    var at: Instant
  }

  private var pending: [Pending] = []
  private var sent: [Sent] = []

  var nextDeadline: Instant? {
    pending.reduce(nil) { Instant.earlier($0, $1.due) }
  }

  /// Plans to send a record at `due`, or sooner if another one goes out from `earliest` on.
  mutating func add(
    _ record: OwnRecord, earliest: Instant, due: Instant, asker: IPAddress? = nil, isDefence: Bool = false
  ) {
    var limit = earliest
    if let last = lastSent(record) {
      let gap = isDefence ? Self.defenceGapMilliseconds : Self.gapMilliseconds
      limit = max(limit, last.advanced(milliseconds: gap))
    }
    let due = max(due, limit)
    guard let index = pending.firstIndex(where: { $0.record == record }) else {
      pending.append(Pending(record: record, due: due, earliest: limit, asker: asker))
      return
    }
    pending[index].due = min(pending[index].due, due)
    pending[index].earliest = min(pending[index].earliest, limit)
    if pending[index].asker != asker { pending[index].asker = nil }
  }

  /// What waits, and for whom alone.
  var waiting: [(record: OwnRecord, asker: IPAddress?)] {
    pending.map { ($0.record, $0.asker) }
  }

  /// Somebody has said it, or nobody needs it any more.
  mutating func drop(_ record: OwnRecord) {
    pending.removeAll { $0.record == record }
  }

  /// Forgets all about a publication's records.
  mutating func forget(publication: UInt32) {
    pending.removeAll { $0.record.publication == publication }
    sent.removeAll { $0.record.publication == publication }
  }

  /// If something is due, all that may go out with it.
  mutating func takeDue(now: Instant) -> [OwnRecord] {
    guard let deadline = nextDeadline, deadline <= now else { return [] }
    let taken = pending.filter { $0.earliest <= now }.map { $0.record }
    pending.removeAll { $0.earliest <= now }
    return taken
  }

  mutating func noteSent(_ record: OwnRecord, now: Instant) {
    if let index = sent.firstIndex(where: { $0.record == record }) {
      sent[index].at = now
    } else {
      sent.append(Sent(record: record, at: now))
    }
  }

  func lastSent(_ record: OwnRecord) -> Instant? {
    sent.first { $0.record == record }?.at
  }

  /// Whether a record was multicast so lately that one who asks for a unicast answer gets that (RFC 6762 section 5.4).
  func isFresh(_ record: OwnRecord, now: Instant) -> Bool {
    guard let last = lastSent(record) else { return false }
    return now < last.advanced(milliseconds: UInt64(record.ttlSeconds) * 1000 / 4)
  }

  /// Whether a record was multicast within the last second.
  func wasJustSent(_ record: OwnRecord, now: Instant) -> Bool {
    guard let last = lastSent(record) else { return false }
    return now < last.advanced(milliseconds: Self.gapMilliseconds)
  }
}
