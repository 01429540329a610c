import Basics

/// Decides what happens to every container of this node: a table of containers, driven by requests and events.
///
/// It does nothing itself: each call returns effects, to be carried out in order, and is told of their outcome by
/// `handle`. It never reads a clock: callers pass `now`, and call `tick` at `nextDeadline`.
///
/// The rules that keep a crash at any point harmless:
/// - a program runs only after its record is durable (`save`, `saved`, then `release`);
/// - an end is durable before the process is collected (`save`, `saved`, then `putAway`), so that the kernel or the keeper
///   still knows it if the agent dies in between;
/// - the wish to stop or remove is durable before anything is killed, and what was not let go by then never runs;
/// - files go before the record does.
public struct Supervisor {
  /// How many containers one node holds at most.
  public static let maximumContainers = 256

  /// A container with what is true of it only while this agent lives.
  struct Entry {
    var container: Container
    /// Counts the saves; an answer to an older one says nothing about the newest. 0: none was asked for.
    var revision: UInt32 = 0
    /// The newest revision that is durable. 0: there is no record.
    var savedRevision: UInt32 = 0
    /// Its `run` was asked of this agent and not answered yet: if that comes to nothing, nothing of it is left.
    var isNew = false
    var isReleased = false
    /// `putAway` was asked for and not answered: a second one could fall into the next start.
    var isPuttingAway = false
    var isPutAway = false
    /// Whether its budget is set aside: it runs or is meant to, or might be found so by a new agent.
    var holdsPlace = true
    /// When something is due: the end of a grace period, of a pause before a restart, or of the time after which a
    /// restarted container counts as steady.
    var deadline: Instant?
    var graceMilliseconds: UInt64 = 0
    /// Of its budget, one at a time.
    var update: Update?
    /// Remove it as soon as it has ended.
    var removesWhenEnded = false
    /// Who waits for it to run, to be paused, to be started once its last run is settled, to be stopped, to be gone.
    var runTokens: [UInt64] = []
    var pauseTokens: [UInt64] = []
    var startTokens: [UInt64] = []
    var stopTokens: [UInt64] = []
    var removeTokens: [UInt64] = []
    /// Why the last start came to nothing; told once that is durable and no process of it is left.
    var failure: RequestError?

    /// Nothing of its last run is under way any more: neither in the kernel nor in the store.
    var isSettled: Bool { isPutAway && savedRevision == revision }
  }

  var entries: [Entry] = []
  private var nextID: UInt64
  let wallSeconds: () -> UInt64
  /// What there is to promise.
  public private(set) var limits: Ledger.Limits
  private(set) var policy: LeasePolicy
  /// What is promised to others; see `Supervisor+Leases`.
  public internal(set) var leases: Leases
  /// No lease is given or lengthened.
  public internal(set) var isDraining = false
  /// Whether there is as much memory as was promised.
  public internal(set) var pressure = PressureLadder()
  /// Whose containers are slowed down while there is not; see `Supervisor+Pressure`.
  var throttledLease: UInt64?

  /// - Parameters:
  ///   - nextID: a number above every id this store has ever given out.
  ///   - limits: what containers and leases may take.
  ///   - policy: to whom leases are given.
  ///   - leases: a table without any yet.
  ///   - wallSeconds: the wall clock, for the times that people read.
  public init(
    nextID: UInt64, limits: Ledger.Limits = .none, policy: LeasePolicy = LeasePolicy(), leases: Leases = Leases(),
    wallSeconds: @escaping () -> UInt64
  ) {
    self.nextID = nextID
    self.limits = limits
    self.policy = policy
    self.leases = leases
    self.wallSeconds = wallSeconds
  }

  /// Goes by other limits and terms from now on. What was promised stays promised.
  public mutating func set(limits: Ledger.Limits, policy: LeasePolicy) {
    self.limits = limits
    self.policy = policy
  }

  // MARK: Looking

  /// All containers, oldest first.
  public var containers: [Container] {
    entries.map { $0.container }
  }

  public var count: Int { entries.count }

  public func container(id: UInt64) -> Container? {
    index(of: id).map { entries[$0].container }
  }

  public func container(named name: String) -> Container? {
    index(named: name).map { entries[$0].container }
  }

  /// When `tick` must next be called; nil: not before something else happens.
  public var nextDeadline: Instant? {
    var earliest = leases.nextDeadline
    if let deadline = pressureDeadline, earliest.map({ deadline < $0 }) ?? true { earliest = deadline }
    for entry in entries {
      guard let deadline = entry.deadline else { continue }
      if earliest.map({ deadline < $0 }) ?? true { earliest = deadline }
    }
    return earliest
  }

  /// Whether a save that was asked for is still waited for. One that could not be written is tried again only then: a later
  /// save says more, and behind a `forget` it would bring the record back.
  public func awaitsSave(id: UInt64, revision: UInt32) -> Bool {
    guard let index = index(of: id) else { return false }
    return entries[index].revision == revision && entries[index].savedRevision != revision
  }

  func index(of id: UInt64) -> Int? {
    entries.firstIndex { $0.container.id == id }
  }

  func index(named name: String) -> Int? {
    entries.firstIndex { $0.container.name == name }
  }

  mutating func takeID() -> UInt64 {
    defer { nextID += 1 }
    return nextID
  }

  // MARK: Time

  /// Does what is due at `now`.
  public mutating func tick(now: Instant) -> [Effect] {
    var effects: [Effect] = []
    for index in entries.indices {
      guard let deadline = entries[index].deadline, deadline <= now else { continue }
      entries[index].deadline = nil
      let id = entries[index].container.id
      switch entries[index].container.phase {
      case .stopping:
        if entries[index].container.demand.initiator == .stopped {
          entries[index].container.demand.initiator = .graceExpired
        }
        effects.append(.killAll(id: id))
      case .waiting:
        entries[index].container.restarts += 1
        effects += launch(index)
      case .running:
        entries[index].container.restarts = 0
        effects.append(save(index))
      case .created, .starting, .ended, .removing:
        break
      }
    }
    return effects + tickLeases(now: now) + tickPressure(now: now)
  }

  // MARK: Steps that several transitions share

  /// Begins a start, whoever wanted it; the record is written once there is a process to write down.
  mutating func launch(_ index: Int) -> [Effect] {
    entries[index].runTokens += entries[index].startTokens
    entries[index].startTokens = []
    entries[index].container.phase = .created
    entries[index].holdsPlace = true
    entries[index].isReleased = false
    entries[index].isPutAway = false
    entries[index].container.demand = ContainerEnd.Demand()
    entries[index].failure = nil
    return [.launch(id: entries[index].container.id)]
  }

  mutating func save(_ index: Int) -> Effect {
    entries[index].revision += 1
    return .save(id: entries[index].container.id, revision: entries[index].revision)
  }

  /// Puts the kernel's part away, unless that is under way already.
  mutating func putAway(_ index: Int) -> [Effect] {
    if entries[index].isPuttingAway { return [] }
    entries[index].isPuttingAway = true
    return [.putAway(id: entries[index].container.id)]
  }

  /// Begins to end a live container; the signal follows once the wish is durable.
  mutating func beginStop(_ index: Int, _ now: Instant) -> [Effect] {
    entries[index].container.wanted = false
    entries[index].container.phase = .stopping
    entries[index].container.stopDeadline = now.advanced(milliseconds: entries[index].graceMilliseconds)
    entries[index].deadline = nil
    // What stands still hears no signal.
    return endPause(index) + [save(index), .changed(id: entries[index].container.id)]
  }

  /// Stops a container that is being started: one that waits to be let go never runs. What is being set up, or was let
  /// go already, is a moment away from `launched` or `started`, which look at `wanted`.
  mutating func stopStart(_ index: Int, _ now: Instant) -> [Effect] {
    entries[index].container.wanted = false
    let waits = entries[index].container.phase == .starting && !entries[index].isReleased
    return waits ? giveUpStart(index, now) : []
  }

  /// Ends a start that is not wanted any more, before its process was let go: putting that away ends it, too.
  mutating func giveUpStart(_ index: Int, _ now: Instant) -> [Effect] {
    demandStop(index)
    return ended(index, .failedToStart("container \(entries[index].container.name): its program never ran"), now)
  }

  /// Notes that it was stopped, unless more is known of why.
  mutating func demandStop(_ index: Int) {
    if entries[index].container.demand.initiator == .none { entries[index].container.demand.initiator = .stopped }
  }

  /// Begins to remove an ended container.
  mutating func beginRemoval(_ index: Int) -> [Effect] {
    entries[index].container.wanted = false
    entries[index].container.phase = .removing
    entries[index].deadline = nil
    return [save(index)]
  }
}
