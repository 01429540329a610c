import Basics
import MicroAgent
import Microcloud

/// What clients asked, what they were answered, and whether that is still true.
struct WorldPromises {
  enum Verb {
    case run(removesWhenEnded: Bool)
    case start
    case stop
    case remove
    case update(memoryBytes: UInt64)
  }

  struct Asked {
    let verb: Verb
    let name: String
    let id: UInt64?
    let order: UInt64
  }

  /// Of one container, by its id.
  private struct Promise {
    let name: String
    var exists = false
    var isStopped = false
    /// A stop or a removal by force was asked for after the last start; not yet answered, or done.
    var isToStop = false
    /// Removals that were asked for and did not fail as far as anybody knows.
    var removals = 0
    var lastStart: UInt64 = 0
  }

  private var pending: [UInt64: Asked] = [:]
  private var promises: [UInt64: Promise] = [:]
  private var removed: Set<UInt64> = []
  private var token: UInt64 = 0

  private static let names = ["dns", "web", "mail"]

  mutating func loseAgent() {
    pending = [:]
    for id in promises.keys { promises[id]?.isToStop = false }
  }

  /// Whether a client of this agent wants it stopped: then it must not be let go any more.
  func isToStop(_ id: UInt64) -> Bool {
    promises[id]?.isToStop ?? false
  }

  func isStopped(_ id: UInt64) -> Bool {
    promises[id]?.isStopped ?? false
  }

  /// A container is made. Of its id there may have been another that never came as far as a record; what was promised of that
  /// is no promise about this one.
  mutating func begins(_ id: UInt64) {
    if pending.values.contains(where: { $0.id == id }) { return }
    promises[id] = nil
    removed.remove(id)
  }

  // MARK: Asking

  mutating func ask(_ world: SupervisorWorld) -> [Effect] {
    token += 1
    let existing = world.supervisor?.containers.map { $0.name } ?? []
    let name = existing.isEmpty || world.random.oneIn(6) ? world.random.pick(Self.names) : world.random.pick(existing)
    switch world.random.below(13) {
    case 0...3: return run(world)
    case 4: return start(name, world)
    case 5...6: return stop(name, world)
    case 7: return remove(name, force: false, world)
    case 8: return kill(name, world)
    case 9...10: return update(name, world)
    default: return remove(name, force: true, world)
    }
  }

  private mutating func run(_ world: SupervisorWorld) -> [Effect] {
    var request = ContainerRequest()
    request.name = world.random.oneIn(6) ? "" : world.random.pick(Self.names)
    request.root = "/srv/root"
    request.command = ["sh"]
    request.restart = world.random.pick([
      .no, .onFailure(maximumRestarts: 2), .onFailure(maximumRestarts: nil), .always,
    ])
    request.removesWhenEnded = world.random.oneIn(5)
    request.graceMilliseconds = world.random.pick([0, 200, 10_000])
    if world.hasLeases { world.leases.change(&request, world) }
    let principal = world.leases.asker(of: request, world)
    let known = Set(world.supervisor?.containers.map { $0.id } ?? [])
    let effects = world.supervisor?.run(request, by: principal, token: token, now: world.now) ?? []
    let made = world.supervisor?.containers.first { !known.contains($0.id) }
    world.note(
      "request \(token): run '\(request.name)' \(request.restart) rm \(request.removesWhenEnded) in \(request.lease ?? 0)"
    )
    pending[token] = Asked(
      verb: .run(removesWhenEnded: request.removesWhenEnded), name: request.name, id: made?.id, order: token)
    if let made {
      promises[made.id] = Promise(name: made.name)
      removed.remove(made.id)  // of a run that never came as far as a record
    }
    return effects
  }

  private mutating func start(_ name: String, _ world: SupervisorWorld) -> [Effect] {
    world.note("request \(token): start '\(name)'")
    let id = world.supervisor?.container(named: name)?.id
    pending[token] = Asked(verb: .start, name: name, id: id, order: token)
    if let id {
      promises[id]?.isStopped = false
      promises[id]?.lastStart = token
    }
    let effects = world.supervisor?.start(named: name, token: token, now: world.now) ?? []
    // A start of what has just ended waits until that is settled.
    let waits = effects.isEmpty && [.ended, .waiting].contains(world.supervisor?.container(named: name)?.phase)
    if let id, waits || effects.contains(.launch(id: id)) { promises[id]?.isToStop = false }
    return effects
  }

  private mutating func stop(_ name: String, _ world: SupervisorWorld) -> [Effect] {
    let grace = world.random.pick([0, 50, 1_000, 10_000] as [UInt64])
    world.note("request \(token): stop '\(name)' grace \(grace)")
    let id = world.supervisor?.container(named: name)?.id
    pending[token] = Asked(verb: .stop, name: name, id: id, order: token)
    if let id { promises[id]?.isToStop = true }
    return world.supervisor?.stop(named: name, graceMilliseconds: grace, token: token, now: world.now) ?? []
  }

  private mutating func kill(_ name: String, _ world: SupervisorWorld) -> [Effect] {
    world.note("request \(token): kill '\(name)'")
    let container = world.supervisor?.container(named: name)
    pending[token] = Asked(verb: .stop, name: name, id: container?.id, order: token)
    // What does not run is not killed, and may be started again.
    if let container, container.isAlive || container.phase == .created { promises[container.id]?.isToStop = true }
    return world.supervisor?.kill(named: name, signal: 9, token: token, now: world.now) ?? []
  }

  private mutating func update(_ name: String, _ world: SupervisorWorld) -> [Effect] {
    let memoryBytes = world.random.pick([1, 8, 32] as [UInt64]) << 20
    world.note("request \(token): update '\(name)' to \(memoryBytes)")
    let id = world.supervisor?.container(named: name)?.id
    pending[token] = Asked(verb: .update(memoryBytes: memoryBytes), name: name, id: id, order: token)
    var map = CBORMap()
    map[.memoryBytes] = .unsigned(memoryBytes)
    guard let change = try? ContainerChange(.map(map)) else { return [] }
    return world.supervisor?.update(named: name, change, token: token) ?? []
  }

  private mutating func remove(_ name: String, force: Bool, _ world: SupervisorWorld) -> [Effect] {
    world.note("request \(token): remove '\(name)' force \(force)")
    let id = world.supervisor?.container(named: name)?.id
    pending[token] = Asked(verb: .remove, name: name, id: id, order: token)
    if let id {
      promises[id]?.removals += 1
      if force { promises[id]?.isToStop = true }
    }
    return world.supervisor?.remove(named: name, force: force, token: token, now: world.now) ?? []
  }

  // MARK: Answers

  mutating func take(_ reply: Reply, token: UInt64, _ world: SupervisorWorld) throws {
    guard let asked = pending.removeValue(forKey: token) else {
      return try world.require(false, "request \(token) is answered twice")
    }
    if case .failed = reply {
      if case .remove = asked.verb, let id = asked.id { promises[id]?.removals -= 1 }
      if case .run = asked.verb, let id = asked.id { try checkFailedRun(id, world) }
      return
    }
    guard let id = try asked.id ?? lateID(asked, reply, token, world) else { return }
    switch asked.verb {
    case .run(let removesWhenEnded):
      promises[id]?.exists = !removesWhenEnded
    case .start:
      // One that is killed between its go byte and its exec looks as if it had run.
      try world.require(world.kernel.last(id)?.isReleased ?? false, "\(id) is said to be started and never was")
    case .stop:
      try world.require(!(world.kernel.last(id)?.lives ?? false), "\(id) is said to be stopped and lives")
      let record = world.store.durable[id]
      try world.require(
        record.map { $0.phase == .ended } ?? true,
        "\(id) is said to be stopped, its record says \(record?.phase as Any)")
      if let promise = promises[id], promise.lastStart < asked.order { promises[id]?.isStopped = true }
    case .update(let memoryBytes):
      let record = world.store.durable[id]
      try world.require(
        record.map { $0.request.budget.memoryBytes == memoryBytes } ?? true,
        "\(id) is said to have \(memoryBytes) bytes, its record says \(record?.request.budget.memoryBytes ?? 0)")
    case .remove:
      removed.insert(id)
      try checkGone(id, "after its removal", world)
    }
  }

  /// A run in a lease that had to be confirmed first has made a container later.
  private mutating func lateID(
    _ asked: Asked, _ reply: Reply, _ token: UInt64, _ world: SupervisorWorld
  ) throws -> UInt64? {
    guard world.hasLeases, case .run(let removesWhenEnded) = asked.verb, case .done(let name) = reply else {
      try world.require(false, "request \(token) of nothing is done")
      return nil
    }
    guard let id = world.supervisor?.container(named: name)?.id else {
      try world.require(removesWhenEnded, "request \(token) is done and nothing is there")
      return nil
    }
    // Of that id there may have been another that never came as far as a record.
    promises[id] = Promise(name: name)
    removed.remove(id)
    return id
  }

  /// Nothing of it is left, unless somebody stopped it before it ran: then it is kept as ended.
  private func checkFailedRun(_ id: UInt64, _ world: SupervisorWorld) throws {
    guard let record = world.store.durable[id], record.end?.initiator == .stopped || record.end?.initiator == .killed
    else {
      return try checkGone(id, "after a run that failed", world)
    }
    try world.require(record.phase == .ended, "\(id) was stopped before it ran and is \(record.phase)")
    try world.require(!(world.kernel.last(id)?.lives ?? false), "\(id) was stopped before it ran and lives")
  }

  private func checkGone(_ id: UInt64, _ when: String, _ world: SupervisorWorld) throws {
    let traces = world.kernel.traces(of: id)
    try world.require(traces == nil, "\(id) leaves \(traces ?? "") \(when)")
    try world.require(world.store.durable[id] == nil, "\(id) has a record \(when)")
  }

  // MARK: Looking

  /// After a crash: what was acknowledged is there, or gone.
  func checkAdopted(_ world: SupervisorWorld) throws {
    for (id, promise) in promises where promise.exists && promise.removals == 0 && !world.leases.hasGone(id) {
      let found = world.supervisor?.container(id: id)
      try world.require(found?.name == promise.name, "\(id) '\(promise.name)' was acknowledged and is lost")
    }
    for id in removed {
      try world.require(world.supervisor?.container(id: id) == nil, "\(id) was removed and is back")
    }
  }

  /// Nothing is under way: everyone was answered, and supervisor, store and kernel say the same.
  func checkAtRest(_ world: SupervisorWorld) throws {
    try checkAdopted(world)
    try world.require(pending.isEmpty, "never answered: requests \(pending.keys.sorted())")
    let containers = world.supervisor?.containers ?? []
    try world.require(
      Set(world.store.durable.keys) == Set(containers.map { $0.id }), "store and supervisor know other containers")
    for container in containers { try checkAtRest(container, world) }
    for id in world.kernel.knownContainers {
      let traces = world.kernel.traces(of: id) ?? ""
      try world.require(world.store.durable[id] != nil, "\(id) has no record and leaves \(traces)")
    }
  }

  private func checkAtRest(_ container: Container, _ world: SupervisorWorld) throws {
    let id = container.id
    let record = world.store.durable[id]
    try world.require(
      record?.phase == container.phase && record?.end == container.end && record?.starts == container.starts,
      "the record of \(id) is \(record as Any), the supervisor has \(container)")
    let last = world.kernel.last(id)
    switch container.phase {
    case .running:
      try world.require(last?.runsProgram ?? false, "\(id) is said to run and does not")
      try world.require(last?.identity == container.process, "\(id) runs as another process than its record says")
      try world.require(!isStopped(id), "\(id) runs although it was stopped")
    case .ended:
      try world.require(!world.kernel.cgroups.contains(id), "\(id) ended and keeps its cgroup")
      try world.require(world.kernel.current(id) == nil, "\(id) ended and its process was not collected")
      try checkLastEnd(container, world)
    default:
      try world.require(false, "\(id) is \(container.phase) for ever")
    }
  }

  /// The last program that ran is the one whose end, or a later failure to start, the record tells.
  private func checkLastEnd(_ container: Container, _ world: SupervisorWorld) throws {
    try world.require(container.end != nil, "\(container.id) ended and does not say how")
    let ofThis = world.kernel.processes.filter { $0.container == container.id }
    let ran = ofThis.lastIndex { $0.isReleased && !$0.isDoomed }
    guard let ran, let end = ofThis[ran].end else { return }
    guard let told = container.end?.cause else { return }
    switch told {
    case .failedToStart: break
    case .unknown:
      // Nor does anybody know of half a start that was undone by an agent that died before it could write that down.
      let nobodySaw = ofThis[ran...].contains { $0.parent == .nobody || $0.isDoomed }
      try world.require(nobodySaw, "the end of \(container.id) is lost: \(end)")
    default: try world.require(told == end, "\(container.id) ended by \(end), it says \(told)")
    }
  }

  /// What a crash at rest must not change.
  func restingState(_ world: SupervisorWorld) throws -> [String] {
    (world.supervisor?.containers ?? []).map { container in
      "\(container.id) \(container.name) \(container.phase) \(container.starts) \(container.end?.description ?? "") "
        + "\(container.request.budget.memoryBytes)"
    }
  }
}
