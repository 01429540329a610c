import Basics

/// Leases, where they meet requests, room and containers.
///
/// What makes a crash at any point harmless:
/// - a tentative lease is in no store, and nothing runs in it: a run in it confirms it first;
/// - a confirmation, renewal or release is answered when it is durable;
/// - containers are stopped once the end of their lease is durable, and the room is free once they have ended;
/// - a lease's record goes last: after the records of all its containers.
extension Supervisor {
  // MARK: Looking

  /// What is promised to whom at this moment.
  public var ledger: Ledger { ledger(except: nil) }

  /// - Parameter except: a lease that is not to be counted, with what is in it.
  private func ledger(except: UInt64?) -> Ledger {
    var ledger = Ledger(limits)
    for entry in leases.entries where entry.id != except {
      ledger.add(
        Ledger.Account(
          lease: entry.id, holder: entry.lease.holder, size: entry.lease.request.size, isWhole: entry.isWhole))
    }
    for entry in entries where except == nil || entry.container.request.lease != except {
      ledger.add(
        entry.charge, lease: entry.container.request.lease, holdsPlace: entry.holdsPlace)
    }
    return ledger
  }

  /// All leases as they can be relied on, oldest first.
  public func leaseStatuses(now: Instant) -> [LeaseStatus] {
    leases.entries.map { status(of: $0, ledger, now) }
  }

  public func leaseStatus(id: UInt64, now: Instant) -> LeaseStatus? {
    leases.index(of: id).map { status(of: leases.entries[$0], ledger, now) }
  }

  private func status(of entry: Leases.Entry, _ ledger: Ledger, _ now: Instant) -> LeaseStatus {
    let told = entry.told
    return LeaseStatus(
      lease: told, remainingMilliseconds: told.deadline.milliseconds(since: now),
      used: ledger.accounts.first { $0.lease == entry.id }?.used ?? Resources(), isDraining: isDraining)
  }

  /// Who holds the lease that a container is in; nil: it is in none, or there is no such container.
  public func holder(ofContainer name: String) -> [UInt8]? {
    container(named: name)?.request.lease.flatMap { holder(ofLease: $0) }
  }

  public func holder(ofLease id: UInt64) -> [UInt8]? {
    leases.index(of: id).map { leases.entries[$0].lease.holder }
  }

  // MARK: Requests

  /// Grants a lease, which is tentative: the answer comes at once, and is the same lease whenever the same is asked again.
  public mutating func lease(
    _ request: LeaseRequest, by principal: Principal, token: UInt64, now: Instant
  ) -> [Effect] {
    if let problem = request.problem { return refuse(token, .invalid, problem) }
    if let line = policy.refusal(of: principal) { return refuse(token, .forbidden, line) }
    let holder = principal.holder
    if let index = leases.index(holder: holder, requestID: request.requestID) {
      let entry = leases.entries[index]
      guard entry.lease.request == request, !entry.isForgetting else {
        return refuse(token, .conflict, "lease \(entry.id): that request id was used for it: choose another")
      }
      return [.reply(token: token, .lease(id: entry.id))]
    }
    if isDraining { return refuse(token, .noRoom, Self.drainingLine) }
    if pressure.isShort(now: now) { return refuse(token, .noRoom, Self.shortLine) }
    if request.durationSeconds > policy.longestSeconds { return refuse(token, .noRoom, tooLongLine) }
    if leases.entries.count >= Leases.maximumLeases {
      return refuse(token, .noRoom, "this node holds \(Leases.maximumLeases) leases, its limit: release one first")
    }
    if leases.tentativeCount(of: holder) >= Leases.maximumTentative {
      return refuse(token, .noRoom, "lease: \(Leases.maximumTentative) of yours wait to be confirmed: do that first")
    }
    if let lack = ledger.lack(of: request.size, for: holder) { return [.reply(token: token, .failed(lack))] }
    let id = leases.grant(request, to: holder, now: now, wallSeconds: wallSeconds())
    return [.leaseChanged(id: id), .reply(token: token, .lease(id: id))]
  }

  /// Confirms a lease, renews one, or takes up again one that is over. The answer comes when that is durable.
  public mutating func change(
    lease id: UInt64, _ change: LeaseChange, by principal: Principal, token: UInt64, now: Instant
  ) -> [Effect] {
    if let problem = change.problem { return refuse(token, .invalid, problem) }
    guard let index = ownLease(id, principal) else { return noLease(id, token) }
    if let refusal = refusal(of: change, index) { return [.reply(token: token, .failed(refusal))] }
    let phase = leases.entries[index].lease.phase
    if phase == .active, change.durationSeconds == nil {
      if leases.entries[index].savedRevision == leases.entries[index].revision {
        return [.reply(token: token, .lease(id: id))]
      }
      leases.entries[index].waiting.append((token, leases.entries[index].revision))
      return []
    }
    let seconds = change.durationSeconds ?? leases.entries[index].lease.request.durationSeconds
    leases.activate(index, seconds: seconds, now: now)
    let effects = leases.save(index, now: now)
    leases.entries[index].waiting.append((token, leases.entries[index].revision))
    return effects
  }

  private func refusal(of change: LeaseChange, _ index: Int) -> RequestError? {
    let entry = leases.entries[index]
    if let known = change.generation, known != entry.told.generation { return changedHands(entry) }
    if entry.waitingCount >= Leases.maximumWaiting {
      return RequestError(.noRoom, "lease \(entry.id): too much waits for it to be written: ask again later")
    }
    let lengthens = change.durationSeconds != nil || entry.lease.phase == .over
    if lengthens, entry.lease.phase != .tentative, isDraining { return RequestError(.noRoom, Self.drainingLine) }
    if change.durationSeconds ?? 0 > policy.longestSeconds { return RequestError(.noRoom, tooLongLine) }
    if entry.lease.phase != .over { return nil }
    return ledger(except: entry.id).lack(of: entry.lease.request.size, for: entry.lease.holder)
  }

  private func changedHands(_ entry: Leases.Entry) -> RequestError {
    let line = "lease \(entry.id): it is of generation \(entry.told.generation) now: look at it again"
    return RequestError(.conflict, line)
  }

  /// Ends a lease. The answer comes when that is durable; its containers end soon after. Of a lease that is over already
  /// it changes nothing.
  public mutating func release(
    lease id: UInt64, generation: UInt32?, by principal: Principal, token: UInt64, now: Instant
  ) -> [Effect] {
    guard let index = principal.role == .owner ? leases.index(of: id) : ownLease(id, principal) else {
      return noLease(id, token)
    }
    if let known = generation, known != leases.entries[index].told.generation {
      return [.reply(token: token, .failed(changedHands(leases.entries[index])))]
    }
    if leases.entries[index].releases.count >= Leases.maximumWaiting {
      return refuse(token, .noRoom, "lease \(id): too much waits for it to be written: ask again later")
    }
    if leases.entries[index].isOver, !leases.entries[index].isForgetting {
      return [.reply(token: token, .done(name: "\(id)"))]
    }
    leases.entries[index].releases.append(token)
    if leases.entries[index].isForgetting || leases.entries[index].lease.phase == .over { return [] }
    return endLease(index, .released, now)
  }

  /// From now on no lease is given or lengthened, or again; the holders are told.
  public mutating func setDraining(_ isDraining: Bool) -> [Effect] {
    if self.isDraining == isDraining { return [] }
    self.isDraining = isDraining
    return leases.entries.map { .leaseChanged(id: $0.id) }
  }

  func ownLease(_ id: UInt64, _ principal: Principal) -> Int? {
    leases.index(of: id).flatMap {
      leases.entries[$0].lease.holder == principal.holder && !leases.entries[$0].isForgetting ? $0 : nil
    }
  }

  private func noLease(_ id: UInt64, _ token: UInt64) -> [Effect] {
    refuse(token, .notFound, "lease \(id): you hold none of that number here")
  }

  func refuse(_ token: UInt64, _ kind: RequestError.Kind, _ line: String) -> [Effect] {
    [.reply(token: token, .failed(RequestError(kind, line)))]
  }

  private static let drainingLine = "this node is drained: it gives and lengthens no leases now"
  private static let shortLine = "this node is short of memory: try again in a minute, or on another one"
  private var tooLongLine: String { "lease: this node gives none for longer than \(policy.longestSeconds) s" }

  // MARK: Containers in leases

  /// What is to be done about a run in a lease before there can be a container; nil: nothing, it can be made.
  mutating func prepareLease(
    of request: ContainerRequest, by principal: Principal, token: UInt64, now: Instant
  ) -> [Effect]? {
    guard let id = request.lease else {
      return principal.role == .owner ? nil : refuse(token, .forbidden, "run: name the lease that it is to be in")
    }
    guard let index = ownLease(id, principal) else { return noLease(id, token) }
    if leases.entries[index].isOpen { return nil }
    if leases.entries[index].lease.phase == .over { return refuse(token, .conflict, overLine(id)) }
    guard leases.entries[index].waitingCount < Leases.maximumWaiting else {
      return refuse(token, .noRoom, "lease \(id): too much waits for it to be written: ask again later")
    }
    leases.entries[index].runs.append(Leases.WaitingRun(request: request, token: token))
    if leases.entries[index].lease.phase == .active { return [] }
    leases.activate(index, seconds: leases.entries[index].lease.request.durationSeconds, now: now)
    return leases.save(index, now: now)
  }

  /// Why a container that is there cannot be started in its lease; nil: it can.
  func lackOfLease(_ request: ContainerRequest) -> RequestError? {
    guard let id = request.lease else { return nil }
    if let index = leases.index(of: id), leases.entries[index].isOpen { return nil }
    return RequestError(.conflict, overLine(id))
  }

  private func overLine(_ id: UInt64) -> String { "lease \(id): it is over: renew it first" }

  func hasContainers(inLease id: UInt64) -> Bool {
    entries.contains { $0.container.request.lease == id }
  }
}
