import Basics

extension Supervisor {
  /// Takes in what became of an effect, or of the container with this id. An id that is no longer known is ignored: events of
  /// a container may still be under way when it goes.
  public mutating func handle(_ event: Event, id: UInt64, now: Instant) -> [Effect] {
    guard let index = index(of: id) else { return [] }
    switch event {
    case .launched(let process): return launched(index, process, now)
    case .saved(let revision): return saved(index, revision, now)
    case .started: return started(index, now)
    case .startFailed(let line): return startFailed(index, line, now)
    case .ended(let cause): return processEnded(index, cause, now)
    case .wasPutAway: return wasPutAway(index, now)
    case .forgotten: return forgotten(index, now)
    case .paused: return paused(index)
    case .pauseFailed(let line): return pauseFailed(index, line)
    case .shrunk: return shrunk(index)
    case .shrinkFailed(let line): return shrinkFailed(index, line)
    }
  }

  private mutating func launched(_ index: Int, _ process: ProcessIdentity, _ now: Instant) -> [Effect] {
    // Its mounts may be made after the start has failed otherwise.
    guard entries[index].container.phase == .created else { return [] }
    entries[index].container.process = process
    entries[index].container.phase = .starting
    entries[index].container.starts += 1
    return entries[index].container.wanted ? [save(index)] : giveUpStart(index, now)
  }

  /// The newest record is durable: what waited for that may happen.
  private mutating func saved(_ index: Int, _ revision: UInt32, _ now: Instant) -> [Effect] {
    guard revision == entries[index].revision else { return [] }
    entries[index].savedRevision = revision
    return finishUpdate(index) + goOn(index, now)
  }

  private mutating func goOn(_ index: Int, _ now: Instant) -> [Effect] {
    let id = entries[index].container.id
    switch entries[index].container.phase {
    case .starting:
      if entries[index].isReleased { return [] }
      entries[index].isReleased = true
      return [.release(id: id)]
    case .stopping:
      // What was saved after it was asked to end, or killed, is no new wish.
      if entries[index].deadline != nil || entries[index].container.demand.initiator == .graceExpired { return [] }
      if entries[index].graceMilliseconds == 0 { return [.killAll(id: id)] }
      entries[index].deadline = now.advanced(milliseconds: entries[index].graceMilliseconds)
      let signal = entries[index].container.request.stopSignal
      return [.signal(id: id, signal: UInt8(truncatingIfNeeded: signal))]
    case .ended, .waiting, .removing:
      return entries[index].isPutAway ? settled(index, now) : putAway(index)
    case .running:
      return sendStopSignal(index)
    case .created:
      return []
    }
  }

  private mutating func started(_ index: Int, _ now: Instant) -> [Effect] {
    guard entries[index].container.phase == .starting else { return [] }
    entries[index].isNew = false
    entries[index].container.phase = .running
    entries[index].container.startedSeconds = wallSeconds()
    beginWatch(index, now)
    var effects = answerRuns(index)
    // Nobody waits for this save: whatever happens, the record `starting` leads a new agent to the same place.
    effects += [.changed(id: entries[index].container.id), save(index)]
    if !entries[index].container.wanted {
      demandStop(index)
      effects += beginStop(index, now)
    }
    return effects
  }

  /// A `run` that fails leaves nothing behind; a later start that does is an end like any other.
  private mutating func startFailed(_ index: Int, _ line: String, _ now: Instant) -> [Effect] {
    let container = entries[index].container
    guard container.phase == .created || container.phase == .starting else { return [] }
    guard entries[index].isNew else { return ended(index, .failedToStart(line), now) }
    entries[index].failure = RequestError(.failed, line)
    if entries[index].savedRevision > 0 { return beginRemoval(index) }
    // No record is durable, so it was never let go. None is waited for either: the disk may be full.
    entries[index].container.phase = .removing
    entries[index].revision += 1
    entries[index].savedRevision = entries[index].revision
    return putAway(index)
  }

  /// The process is gone. One that was never let go cannot have run its program; one that was may have, unheard.
  private mutating func processEnded(_ index: Int, _ cause: ContainerEnd.Cause, _ now: Instant) -> [Effect] {
    guard entries[index].container.isAlive else { return [] }
    if entries[index].container.phase == .starting, !entries[index].isReleased {
      let how = ContainerEnd(cause: cause).description
      return startFailed(index, "container \(entries[index].container.name): ended before its program ran: \(how)", now)
    }
    return ended(index, cause, now)
  }

  /// Notes how a run ended, and what is to follow.
  mutating func ended(_ index: Int, _ cause: ContainerEnd.Cause, _ now: Instant) -> [Effect] {
    entries[index].isNew = false
    let end = ContainerEnd(cause: cause, demand: entries[index].container.demand)
    entries[index].container.demand = ContainerEnd.Demand()
    recordUpdate(index)
    var effects: [Effect] = []
    if case .failedToStart = cause {
      // Told once that is durable: until then a new agent would start it again.
      entries[index].failure = RequestError(.failed, end.description)
    } else {
      effects = answerRuns(index)
    }
    if entries[index].container.phase == .running, let steadyAt = entries[index].deadline, steadyAt <= now {
      entries[index].container.restarts = 0
    }
    entries[index].container.end = end
    entries[index].container.health = nil
    entries[index].container.endedSeconds = wallSeconds()
    entries[index].deadline = nil
    entries[index].container.stopDeadline = nil
    entries[index].container.phase = phaseAfterEnd(entries[index], cause)
    effects += endPause(index)
    // Observers do not wait for the disk, so they come before the work of writing.
    effects += [.changed(id: entries[index].container.id), save(index)]
    return effects
  }

  private func phaseAfterEnd(_ entry: Entry, _ cause: ContainerEnd.Cause) -> Container.Phase {
    let request = entry.container.request
    if entry.removesWhenEnded { return .removing }
    if entry.container.wanted, request.restart.restarts(after: cause, restarts: entry.container.restarts) {
      return .waiting
    }
    return request.removesWhenEnded ? .removing : .ended
  }

  private mutating func wasPutAway(_ index: Int, _ now: Instant) -> [Effect] {
    entries[index].isPuttingAway = false
    entries[index].isPutAway = true
    entries[index].container.process = nil
    switch entries[index].container.phase {
    case .ended, .waiting, .removing:
      return entries[index].isSettled ? settled(index, now) : []
    case .created:
      // Found half started by a new agent: now that the half is gone, it can be started.
      if entries[index].container.wanted { return launch(index) }
      return giveUpStart(index, now)
    case .starting, .running, .stopping:
      return []
    }
  }

  /// The end is durable and the kernel's part gone: what waited for both may happen.
  private mutating func settled(_ index: Int, _ now: Instant) -> [Effect] {
    let id = entries[index].container.id
    switch entries[index].container.phase {
    case .removing:
      // Of a run that came to nothing there may be a record on its way to the disk that says it is wanted.
      if !entries[index].isNew { entries[index].holdsPlace = false }
      return [.deleteFiles(id: id), .forget(id: id)]
    case .waiting:
      let pause = RestartPolicy.pauseMilliseconds(beforeRestart: entries[index].container.restarts)
      entries[index].deadline = now.advanced(milliseconds: pause)
      return answerRuns(index) + startForWaiting(index)
    case .ended:
      entries[index].container.wanted = false
      entries[index].holdsPlace = false
      return answerRuns(index) + answerStops(index) + startForWaiting(index)
    case .created, .starting, .running, .stopping:
      return []
    }
  }

  /// It runs, as far as is known. A container that was restarted counts as steady when it has run for a while. That is
  /// noted in its record, so that a restart of the board months later finds it so.
  mutating func beginWatch(_ index: Int, _ now: Instant) {
    entries[index].container.health = entries[index].container.request.health.map { _ in .starting }
    guard entries[index].container.restarts > 0 else { return }
    entries[index].deadline = now.advanced(milliseconds: RestartPolicy.steadyAfterMilliseconds)
  }

  private mutating func forgotten(_ index: Int, _ now: Instant) -> [Effect] {
    var effects: [Effect] = [.changed(id: entries[index].container.id)]
    effects += answerRuns(index) + answerStops(index)
    let entry = entries.remove(at: index)
    let gone = RequestError(.conflict, "container \(entry.container.name): it was removed meanwhile")
    effects += entry.startTokens.map { .reply(token: $0, .failed(gone)) }
    effects += entry.removeTokens.map { .reply(token: $0, .done(name: entry.container.name)) }
    // It may have been the last that a lease waited for.
    return effects + (entry.container.request.lease.map { settleLease($0, now) } ?? [])
  }

  private mutating func answerRuns(_ index: Int) -> [Effect] {
    let tokens = entries[index].runTokens
    let reply = entries[index].failure.map { Reply.failed($0) } ?? .done(name: entries[index].container.name)
    entries[index].runTokens = []
    return tokens.map { .reply(token: $0, reply) }
  }

  mutating func answerStops(_ index: Int) -> [Effect] {
    let tokens = entries[index].stopTokens
    entries[index].stopTokens = []
    return tokens.map { .reply(token: $0, .done(name: entries[index].container.name)) }
  }
}
