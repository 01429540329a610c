import Basics

/// The leases of this node: a table, and what becomes of each by time, by what its holder asks, and by what the disk says.
///
/// Whether there is room, and what becomes of containers, is the `Supervisor`'s part, which holds the table and is the
/// only one to call what changes it. A lease's record is written one change after the other: while one is on its way
/// to the disk, what changes meanwhile waits for it. So there is always one state that a new agent would find, `durable`,
/// and one that is wanted, `lease`; others are only ever told of the former.
public struct Leases {
  /// Those in retention are among them.
  public static let maximumLeases = 64
  /// How many a holder may have that it has not confirmed.
  public static let maximumTentative = 4
  /// How long a lease waits to be confirmed.
  public static let tentativeMilliseconds: UInt64 = 30_000
  /// How long what was written in a lease is kept for its holder after its end.
  public static let retentionMilliseconds: UInt64 = 24 * 3_600_000
  /// How often the remaining time is stored: a board that loses power gives no more than this of it back.
  public static let storeMilliseconds: UInt64 = 3_600_000
  /// The longest that a container is given to end when its lease does, whatever its request says.
  public static let longestGraceMilliseconds: UInt64 = 60_000
  /// How many requests wait for the disk on one lease.
  static let maximumWaiting = 16
  /// After a full disk what must be written is tried again.
  private static let retryMilliseconds: UInt64 = 1_000

  /// A container that is to run as soon as its lease is durable.
  struct WaitingRun {
    let request: ContainerRequest
    let token: UInt64
  }

  struct Entry {
    var lease: Lease
    /// What the store has; nil: no record.
    var durable: Lease?
    /// On its way to the store.
    var inFlight: Lease?
    /// Counts the changes; `savedRevision` of them have been written.
    var revision: UInt32 = 0
    var savedRevision: UInt32 = 0
    var sentRevision: UInt32 = 0
    /// The record is to be deleted; everything about it is over.
    var isForgetting = false
    var isForgetSent = false
    /// Its data are not kept any longer.
    var isRetentionOver = false
    var retryAt: Instant?
    /// Who waits for a revision to be durable, and is answered with the lease.
    var waiting: [(token: UInt64, revision: UInt32)] = []
    /// Who waits for it to be over, or gone.
    var releases: [UInt64] = []
    var runs: [WaitingRun] = []

    var id: UInt64 { lease.id }
    /// What the holder can rely on, and others are told.
    var told: Lease {
      if let durable, savedRevision != revision { return durable }
      var told = lease
      if durable == nil { told.phase = .tentative }
      return told
    }
    /// Whether all of its size is set aside: also as long as a new agent might find it active in the store.
    var isWhole: Bool {
      !isForgetting && lease.phase != .over || durable?.phase == .active || inFlight?.phase == .active
    }
    /// It is over, and will be whatever happens to us.
    var isOver: Bool { lease.phase == .over && durable?.phase == .over && inFlight?.phase != .active }
    /// There is nothing of it in the store, nor will there be.
    var hasNoRecord: Bool { durable == nil && inFlight == nil }
    /// Whether containers may run in it.
    var isOpen: Bool { !isForgetting && lease.phase == .active && durable?.phase == .active }
    var waitingCount: Int { waiting.count + releases.count + runs.count }
  }

  var entries: [Entry] = []
  private var nextID: UInt64
  private let firstGeneration: UInt32
  private let boot: String
  private var nextStore: Instant?

  /// - Parameters:
  ///   - nextID: a number above that of every lease that this store has ever had.
  ///   - firstGeneration: a random number; see `Lease.generation`.
  ///   - boot: the boot whose clock is `now`.
  public init(nextID: UInt64 = 1, firstGeneration: UInt32 = 1, boot: String = "") {
    self.nextID = nextID
    // Far from the end, so that it can grow.
    self.firstGeneration = firstGeneration & 0x7FFF_FFFF | 1
    self.boot = boot
  }

  // MARK: Looking

  func index(of id: UInt64) -> Int? { entries.firstIndex { $0.id == id } }

  /// What this holder asked for under that id before.
  func index(holder: [UInt8], requestID: [UInt8]) -> Int? {
    entries.firstIndex { $0.lease.holder == holder && $0.lease.request.requestID == requestID }
  }

  func tentativeCount(of holder: [UInt8]) -> Int {
    entries.reduce(0) { $0 + ($1.lease.holder == holder && $1.lease.phase == .tentative ? 1 : 0) }
  }

  /// The record to write for a save that was asked for; nil: it is out of date.
  public func record(id: UInt64, revision: UInt32) -> Lease? {
    guard let index = index(of: id), entries[index].sentRevision == revision else { return nil }
    return entries[index].inFlight
  }

  /// When `Supervisor.tick` is due on account of a lease.
  var nextDeadline: Instant? {
    var earliest = entries.contains { $0.durable != nil } ? nextStore : nil
    for entry in entries {
      for due in [Self.deadline(of: entry), entry.retryAt] {
        if let due, earliest.map({ due < $0 }) ?? true { earliest = due }
      }
    }
    return earliest
  }

  private static func deadline(of entry: Entry) -> Instant? {
    if entry.isForgetting || entry.isRetentionOver { return nil }
    // Retention begins when the end is durable.
    return entry.lease.phase == .over && !entry.isOver ? nil : entry.lease.deadline
  }

  // MARK: Changing

  /// Grants a lease, which is tentative.
  mutating func grant(_ request: LeaseRequest, to holder: [UInt8], now: Instant, wallSeconds: UInt64) -> UInt64 {
    let id = nextID
    nextID += 1
    let lease = Lease(
      id: id, holder: holder, request: request, generation: firstGeneration,
      deadline: now.advanced(milliseconds: Self.tentativeMilliseconds), boot: boot, createdSeconds: wallSeconds)
    entries.append(Entry(lease: lease))
    return id
  }

  /// Makes it active for so long from now, or for longer if it is already.
  mutating func activate(_ index: Int, seconds: UInt64, now: Instant) {
    let deadline = now.advanced(milliseconds: seconds * 1000)
    let isActive = entries[index].lease.phase == .active
    if entries[index].lease.phase == .over { entries[index].lease.generation &+= 1 }
    entries[index].lease.phase = .active
    entries[index].lease.end = nil
    entries[index].isRetentionOver = false
    entries[index].lease.deadline = isActive ? max(entries[index].lease.deadline, deadline) : deadline
  }

  /// Has the lease written as it is now, and what waits for that wait on.
  mutating func save(_ index: Int, now: Instant, isUrgent: Bool = true) -> [Effect] {
    entries[index].revision += 1
    return send(index, now, isUrgent: isUrgent)
  }

  private mutating func send(_ index: Int, _ now: Instant, isUrgent: Bool = true) -> [Effect] {
    if entries[index].inFlight != nil || entries[index].isForgetting { return [] }
    if nextStore == nil { nextStore = now.advanced(milliseconds: Self.storeMilliseconds) }
    entries[index].retryAt = nil
    entries[index].lease.remainingMilliseconds = entries[index].lease.deadline.milliseconds(since: now)
    entries[index].inFlight = entries[index].lease
    entries[index].sentRevision = entries[index].revision
    return [.saveLease(id: entries[index].id, revision: entries[index].revision, isUrgent: isUrgent)]
  }

  /// Has the record deleted; nothing is asked of the lease any more.
  mutating func forget(_ index: Int) -> [Effect] {
    entries[index].isForgetting = true
    if entries[index].inFlight != nil || entries[index].isForgetSent { return [] }
    entries[index].isForgetSent = true
    entries[index].retryAt = nil
    return [.forgetLease(id: entries[index].id)]
  }

  // MARK: What the disk says

  /// What was on its way is written; what changed meanwhile goes next.
  mutating func saved(_ index: Int, _ revision: UInt32, now: Instant) -> [Effect] {
    guard let written = entries[index].inFlight, entries[index].sentRevision == revision else { return [] }
    entries[index].inFlight = nil
    entries[index].durable = written
    entries[index].savedRevision = revision
    if entries[index].isForgetting { return forget(index) }
    var effects = answer(index)
    if entries[index].revision != revision { effects += send(index, now) }
    return effects
  }

  /// Answers those who waited for what is durable now.
  private mutating func answer(_ index: Int) -> [Effect] {
    let saved = entries[index].savedRevision
    let done = entries[index].waiting.filter { $0.revision <= saved }
    entries[index].waiting.removeAll { $0.revision <= saved }
    var effects: [Effect] = done.map { .reply(token: $0.token, .lease(id: entries[index].id)) }
    if entries[index].isOver { effects += answerReleases(index) }
    return effects
  }

  mutating func answerReleases(_ index: Int) -> [Effect] {
    let tokens = entries[index].releases
    entries[index].releases = []
    return tokens.map { .reply(token: $0, .done(name: "\(entries[index].id)")) }
  }

  /// What its holder wanted is taken back, and the holder told; an end is tried again until there is room.
  mutating func saveFailed(_ index: Int, _ revision: UInt32, _ line: String, now: Instant) -> [Effect] {
    guard entries[index].inFlight != nil, entries[index].sentRevision == revision else { return [] }
    entries[index].inFlight = nil
    if entries[index].isForgetting { return forget(index) }
    if entries[index].lease.phase == .over {
      entries[index].retryAt = now.advanced(milliseconds: Self.retryMilliseconds)
      return []
    }
    if let durable = entries[index].durable {
      entries[index].lease = durable
    } else {
      entries[index].lease.phase = .tentative
      entries[index].lease.deadline = now.advanced(milliseconds: Self.tentativeMilliseconds)
    }
    entries[index].savedRevision = entries[index].revision
    let effects = refuse(index, RequestError(.failed, "lease \(entries[index].id): write its record: \(line)"))
    return entries[index].isOver ? effects + answerReleases(index) : effects
  }

  /// Tells all who wait for it to be durable that it will not be so.
  mutating func refuse(_ index: Int, _ error: RequestError) -> [Effect] {
    let tokens = entries[index].waiting.map { $0.token } + entries[index].runs.map { $0.token }
    entries[index].waiting = []
    entries[index].runs = []
    return tokens.map { .reply(token: $0, .failed(error)) }
  }

  mutating func forgetFailed(_ index: Int, now: Instant) {
    entries[index].isForgetSent = false
    entries[index].retryAt = now.advanced(milliseconds: Self.retryMilliseconds)
  }

  // MARK: Time

  /// What is to be written again, and at times all that is left of the leases.
  mutating func store(now: Instant) -> [Effect] {
    var effects: [Effect] = []
    for index in entries.indices {
      guard let due = entries[index].retryAt, due <= now else { continue }
      entries[index].retryAt = nil
      effects += entries[index].isForgetting ? forget(index) : send(index, now)
    }
    guard let due = nextStore, due <= now else { return effects }
    nextStore = entries.contains { $0.durable != nil } ? now.advanced(milliseconds: Self.storeMilliseconds) : nil
    for index in entries.indices where entries[index].durable != nil && entries[index].inFlight == nil {
      if !entries[index].isForgetting { effects += save(index, now: now, isUrgent: false) }
    }
    return effects
  }

  /// Those whose phase is over at `now`.
  func due(now: Instant) -> [UInt64] {
    entries.filter { entry in Self.deadline(of: entry).map { $0 <= now } ?? false }.map { $0.id }
  }

  // MARK: Recovery

  /// Takes a lease over from the store. In the same boot nothing is lost: the deadline stands. After another, the time that
  /// was left when the record was made begins now, and its holder must look again.
  mutating func adopt(_ record: Lease, now: Instant) -> [Effect] {
    var entry = Entry(lease: record, durable: record)
    nextID = max(nextID, record.id + 1)
    if nextStore == nil { nextStore = now.advanced(milliseconds: Self.storeMilliseconds) }
    if record.boot == boot {
      entries.append(entry)
      return []
    }
    entry.lease.boot = boot
    entry.lease.deadline = now.advanced(milliseconds: record.remainingMilliseconds)
    entry.lease.generation &+= 1
    // What is told is not the old boot's deadline, and the new generation once no restart can take it back.
    entry.durable = entry.lease
    entry.durable?.generation = record.generation
    entries.append(entry)
    return save(entries.count - 1, now: now)
  }
}
