import Basics
import MicroAgent
import TestSupport

/// What did not hold, and when.
struct Violation: Error, CustomStringConvertible {
  let description: String
}

/// The agent died at this point; what it had in memory is lost.
struct AgentDied: Error {}

/// A simulated board around a `Supervisor`: it carries out effects as the daemon would, in virtual time, with a store
/// that is slow, programs that end as they like, clients that ask at random, and an agent that may die between any two
/// steps.
///
/// Everything follows from the seed. With `traces` it writes down what happens.
final class SupervisorWorld {
  enum Happening {
    case request
    case answer(Event, id: UInt64, agent: Int)
    case leaseAnswer(LeaseEvent, id: UInt64, agent: Int)
    case storeWrites
    case storeSyncs
    case storeRetries(id: UInt64, revision: UInt32, agent: Int)
    case execs(ProcessIdentity, agent: Int)
    case ends(ProcessIdentity, ContainerEnd.Cause)
    case crash
    case agentStarts
  }

  struct Scheduled {
    let at: UInt64
    let order: UInt64
    let happening: Happening
  }

  enum Crash: CaseIterable {
    case agent
    case agentAndKeeper
    case power
  }

  var random: SeededGenerator
  var nowMilliseconds: UInt64 = 1_000
  var supervisor: Supervisor?
  var kernel = WorldKernel()
  var store = WorldStore()
  var promises = WorldPromises()
  var leases = WorldLeases()
  /// Whether others lease of the board, and its memory is short.
  let hasLeases: Bool
  /// Counts the agents' lives: an answer to an earlier one is lost.
  var agent = 0
  /// No more requests, crashes and failures: the world comes to rest.
  var isCalm = false
  private(set) var history: [String] = []
  private let traces: Bool
  private var schedule: [Scheduled] = []
  private var order: UInt64 = 0
  private var requestsLeft: UInt64
  private var crashesLeft: UInt64
  /// One step in so many is the agent's last.
  private let crashOneIn: UInt64
  /// How long the store takes at most.
  private let slownessMilliseconds: UInt64
  /// One write in so many finds the disk full.
  private let fullOneIn: UInt64
  /// Effects that are still to be carried out.
  var queue: [Effect] = []
  var isCarryingOut = false
  private var lastSync: UInt64 = 0
  private var lastWrite: UInt64 = 0
  private var lastAnswer: [UInt64: UInt64] = [:]
  private var lastSaved: UInt64 = 0

  init(seed: UInt64, traces: Bool = false, hasLeases: Bool = false) {
    self.hasLeases = hasLeases
    random = SeededGenerator(seed: seed)
    self.traces = traces
    requestsLeft = 8 + random.below(12) + (hasLeases ? 20 : 0)
    crashesLeft = random.below(6)
    crashOneIn = 4 + random.below(60)
    slownessMilliseconds = random.pick([1, 20, 1500])
    fullOneIn = random.pick([4, 1 << 40, 1 << 40])
  }

  var now: Instant { Instant(nanoseconds: nowMilliseconds * 1_000_000) }

  func note(_ line: @autoclosure () -> String) {
    if traces { history.append("\(nowMilliseconds): \(line())") }
  }

  func require(_ holds: Bool, _ line: @autoclosure () -> String) throws {
    if !holds {
      note("VIOLATION \(line())")
      throw Violation(description: line())
    }
  }

  // MARK: Time

  func after(_ milliseconds: UInt64, _ happening: Happening) {
    at(nowMilliseconds + milliseconds, happening)
  }

  private func at(_ time: UInt64, _ happening: Happening) {
    order += 1
    schedule.append(Scheduled(at: time, order: order, happening: happening))
  }

  /// Answers about one container's process come in the order in which they came to be; some at once, while effects that
  /// were asked for before are still to be carried out.
  func answer(_ event: Event, id: UInt64) {
    if isCarryingOut, lastAnswer[id] ?? 0 < nowMilliseconds, random.oneIn(2) {
      note("event at once \(event) of \(id)")
      queue += supervisor?.handle(event, id: id, now: now) ?? []
      return
    }
    let time = max(nowMilliseconds + random.below(4), lastAnswer[id] ?? 0)
    lastAnswer[id] = time
    at(time, .answer(event, id: id, agent: agent))
  }

  /// Takes back what was to be told of a container's process.
  func forgetAnswers(about container: UInt64) {
    schedule.removeAll { scheduled in
      if case .answer(.ended, let id, _) = scheduled.happening { id == container } else { false }
    }
  }

  /// Lives a life of requests and crashes, then comes to rest, and is looked at.
  func run() throws {
    after(0, .agentStarts)
    after(5, .request)
    if crashesLeft > 0 { after(random.below(30_000), .crash) }
    var steps = 0
    while requestsLeft > 0, steps < 3_000 {
      _ = try step()
      steps += 1
    }
    try rest()
    let before = try promises.restingState(self)
    crash(.agent)
    try rest()
    let after = try promises.restingState(self)
    try require(before == after, "a crash at rest changed \(before) to \(after)")
  }

  private func rest() throws {
    isCalm = true
    var steps = 0
    while try step() {
      steps += 1
      try require(steps < 5_000, "the world never comes to rest")
    }
    try promises.checkAtRest(self)
  }

  /// Does the next thing that happens; false where nothing is to come.
  private func step() throws -> Bool {
    var next = -1
    for index in schedule.indices where next < 0 || isBefore(schedule[index], schedule[next]) { next = index }
    do {
      if let deadline = supervisor?.nextDeadline {
        let due = deadline.nanoseconds / 1_000_000
        if next < 0 || due <= schedule[next].at {
          nowMilliseconds = max(nowMilliseconds, due)
          try tick()
          if hasLeases { try leases.check(self) }
          return true
        }
      }
      guard next >= 0 else { return false }
      let scheduled = schedule.remove(at: next)
      nowMilliseconds = max(nowMilliseconds, scheduled.at)
      try happen(scheduled.happening)
    } catch is AgentDied {
      crash(random.pick(Crash.allCases))
    }
    if hasLeases { try leases.check(self) }
    return true
  }

  private func isBefore(_ left: Scheduled, _ right: Scheduled) -> Bool {
    left.at == right.at ? left.order < right.order : left.at < right.at
  }

  private func tick() throws {
    note("tick")
    let effects = supervisor?.tick(now: now) ?? []
    if let next = supervisor?.nextDeadline { try require(next > now, "a deadline stays in the past") }
    try carryOut(effects)
  }

  private func happen(_ happening: Happening) throws {
    switch happening {
    case .request: try request()
    case .answer(let event, let id, let agent): try deliver(event, id, agent)
    case .leaseAnswer(let event, let id, let agent): try deliver(event, lease: id, agent)
    case .storeWrites: try storeWrites()
    case .storeSyncs: storeSyncs()
    case .storeRetries(let id, let revision, let agent): try storeRetries(id, revision, agent)
    case .execs(let identity, let agent): try execs(identity, agent)
    case .ends(let identity, let cause): ends(identity, cause)
    case .crash: if !isCalm, supervisor != nil { crash(random.pick(Crash.allCases)) }
    case .agentStarts: try agentStarts()
    }
  }

  private func deliver(_ event: Event, _ id: UInt64, _ agent: Int) throws {
    guard agent == self.agent, supervisor != nil else { return }
    note("event \(event) of \(id)")
    let effects = supervisor?.handle(event, id: id, now: now) ?? []
    try carryOut(effects)
  }

  private func deliver(_ event: LeaseEvent, lease id: UInt64, _ agent: Int) throws {
    guard agent == self.agent, supervisor != nil else { return }
    note("event \(event) of lease \(id)")
    let effects = supervisor?.handle(event, lease: id, now: now) ?? []
    try carryOut(effects)
  }

  // MARK: Requests

  private func request() throws {
    guard !isCalm, requestsLeft > 0 else { return }
    requestsLeft -= 1
    let pauses: [UInt64] = [0, 1, 3, 30, 400, 15_000]
    after(random.pick(hasLeases ? pauses + WorldLeases.pauses : pauses), .request)
    if supervisor == nil { return }
    try carryOut(hasLeases && random.oneIn(2) ? leases.ask(self) : promises.ask(self))
  }

  // MARK: Crashes

  /// Between any two steps of the agent: may be its last.
  func pass() throws {
    guard !isCalm, crashesLeft > 0, random.oneIn(crashOneIn) else { return }
    throw AgentDied()
  }

  private func crash(_ kind: Crash) {
    note("CRASH of \(kind)")
    if crashesLeft > 0 { crashesLeft -= 1 }
    supervisor = nil
    queue = []
    isCarryingOut = false
    promises.loseAgent()
    leases.loseAgent(kind)
    store.loseAgent()
    if kind == .power { store.losePower() }
    for index in kernel.processes.indices { strike(&kernel.processes[index], kind) }
    if kind != .agent { kernel.logs = [] }
    if kind == .power {
      kernel.cgroups = []
      kernel.boot += 1
      if hasLeases, !isCalm { nowMilliseconds += random.pick(WorldLeases.pauses) }
    }
    after(random.below(50), .agentStarts)
  }

  private func strike(_ process: inout WorldProcess, _ kind: Crash) {
    if process.isCollected { return }
    switch kind {
    case .agent:
      if process.parent == .agent { process.parent = .keeper }
    case .agentAndKeeper:
      process.parent = .nobody
      process.isCollected = !process.lives
    case .power:
      process.end = process.end ?? .killed(signal: 9)
      process.runsProgram = false
      process.parent = .nobody
      process.isCollected = true
    }
    // End of file instead of the go byte.
    if process.lives, !process.isReleased { after(random.below(60), .ends(process.identity, .exited(code: 99))) }
  }

  private func agentStarts() throws {
    if supervisor != nil { return }
    agent += 1
    note("agent \(agent) starts")
    store.open()
    supervisor = Supervisor(
      nextID: store.writtenContent.highestID + 1, limits: hasLeases ? WorldLeases.limits : .none,
      policy: WorldLeases.policy,
      leases: Leases(
        nextID: store.writtenContent.highestLease + 1, firstGeneration: UInt32(random.below(1 << 30)),
        boot: "boot \(kernel.boot)")
    ) { [unowned self] in nowMilliseconds / 1000 }
    let records = store.writtenContent.leases.values.sorted { $0.id < $1.id }
    try carryOut(supervisor?.adopt(leases: records, now: now) ?? [])
    for id in kernel.knownContainers where store.written[id] == nil { sweep(id) }
    for (id, record) in store.written.sorted(by: { $0.key < $1.key }) {
      let observation = kernel.observation(of: record)
      if observation == .alive(runsProgram: false) || observation == .neverRan { doom(record) }
      note("adopt \(id) '\(record.name)' \(record.phase) wanted \(record.wanted): \(observation)")
      let effects = supervisor?.adopt(record, observation, now: now) ?? []
      try carryOut(effects)
    }
    try carryOut(supervisor?.settleAdopted(now: now) ?? [])
    try promises.checkAdopted(self)
  }

  /// The daemon puts away what no record speaks of.
  private func sweep(_ id: UInt64) {
    note("sweep \(id)")
    for index in kernel.processes.indices where kernel.processes[index].container == id {
      kernel.processes[index].end = kernel.processes[index].end ?? .killed(signal: 9)
      kernel.processes[index].isCollected = true
    }
    kernel.cgroups.remove(id)
    kernel.files.remove(id)
    kernel.logs.remove(id)
  }

  private func doom(_ record: Container) {
    guard record.isAlive, let identity = record.process, let index = kernel.index(of: identity) else { return }
    kernel.processes[index].isDoomed = true
  }

  // MARK: The store

  func ask(_ change: WorldStore.Change) {
    store.asked.append((change, agent))
    lastWrite = max(lastWrite, nowMilliseconds + random.below(slownessMilliseconds))
    at(lastWrite, .storeWrites)
  }

  private func storeWrites() throws {
    guard let next = store.asked.first else { return }
    if !isCalm, random.oneIn(fullOneIn) {
      store.asked.removeFirst()
      return try diskIsFull(next.change)
    }
    store.writeNext()
    lastSync = max(lastSync, nowMilliseconds + random.below(slownessMilliseconds))
    at(lastSync, .storeSyncs)
  }

  /// What has not run yet is given up; the rest is tried again until there is room.
  private func diskIsFull(_ change: WorldStore.Change) throws {
    note("disk is full: \(change)")
    switch change {
    case .put(let record, let revision):
      guard let container = supervisor?.container(id: record.id), isAwaited(record.id, revision) else { return }
      if container.phase != .starting {
        return after(20, .storeRetries(id: record.id, revision: revision, agent: agent))
      }
      try killAll(record.id)
      try carryOut(supervisor?.handle(.startFailed("the disk is full"), id: record.id, now: now) ?? [])
    case .delete(let id): after(20, .storeRetries(id: id, revision: 0, agent: agent))
    case .putLease(let lease, let revision):
      try deliver(.saveFailed(revision: revision, "the disk is full"), lease: lease.id, agent)
    case .deleteLease(let id): try deliver(.forgetFailed, lease: id, agent)
    }
  }

  private func isAwaited(_ id: UInt64, _ revision: UInt32) -> Bool {
    supervisor?.awaitsSave(id: id, revision: revision) ?? false
  }

  private func storeRetries(_ id: UInt64, _ revision: UInt32, _ agent: Int) throws {
    guard agent == self.agent, supervisor?.container(id: id) != nil else { return }
    if revision == 0 { return ask(.delete(id)) }
    if isAwaited(id, revision) { try save(id, revision) }
  }

  private func storeSyncs() {
    guard let (change, agent) = store.syncNext() else { return }
    lastSaved = max(lastSaved, nowMilliseconds + random.below(3))
    switch change {
    case .put(let record, let revision):
      note("durable: \(record.id) \(record.phase) wanted \(record.wanted) #\(revision)")
      at(lastSaved, .answer(.saved(revision: revision), id: record.id, agent: agent))
    case .delete(let id):
      note("durable: \(id) is forgotten")
      at(lastSaved, .answer(.forgotten, id: id, agent: agent))
    case .putLease(let lease, let revision):
      note("durable: lease \(lease.id) \(lease.phase) #\(revision)")
      leases.isDurable(lease, self)
      at(lastSaved, .leaseAnswer(.saved(revision: revision), id: lease.id, agent: agent))
    case .deleteLease(let id):
      note("durable: lease \(id) is forgotten")
      leases.isForgotten(id)
      at(lastSaved, .leaseAnswer(.forgotten, id: id, agent: agent))
    }
  }
}
