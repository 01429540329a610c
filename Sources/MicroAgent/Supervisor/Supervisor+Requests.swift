import Basics

extension Supervisor {
  /// Creates a container and starts it. The answer under `token` comes when its program runs, or when it could not be made
  /// to run and nothing of it is left.
  ///
  /// A request without a name gets `c<id>`. One in a lease that is not confirmed yet confirms it, and is carried out when that
  /// is durable.
  public mutating func run(
    _ request: ContainerRequest, by principal: Principal = .owner, token: UInt64, now: Instant
  ) -> [Effect] {
    if let problem = request.problem {
      return [.reply(token: token, .failed(RequestError(.invalid, problem)))]
    }
    return prepareLease(of: request, by: principal, token: token, now: now) ?? create(request, token: token)
  }

  /// Creates a container for which nothing has to be done before.
  mutating func create(_ wish: ContainerRequest, token: UInt64) -> [Effect] {
    let request = completed(wish)
    if !request.name.isEmpty, index(named: request.name) != nil {
      let line = "container \(request.name): the name is taken: remove that one first, or choose another"
      return [.reply(token: token, .failed(RequestError(.conflict, line)))]
    }
    if let lack = lack(of: request, existing: nil) { return [.reply(token: token, .failed(lack))] }
    var id = takeID()
    // Somebody may have given that name to another: one of the next ones is free.
    while request.name.isEmpty, index(named: "c\(id)") != nil { id = takeID() }
    let name = request.name.isEmpty ? "c\(id)" : request.name
    var entry = Entry(
      container: Container(id: id, name: name, request: request, createdSeconds: wallSeconds()))
    entry.isNew = true
    entry.runTokens = [token]
    entries.append(entry)
    return launch(entries.count - 1)
  }

  /// Why there is no place for a container; nil: there is.
  private func lack(of request: ContainerRequest, existing: Budget?) -> RequestError? {
    lackOfLease(request) ?? ledger.lack(of: request.budget, lease: request.lease, existing: existing)
  }

  /// A request with what the node decides where the client says nothing: the disk budget of a container that writes to its root.
  public func completed(_ wish: ContainerRequest) -> ContainerRequest {
    var request = wish
    if request.budget.diskBytes == 0, !request.readOnlyRoot { request.budget.diskBytes = diskBytes(for: request) }
    return request
  }

  /// In a lease as much as if all of its containers were alike, as far as that is left of it.
  private func diskBytes(for request: ContainerRequest) -> UInt64 {
    guard let lease = request.lease, let account = ledger.accounts.first(where: { $0.lease == lease }) else {
      return Budget.standardDiskBytes
    }
    let share = account.size.diskBytes / max(1, account.size.containers)
    return Budget.leastDiskBytes + min(share, (account.size - account.used).diskBytes)
  }

  /// Starts a container that has ended. The answer comes when its program runs, or could not be made to.
  public mutating func start(named name: String, token: UInt64, now: Instant) -> [Effect] {
    guard let index = index(named: name) else { return notFound(name, token) }
    switch entries[index].container.phase {
    case .running:
      if entries[index].container.isPaused { return conflict(index, token, "it is paused: resume it") }
      // Its stop signal is on its way.
      if !entries[index].stopTokens.isEmpty { return conflict(index, token, "wait until that is done") }
      return wantAgain(index) + [.reply(token: token, .done(name: name))]
    case .created, .starting:
      guard entries[index].container.wanted else { return conflict(index, token, "wait until it is stopped") }
      entries[index].runTokens.append(token)
      return []
    case .stopping, .removing:
      return conflict(index, token, "wait until that is done")
    case .waiting, .ended:
      entries[index].startTokens.append(token)
      // Whoever saw it end need not know that its end is still on its way to the disk, and its group on the way out.
      return entries[index].isSettled ? startForWaiting(index) : []
    }
  }

  /// Starts a settled container for those who wait for it, if any.
  mutating func startForWaiting(_ index: Int) -> [Effect] {
    let tokens = entries[index].startTokens
    if tokens.isEmpty { return [] }
    let request = entries[index].container.request
    if !entries[index].holdsPlace, let lack = lack(of: request, existing: request.budget) {
      entries[index].startTokens = []
      return tokens.map { .reply(token: $0, .failed(lack)) }
    }
    entries[index].container.wanted = true
    entries[index].container.restarts = 0
    entries[index].deadline = nil
    return launch(index)
  }

  /// Stops a container and keeps it stopped. The answer comes when its end is durable and its processes are gone.
  /// - Parameter graceMilliseconds: how long it may take to end after SIGTERM before it is killed; 0 kills at once.
  public mutating func stop(
    named name: String, graceMilliseconds: UInt64, by principal: Principal = .owner, token: UInt64, now: Instant
  ) -> [Effect] {
    guard let index = index(named: name) else { return notFound(name, token) }
    switch entries[index].container.phase {
    case .removing: return conflict(index, token, "it will be gone soon")
    case .ended where entries[index].isSettled: return [.reply(token: token, .done(name: name))]
    default:
      entries[index].stopTokens.append(token)
      return stop(index, graceMilliseconds, ContainerEnd.Demand(.stopped, by: principal.asker), now)
    }
  }

  /// Stops a container whose lease is over. Can be done any number of times.
  mutating func stopAtEnd(_ id: UInt64, _ now: Instant) -> [Effect] {
    guard let index = index(of: id) else { return [] }
    let grace = min(entries[index].container.request.graceMilliseconds, Leases.longestGraceMilliseconds)
    return stop(index, grace, ContainerEnd.Demand(.stopped, by: .node), now)
  }

  mutating func stop(
    _ index: Int, _ graceMilliseconds: UInt64, _ demand: ContainerEnd.Demand, _ now: Instant
  ) -> [Effect] {
    switch entries[index].container.phase {
    case .ended:
      return refuseStarts(index)
    case .waiting:
      entries[index].container.wanted = false
      entries[index].container.phase = .ended
      entries[index].deadline = nil
      return refuseStarts(index) + [save(index), .changed(id: entries[index].container.id)]
    case .created, .starting:
      // A removal by force is not to be slowed down.
      if !entries[index].removesWhenEnded {
        entries[index].graceMilliseconds = graceMilliseconds
        entries[index].container.demand = demand
      }
      return stopStart(index, now)
    case .running:
      entries[index].container.demand = demand
      entries[index].graceMilliseconds = graceMilliseconds
      return beginStop(index, now)
    case .stopping:
      return hastenStop(index, graceMilliseconds, demand, now)
    case .removing:
      return []
    }
  }

  /// Who asked for it to be started before it was to be stopped, and waits still, waits in vain.
  private mutating func refuseStarts(_ index: Int) -> [Effect] {
    let tokens = entries[index].startTokens
    entries[index].startTokens = []
    return tokens.flatMap { conflict(index, $0, "it was to be stopped meanwhile") }
  }

  /// A second stop leaves less time, never more.
  private mutating func hastenStop(
    _ index: Int, _ graceMilliseconds: UInt64, _ demand: ContainerEnd.Demand, _ now: Instant
  ) -> [Effect] {
    let deadline = now.advanced(milliseconds: graceMilliseconds)
    guard let promised = entries[index].container.stopDeadline, deadline < promised else { return [] }
    if demand.initiator == .killed { entries[index].container.demand = demand }
    entries[index].container.stopDeadline = deadline
    entries[index].graceMilliseconds = graceMilliseconds
    if entries[index].deadline != nil { entries[index].deadline = deadline }
    return [save(index)]
  }

  /// Removes a container with all it wrote. The answer comes when nothing of it is left.
  /// - Parameter force: also where it runs, in which case it is killed.
  public mutating func remove(
    named name: String, force: Bool, by principal: Principal = .owner, token: UInt64, now: Instant
  ) -> [Effect] {
    guard let index = index(named: name) else { return notFound(name, token) }
    let phase = entries[index].container.phase
    guard force || phase == .ended || phase == .removing else {
      return conflict(index, token, "stop it first, or use --force")
    }
    entries[index].removeTokens.append(token)
    return remove(index, by: principal.asker, now)
  }

  /// Removes a container that is not kept any longer. Can be done any number of times.
  mutating func removeAtEnd(_ id: UInt64, _ now: Instant) -> [Effect] {
    index(of: id).map { remove($0, by: .node, now) } ?? []
  }

  private mutating func remove(_ index: Int, by asker: ContainerEnd.Asker, _ now: Instant) -> [Effect] {
    let phase = entries[index].container.phase
    if phase == .removing { return [] }
    if phase == .ended || phase == .waiting { return beginRemoval(index) }
    entries[index].removesWhenEnded = true
    entries[index].graceMilliseconds = 0
    entries[index].container.demand = ContainerEnd.Demand(.removed, by: asker)
    if phase == .stopping {
      entries[index].container.stopDeadline = now
      // Until the wish to stop is durable there is no deadline, and `saved` will see that there is no grace.
      return entries[index].deadline == nil ? [] : [.killAll(id: entries[index].container.id)]
    }
    return phase == .running ? beginStop(index, now) : stopStart(index, now)
  }

  func notFound(_ name: String, _ token: UInt64) -> [Effect] {
    [.reply(token: token, .failed(RequestError(.notFound, "container \(name): there is none of that name here")))]
  }

  func conflict(_ index: Int, _ token: UInt64, _ advice: String) -> [Effect] {
    let container = entries[index].container
    let line = "container \(container.name): it is \(container.phase): \(advice)"
    return [.reply(token: token, .failed(RequestError(.conflict, line)))]
  }
}
