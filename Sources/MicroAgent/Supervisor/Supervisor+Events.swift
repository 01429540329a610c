import Basics

extension Supervisor {
  /// Takes in what became of an effect, or of the container with this id. An id that is no longer known is ignored: events of
  /// a container may still be under way when it goes.
  public mutating func handle(_ event: Event, id: UInt64, now: Instant) -> [Effect] {
    guard let index = index(of: id) else { return [] }
    switch event {
    case .launched(let process): return launched(index, process)
    case .saved(let revision): return saved(index, revision, now)
    case .started: return started(index, now)
    case .startFailed(let line): return startFailed(index, line, now)
    case .ended(let cause): return ended(index, cause, now)
    case .wasPutAway: return wasPutAway(index, now)
    case .forgotten: return forgotten(index)
    }
  }

  private mutating func launched(_ index: Int, _ process: ProcessIdentity) -> [Effect] {
    entries[index].container.process = process
    entries[index].container.phase = .starting
    entries[index].container.starts += 1
    return [save(index)]
  }

  /// The newest record is durable: what waited for that may happen.
  private mutating func saved(_ index: Int, _ revision: UInt32, _ now: Instant) -> [Effect] {
    guard revision == entries[index].revision else { return [] }
    let id = entries[index].container.id
    switch entries[index].container.phase {
    case .starting:
      if entries[index].isReleased { return [] }
      entries[index].isReleased = true
      return [.release(id: id)]
    case .stopping:
      if entries[index].deadline != nil { return [] }
      if entries[index].graceMilliseconds == 0 { return [.killAll(id: id)] }
      entries[index].deadline = now.advanced(milliseconds: entries[index].graceMilliseconds)
      return [.signal(id: id, signal: Self.terminate)]
    case .ended, .waiting:
      if entries[index].isPutAway { return answerStops(index) }
      return [.putAway(id: id)]
    case .removing:
      if entries[index].isPutAway { return [.deleteFiles(id: id), .forget(id: id)] }
      return [.putAway(id: id)]
    case .created, .running:
      return []
    }
  }

  private mutating func started(_ index: Int, _ now: Instant) -> [Effect] {
    guard entries[index].container.phase == .starting else { return [] }
    entries[index].container.phase = .running
    entries[index].container.startedSeconds = wallSeconds()
    entries[index].startedAt = now
    var effects: [Effect] = []
    if let token = entries[index].runToken {
      entries[index].runToken = nil
      effects.append(.reply(token: token, .done(name: entries[index].container.name)))
    }
    // Nobody waits for this save: whatever happens, the record `starting` leads a new agent to the same place.
    effects += [save(index), .changed(id: entries[index].container.id)]
    if !entries[index].container.wanted {
      if entries[index].initiator == .none { entries[index].initiator = .stopped }
      effects += beginStop(index)
    }
    return effects
  }

  /// A first start that fails leaves nothing behind; a later one is an end like any other.
  private mutating func startFailed(_ index: Int, _ line: String, _ now: Instant) -> [Effect] {
    let isFirst = entries[index].container.starts <= 1 && entries[index].container.end == nil
    guard isFirst else { return ended(index, .failedToStart(line), now) }
    entries[index].failure = RequestError(.failed, line)
    entries[index].container.phase = .removing
    entries[index].revision += 1  // answers to saves under way mean nothing any more
    return [.putAway(id: entries[index].container.id)]
  }

  mutating func ended(_ index: Int, _ cause: ContainerEnd.Cause, _ now: Instant) -> [Effect] {
    guard entries[index].container.isAlive || entries[index].container.phase == .created else { return [] }
    var effects: [Effect] = []
    if let token = entries[index].runToken {
      entries[index].runToken = nil
      if case .failedToStart(let line) = cause {
        effects.append(.reply(token: token, .failed(RequestError(.failed, line))))
      } else {
        effects.append(.reply(token: token, .done(name: entries[index].container.name)))
      }
    }
    if let startedAt = entries[index].startedAt,
      now.milliseconds(since: startedAt) >= RestartPolicy.healthyAfterMilliseconds
    {
      entries[index].container.restarts = 0
    }
    entries[index].container.end = ContainerEnd(cause: cause, initiator: entries[index].initiator)
    entries[index].container.endedSeconds = wallSeconds()
    entries[index].startedAt = nil
    entries[index].deadline = nil
    entries[index].container.phase = phaseAfterEnd(entries[index], cause)
    return effects + [save(index), .changed(id: entries[index].container.id)]
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
    entries[index].isPutAway = true
    entries[index].container.process = nil
    let id = entries[index].container.id
    switch entries[index].container.phase {
    case .removing:
      return [.deleteFiles(id: id), .forget(id: id)]
    case .waiting:
      let pause = RestartPolicy.pauseMilliseconds(beforeRestart: entries[index].container.restarts)
      entries[index].deadline = now.advanced(milliseconds: pause)
      return []
    case .ended:
      entries[index].container.wanted = false
      return answerStops(index)
    case .created:
      // Found half started by a new agent: now that the half is gone, it can be started.
      if entries[index].container.wanted { return launch(index) }
      entries[index].container.phase = entries[index].removesWhenEnded ? .removing : .ended
      return [save(index)]
    case .starting, .running, .stopping:
      return []
    }
  }

  private mutating func forgotten(_ index: Int) -> [Effect] {
    let entry = entries.remove(at: index)
    let name = entry.container.name
    var effects: [Effect] = [.changed(id: entry.container.id)]
    if let token = entry.runToken {
      effects.append(.reply(token: token, entry.failure.map { .failed($0) } ?? .done(name: name)))
    }
    for token in entry.stopTokens + entry.removeTokens {
      effects.append(.reply(token: token, .done(name: name)))
    }
    return effects
  }

  private mutating func answerStops(_ index: Int) -> [Effect] {
    let tokens = entries[index].stopTokens
    entries[index].stopTokens = []
    return tokens.map { .reply(token: $0, .done(name: entries[index].container.name)) }
  }

  /// SIGTERM.
  private static let terminate: UInt8 = 15
}
