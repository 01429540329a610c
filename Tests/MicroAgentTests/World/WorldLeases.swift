import Basics

@testable import MicroAgent

/// Those who lease of the board: what they asked, what they were promised, and whether that is so at every step.
struct WorldLeases {
  static let firstToken: UInt64 = 1 << 32
  /// Long enough for leases to end, and for what was in them to be removed.
  static let pauses: [UInt64] = [5_000, 31_000, 600_000, 3_700_000, 90_000_000]
  static let board = Resources(
    memoryBytes: 40 << 20, cpuMillis: 1000, diskBytes: 1 << 30, processes: 1000, containers: 12)
  static let limits = Ledger.Limits(
    board: board,
    offer: Resources(
      memoryBytes: 24 << 20, cpuMillis: 800, diskBytes: 1 << 29, processes: 600, containers: 8), sharePercent: 60)
  static let policy = LeasePolicy()
  private static let holders = (1...3).map { Principal(thumbprint: [UInt8](repeating: $0, count: 32), role: .member) }

  private enum Verb {
    case lease([UInt8], LeaseRequest)
    case change
    case release
  }

  /// Of a lease that was told to be durable.
  private struct Promise {
    let lease: Lease
    /// It is there at least until then.
    var until: UInt64
    /// Somebody asked for its end, or the node gave it up.
    var mayBeOver = false
  }

  private var token = WorldLeases.firstToken
  private var pending: [UInt64: (verb: Verb, id: UInt64)] = [:]
  private var promises: [UInt64: Promise] = [:]
  /// When its end became durable.
  private var overSince: [UInt64: UInt64] = [:]
  private var forgotten: Set<UInt64> = []
  private var leaseOfContainer: [UInt64: UInt64] = [:]
  /// How long each was asked for at most, from when.
  private var latest: [UInt64: UInt64] = [:]
  private var powerCuts: UInt64 = 0

  mutating func loseAgent(_ kind: SupervisorWorld.Crash) {
    // Who got no answer to a wish to end does not know; the wish may have been carried out.
    pending = [:]
    if kind == .power { powerCuts += 1 }
  }

  // MARK: Asking

  /// Whose container a request is for.
  func asker(of request: ContainerRequest, _ world: SupervisorWorld) -> Principal {
    guard let lease = request.lease, let holder = world.supervisor?.holder(ofLease: lease) else { return .owner }
    return Self.holders.first { $0.holder == holder } ?? .owner
  }

  /// Puts a container of a size into a lease, or into none.
  func change(_ request: inout ContainerRequest, _ world: SupervisorWorld) {
    request.budget.memoryBytes = world.random.pick([1 << 20, 3 << 20, 6 << 20, 12 << 20])
    request.budget.cpuMillis = 100
    request.name = world.random.pick(["", "dns", "web", "mail"])
    let known = world.supervisor?.leases.entries.map { $0.id } ?? []
    if !known.isEmpty, !world.random.oneIn(4) { request.lease = world.random.pick(known) }
  }

  mutating func ask(_ world: SupervisorWorld) -> [Effect] {
    token += 1
    let known = world.supervisor?.leases.entries ?? []
    let isNew = known.isEmpty || world.random.oneIn(2)
    if isNew { return lease(world) }
    let entry = world.random.pick(known)
    let id = entry.id
    let asker = Self.holders.first { $0.holder == entry.lease.holder } ?? .owner
    switch world.random.below(10) {
    case 0...5:
      let seconds: UInt64? = world.random.pick([nil, 60, 3_000, 9_000])
      world.note("request: keep lease \(id) for \(seconds ?? 0)")
      pending[token] = (.change, id)
      let most = seconds ?? entry.lease.request.durationSeconds
      latest[id] = max(latest[id] ?? 0, world.nowMilliseconds + most * 1000)
      let effects = world.supervisor?.change(
        lease: id, LeaseChange(durationSeconds: seconds), by: asker, token: token, now: world.now)
      return effects ?? []
    case 6...8:
      world.note("request: release lease \(id)")
      pending[token] = (.release, id)
      promises[id]?.mayBeOver = true
      return world.supervisor?.release(lease: id, generation: nil, by: asker, token: token, now: world.now) ?? []
    default:
      world.note("pressure")
      let before = Set(known.filter { $0.lease.phase != .over && !$0.isForgetting }.map { $0.id })
      let effects = world.supervisor?.relievePressure(now: world.now) ?? []
      let after = world.supervisor?.leases.entries.filter { $0.lease.phase != .over && !$0.isForgetting } ?? []
      for id in before.subtracting(after.map { $0.id }) { promises[id]?.mayBeOver = true }
      return effects
    }
  }

  /// One of a few requests of each holder, so that most are repeated.
  private mutating func lease(_ world: SupervisorWorld) -> [Effect] {
    let holder = world.random.pick(Self.holders)
    let number = UInt8(world.random.below(3))
    var request = LeaseRequest()
    request.requestID = [UInt8](repeating: number, count: 8)
    request.size.memoryBytes = [4 << 20, 8 << 20, 14 << 20][Int(number)]
    request.size.containers = 2
    request.durationSeconds = [40, 1_000, 7_000][Int(number)]
    request.priority = number
    world.note("request \(token): lease \(number) for \(holder.thumbprint[0])")
    let effects = world.supervisor?.lease(request, by: holder, token: token, now: world.now) ?? []
    var id: UInt64 = 0
    for case .reply(_, .lease(let found)) in effects { id = found }
    pending[token] = (.lease(holder.holder, request), id)
    if effects.contains(.leaseChanged(id: id)) {
      // A new one; of its number there may have been another that was never confirmed, or never durable.
      promises[id] = nil
      overSince[id] = nil
      forgotten.remove(id)
      latest[id] = world.nowMilliseconds + request.durationSeconds * 1000 + 3_600_000
    }
    return effects
  }

  // MARK: Answers

  mutating func take(_ reply: Reply, token: UInt64, _ world: SupervisorWorld) throws {
    guard let asked = pending.removeValue(forKey: token) else {
      return try world.require(false, "request \(token) about a lease is answered twice")
    }
    switch (asked.verb, reply) {
    case (.lease(let holder, let request), .lease(let id)):
      let promised = promises.values.first { promise in
        promise.lease.holder == holder && promise.lease.request.requestID == request.requestID && !promise.mayBeOver
          && promise.until > world.nowMilliseconds
      }
      if let promised {
        try world.require(promised.lease.id == id, "the same request got \(promised.lease.id) and \(id)")
      }
    case (.change, .lease(let id)):
      guard let durable = world.store.durableContent.leases[id] else {
        return try world.require(false, "lease \(id) is said to be kept and is not durable")
      }
      guard let status = world.supervisor?.leaseStatus(id: id, now: world.now) else {
        return try world.require(false, "lease \(id) is said to be kept and is not known")
      }
      if durable.phase == .active, status.lease.phase == .active {
        let until = world.nowMilliseconds + status.remainingMilliseconds
        let isEnding = world.supervisor?.leases.entries.first { $0.id == id }?.lease.phase == .over
        promises[id] = Promise(lease: status.lease, until: until, mayBeOver: isEnding)
      }
    case (.release, .done):
      let durable = world.store.durableContent.leases[asked.id]
      try world.require(durable?.phase != .active, "lease \(asked.id) is said to be released and is \(durable as Any)")
    case (_, .failed): break
    default: try world.require(false, "request \(token) about a lease is answered \(reply)")
    }
  }

  mutating func isDurable(_ lease: Lease, _ world: SupervisorWorld) {
    overSince[lease.id] = lease.phase == .over ? overSince[lease.id] ?? world.nowMilliseconds : nil
  }

  mutating func isForgotten(_ id: UInt64) {
    forgotten.insert(id)
  }

  // MARK: Looking

  /// Whether a container may be gone because its lease is.
  func hasGone(_ container: UInt64) -> Bool {
    leaseOfContainer[container].map { forgotten.contains($0) || overSince[$0] != nil } ?? false
  }

  func checkStart(of id: UInt64, _ world: SupervisorWorld) throws {
    guard let lease = world.store.durable[id]?.request.lease else { return }
    try world.require(
      world.store.durableContent.leases[lease] != nil, "\(id) starts and its lease \(lease) is not durable")
  }

  /// What must hold whenever one looks.
  mutating func check(_ world: SupervisorWorld) throws {
    for container in world.supervisor?.containers ?? [] { leaseOfContainer[container.id] = container.request.lease }
    try checkLedger(world)
    try checkStore(world.store.durableContent, "durable", world)
    try checkStore(world.store.writtenContent, "written", world)
    try checkPromises(world)
    try checkEnds(world)
  }

  private func checkLedger(_ world: SupervisorWorld) throws {
    guard let supervisor = world.supervisor else { return }
    let ledger = supervisor.ledger
    let limits = Self.limits
    try world.require(ledger.leased.fits(in: limits.offer), "leases take \(ledger.leased) of \(limits.offer)")
    try world.require(
      ledger.reserved.memoryBytes <= limits.board.memoryBytes && ledger.reserved.containers <= limits.board.containers,
      "\(ledger.reserved) is promised")
    for account in ledger.accounts {
      try world.require(account.used.fits(in: account.size), "lease \(account.lease) holds \(account.used)")
    }
    for holder in Self.holders {
      let held = ledger.accounts.reduce(Resources()) { $1.holder == holder.holder ? $0 + $1.reserved : $0 }
      let share = limits.offer.percent(limits.sharePercent)
      try world.require(held.fits(in: share), "\(holder.thumbprint[0]) holds \(held)")
      for number in 0..<3 {
        let same = supervisor.leases.entries.filter {
          $0.lease.holder == holder.holder && $0.lease.request.requestID[0] == UInt8(number)
        }
        try world.require(same.count <= 1, "one request has leases \(same.map { $0.id })")
      }
    }
    // What runs is charged.
    var running: UInt64 = 0
    for process in world.kernel.processes where process.runsProgram {
      running += (supervisor.container(id: process.container)?.request.budget.reservedBytes ?? 0)
    }
    try world.require(running <= ledger.reserved.memoryBytes, "\(running) bytes run, \(ledger.reserved) is promised")
  }

  /// What a new agent would find if this one died now is within what there is.
  private func checkStore(_ content: WorldStore.Content, _ name: String, _ world: SupervisorWorld) throws {
    var leased: UInt64 = 0
    for lease in content.leases.values where lease.phase == .active { leased += lease.request.size.memoryBytes }
    try world.require(leased <= Self.limits.offer.memoryBytes, "\(name): leases take \(leased)")
    var inLease: [UInt64: UInt64] = [:]
    var own = leased
    for container in content.containers.values where Self.takesRoom(container) {
      let bytes = container.request.budget.reservedBytes
      if let lease = container.request.lease {
        try world.require(content.leases[lease] != nil, "\(name): \(container.id) is without its lease \(lease)")
        inLease[lease, default: 0] += bytes
        if content.leases[lease]?.phase != .active { own += bytes }
      } else {
        own += bytes
      }
    }
    try world.require(own <= Self.limits.board.memoryBytes, "\(name): \(own) bytes are promised")
    for (lease, bytes) in inLease {
      let size = content.leases[lease]?.request.size.memoryBytes ?? 0
      try world.require(bytes <= size, "\(name): \(bytes) bytes are in lease \(lease)")
    }
  }

  private static func takesRoom(_ container: Container) -> Bool {
    switch container.phase {
    case .created, .starting, .running, .stopping, .waiting: true
    case .ended, .removing: false
    }
  }

  /// No lease that was said to be durable is lost before its time.
  private func checkPromises(_ world: SupervisorWorld) throws {
    guard let supervisor = world.supervisor else { return }
    for (id, promise) in promises where !promise.mayBeOver && promise.until > world.nowMilliseconds {
      let status = supervisor.leaseStatus(id: id, now: world.now)
      try world.require(
        status?.lease.holder == promise.lease.holder && status?.lease.phase == .active,
        "lease \(id) was promised until \(promise.until) and is \(status as Any)")
    }
  }

  /// No container outlives its lease beyond its grace.
  private func checkEnds(_ world: SupervisorWorld) throws {
    let margin = Leases.longestGraceMilliseconds + 60_000
    for process in world.kernel.processes where process.runsProgram {
      guard let lease = leaseOfContainer[process.container] else { continue }
      try world.require(!forgotten.contains(lease), "\(process.container) runs, and its lease \(lease) is forgotten")
      if let since = overSince[lease] {
        try world.require(
          world.nowMilliseconds <= since + margin || isRenewed(lease, world),
          "\(process.container) runs, and its lease \(lease) is over since \(since)")
      }
      let most = (latest[lease] ?? .max - margin - 100 * 3_600_000) + powerCuts * 100_000_000 + margin
      try world.require(
        world.nowMilliseconds <= most, "\(process.container) runs, and its lease \(lease) ended at \(most)")
    }
  }

  private func isRenewed(_ lease: UInt64, _ world: SupervisorWorld) -> Bool {
    world.supervisor?.leases.entries.first { $0.id == lease }?.lease.phase == .active
  }
}
