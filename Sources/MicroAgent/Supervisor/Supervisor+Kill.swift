import Basics

/// Containers that are sent signals.
extension Supervisor {
  /// Sends a signal to a container's first process; SIGKILL ends all of them.
  ///
  /// What ends by SIGKILL, or by the signal that it is stopped with, is not started again: somebody wanted that. The answer
  /// comes when it has ended (SIGKILL), or when the signal is sent.
  public mutating func kill(
    named name: String, signal: UInt64, by principal: Principal = .owner, token: UInt64, now: Instant
  ) -> [Effect] {
    guard let index = index(named: name) else { return notFound(name, token) }
    let container = entries[index].container
    if signal == ContainerRequest.kill, container.isAlive || container.phase == .created {
      entries[index].stopTokens.append(token)
      return stop(index, 0, ContainerEnd.Demand(.killed, by: principal.asker), now)
    }
    guard container.phase == .running || container.phase == .stopping else {
      return conflict(index, token, "only what runs can be sent a signal")
    }
    guard container.phase == .running, signal == container.request.stopSignal else {
      let number = UInt8(truncatingIfNeeded: signal)
      return [.signal(id: container.id, signal: number), .reply(token: token, .done(name: name))]
    }
    entries[index].stopTokens.append(token)
    entries[index].container.wanted = false
    entries[index].container.demand = ContainerEnd.Demand(.signalled, by: principal.asker)
    // What stands still hears no signal.
    return endPause(index) + [save(index), .changed(id: container.id)]
  }

  /// That it is not to be started again is durable: now it can be sent the signal.
  mutating func sendStopSignal(_ index: Int) -> [Effect] {
    let container = entries[index].container
    if container.wanted || entries[index].stopTokens.isEmpty { return [] }
    let signal = UInt8(truncatingIfNeeded: container.request.stopSignal)
    return [.signal(id: container.id, signal: signal)] + answerStops(index)
  }

  /// One that went on in spite of its stop signal is to go on.
  mutating func wantAgain(_ index: Int) -> [Effect] {
    if entries[index].container.wanted { return [] }
    entries[index].container.wanted = true
    entries[index].container.demand = ContainerEnd.Demand()
    return [save(index)]
  }

  /// Whether somebody waits for its newest record. That it runs is no such news: a record `starting` leads a new agent to
  /// the same place.
  public func isSaveUrgent(id: UInt64) -> Bool {
    guard let index = index(of: id) else { return false }
    let entry = entries[index]
    return entry.container.phase != .running || !entry.stopTokens.isEmpty || entry.update != nil
  }
}

extension Principal {
  /// As whom it ends containers: whoever is not the owner may do so only in its own leases.
  var asker: ContainerEnd.Asker { role == .owner ? .owner : .holder }
}
