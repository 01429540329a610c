import Basics

/// What others have said, for as long as it may be believed: records that a browse needs, and no others.
///
/// It is bounded: no more records than `maximumRecords` and no more of their data than `maximumBytes`. What does not fit is
/// not taken, so that a flood of new names pushes nothing out that is known.
struct MDNSCache: Sendable {
  static let maximumRecords = 640
  static let maximumBytes = 64 * 1024
  static let maximumAddressesOfHost = 8
  /// A longer text is cut off by nobody: the record is not taken.
  static let maximumTextBytes = 1300
  /// Nothing is believed for longer without being asked for again.
  static let maximumTTLSeconds: UInt32 = 4500
  /// What is believed for a shorter time is not asked for again before it ends.
  static let minimumRefreshTTLSeconds: UInt32 = 10
  /// How long a record stays that was taken back or replaced (RFC 6762 sections 10.1 and 10.2).
  static let leavingMilliseconds: UInt64 = 1000
  /// How long a doubted record has to be confirmed (section 10.5).
  static let doubtSeconds: UInt32 = 10
  /// A record is asked for again when 80, 85, 90 and 95 % of its time are over, and up to 2 % more (section 5.2).
  static let refreshPercent: [UInt64] = [80, 85, 90, 95]
  /// A doubted one at once, and spread over the time that it has: on a lossy link two questions are soon lost.
  static let doubtPercent: [UInt64] = [5, 30, 55, 80]
  /// What is to be asked for within this time is asked for together.
  static let refreshWindowMilliseconds: UInt64 = 1000

  enum State: UInt8, Sendable {
    case believed
    /// Asked for by others without an answer.
    case doubted
    /// Taken back or replaced: it ends without being asked for again.
    case leaving
  }

  struct Entry: Sendable {
    /// Shares its bytes with the record that led here.
    let name: DNSName
    fileprivate(set) var data: DNSRecordData
    let interface: UInt32
    fileprivate(set) var ttlSeconds: UInt32
    fileprivate(set) var received: Instant
    fileprivate(set) var state = State.believed
    /// How many of the refreshes were asked for.
    fileprivate var refreshes: UInt8 = 0
    /// Where in the 2 % this one asks.
    fileprivate var jitter: UInt8
    /// How many questions of others went unanswered, and in which second the last one of them came.
    fileprivate var unanswered: UInt8 = 0
    fileprivate var unansweredSecond: UInt32 = 0

    fileprivate func time(percent: UInt64) -> Instant {
      received.advanced(milliseconds: UInt64(ttlSeconds) * 10 * percent)
    }

    var end: Instant {
      state == .leaving ? received.advanced(milliseconds: MDNSCache.leavingMilliseconds) : time(percent: 100)
    }

    /// When it is to be asked for again; nil: not any more.
    fileprivate var refresh: Instant? {
      guard state != .leaving, ttlSeconds >= MDNSCache.minimumRefreshTTLSeconds else { return nil }
      let percents = state == .doubted ? MDNSCache.doubtPercent : MDNSCache.refreshPercent
      guard Int(refreshes) < percents.count else { return nil }
      let spread = UInt64(ttlSeconds) * 20 * UInt64(jitter) / 256
      return time(percent: percents[Int(refreshes)]).advanced(milliseconds: spread)
    }

    /// Seconds that it may still be believed, if more than half of its time are left (RFC 6762 section 7.1).
    func knownSeconds(now: Instant) -> UInt32? {
      guard state == .believed, now < time(percent: 50) else { return nil }
      return UInt32(truncatingIfNeeded: end.milliseconds(since: now) / 1000)
    }
  }

  private(set) var entries: [Entry] = []
  private var byteCount = 0

  var nextDeadline: Instant? {
    var earliest: Instant?
    for entry in entries { earliest = Instant.earlier(earliest, Instant.earlier(entry.refresh, entry.end)) }
    return earliest
  }

  /// All records of a name and type.
  func entries(_ name: DNSName, _ type: DNSType, on interface: UInt32) -> [Entry] {
    entries.filter { $0.interface == interface && $0.data.type == type && $0.name == name }
  }

  /// One of them; of SRV and TXT there is no other.
  func first(_ name: DNSName, _ type: DNSType, on interface: UInt32) -> Entry? {
    entries.first { $0.interface == interface && $0.data.type == type && $0.name == name }
  }

  private static func cost(_ data: DNSRecordData) -> Int {
    MemoryLayout<Entry>.stride + data.uncompressed.count
  }

  // MARK: Taking

  enum Outcome {
    /// There is no room, or it is too large.
    case refused
    /// It was known.
    case confirmed
    /// It is new, or other than before.
    case changed
  }

  /// Believes a record, if there is room. Of a service there is one SRV and one TXT record: a new one replaces it.
  mutating func take(
    _ name: DNSName, _ data: DNSRecordData, ttlSeconds: UInt32, on interface: UInt32, now: Instant, jitter: UInt8
  ) -> Outcome {
    if case .text(let text) = data, text.wire.count > Self.maximumTextBytes { return .refused }
    let isSingle = data.type == .srv || data.type == .txt
    let ttlSeconds = min(ttlSeconds, Self.maximumTTLSeconds)
    let same = entries.firstIndex { entry in
      entry.interface == interface && entry.data.type == data.type && entry.name == name
        && (isSingle || entry.data == data)
    }
    if let same {
      let isOther = entries[same].data != data
      if isOther { guard replace(same, data) else { return .refused } }
      entries[same].ttlSeconds = ttlSeconds
      entries[same].received = now
      entries[same].state = .believed
      entries[same].refreshes = 0
      entries[same].unanswered = 0
      entries[same].jitter = jitter
      return isOther ? .changed : .confirmed
    }
    let cost = Self.cost(data)
    guard entries.count < Self.maximumRecords, byteCount + cost <= Self.maximumBytes else { return .refused }
    if case .address = data {
      let known = entries(name, .a, on: interface).count + entries(name, .aaaa, on: interface).count
      guard known < Self.maximumAddressesOfHost else { return .refused }
    }
    byteCount += cost
    entries.append(
      Entry(
        name: name, data: data, interface: interface, ttlSeconds: ttlSeconds, received: now, jitter: jitter))
    return .changed
  }

  private mutating func replace(_ index: Int, _ data: DNSRecordData) -> Bool {
    let count = byteCount - Self.cost(entries[index].data) + Self.cost(data)
    guard count <= Self.maximumBytes else { return false }
    byteCount = count
    entries[index].data = data
    return true
  }

  // MARK: Doubting

  /// A record was taken back: it stays for a second, should another host say it still (RFC 6762 section 10.1).
  mutating func takeBack(_ name: DNSName, _ data: DNSRecordData, on interface: UInt32, now: Instant) {
    for index in entries.indices
    where entries[index].interface == interface && entries[index].data == data && entries[index].name == name {
      leave(index, now)
    }
  }

  /// The owner has told all records of this name and type: those not heard within the last second are no more (section
  /// 10.2).
  mutating func flush(_ name: DNSName, _ type: DNSType, on interface: UInt32, now: Instant) {
    for index in entries.indices
    where entries[index].interface == interface && entries[index].data.type == type && entries[index].name == name {
      if entries[index].received.advanced(milliseconds: Self.leavingMilliseconds) < now { leave(index, now) }
    }
  }

  private mutating func leave(_ index: Int, _ now: Instant) {
    if entries[index].state == .leaving { return }
    entries[index].state = .leaving
    entries[index].received = now
  }

  /// Another host has asked for this and is not known to have it. After the second time without an answer the record has ten
  /// seconds to be confirmed (section 10.5).
  mutating func noteQuestion(
    _ question: DNSQuestion, on interface: UInt32, now: Instant, isKnown: (Entry) -> Bool
  ) {
    for index in entries.indices where entries[index].interface == interface && entries[index].state == .believed {
      guard question.asks(for: entries[index].data.type, of: entries[index].name), !isKnown(entries[index]) else {
        continue
      }
      // One question often comes twice, over IPv4 and IPv6.
      let second = UInt32(truncatingIfNeeded: now.nanoseconds / 1_000_000_000)
      if entries[index].unanswered > 0, entries[index].unansweredSecond == second { continue }
      entries[index].unansweredSecond = second
      entries[index].unanswered = min(entries[index].unanswered + 1, 2)
      if entries[index].unanswered == 2 { doubt(index, now) }
    }
  }

  /// Gives a record ten seconds to be confirmed, if it had more.
  mutating func doubt(_ name: DNSName, _ data: DNSRecordData, on interface: UInt32, now: Instant) {
    for index in entries.indices
    where entries[index].interface == interface && entries[index].data == data && entries[index].name == name {
      doubt(index, now)
    }
  }

  private mutating func doubt(_ index: Int, _ now: Instant) {
    guard entries[index].state == .believed else { return }
    guard now.advanced(milliseconds: UInt64(Self.doubtSeconds) * 1000) < entries[index].end else { return }
    entries[index].state = .doubted
    entries[index].ttlSeconds = Self.doubtSeconds
    entries[index].received = now
    entries[index].refreshes = 0
  }

  // MARK: Time

  /// Questions for the records of an interface that are soon to end. When one is due, those of the next second go with it.
  mutating func takeRefreshes(on interface: UInt32, now: Instant) -> [DNSQuestion] {
    let isAnyDue = entries.contains { entry in
      entry.interface == interface && entry.refresh.map { $0 <= now } ?? false
    }
    return isAnyDue ? takeRefreshes(now: now) { $0.interface == interface } : []
  }

  /// Another host has asked this question: a refresh that was due within a second is done by that (section 7.3).
  mutating func skipRefreshes(for question: DNSQuestion, on interface: UInt32, now: Instant) {
    _ = takeRefreshes(now: now) {
      $0.interface == interface && question.asks(for: $0.data.type, of: $0.name)
    }
  }

  private mutating func takeRefreshes(now: Instant, _ isWanted: (Entry) -> Bool) -> [DNSQuestion] {
    let time = now.advanced(milliseconds: Self.refreshWindowMilliseconds)
    var questions: [DNSQuestion] = []
    for index in entries.indices where isWanted(entries[index]) {
      guard let refresh = entries[index].refresh, refresh <= time else { continue }
      entries[index].refreshes += 1
      // Those that were missed because the loop came late are not made up for.
      while let next = entries[index].refresh, next <= now { entries[index].refreshes += 1 }
      let question = DNSQuestion(entries[index].name, entries[index].data.type)
      if !questions.contains(question) { questions.append(question) }
    }
    return questions
  }

  /// Forgets what has come to its end, and returns it.
  mutating func removeExpired(now: Instant) -> [Entry] {
    let expired = entries.filter { $0.end <= now }
    if !expired.isEmpty { remove { $0.end <= now } }
    return expired
  }

  mutating func remove(where isUnwanted: (Entry) -> Bool) {
    entries.removeAll { entry in
      let isUnwanted = isUnwanted(entry)
      if isUnwanted { byteCount -= Self.cost(entry.data) }
      return isUnwanted
    }
    if entries.isEmpty { entries = [] }
  }
}
