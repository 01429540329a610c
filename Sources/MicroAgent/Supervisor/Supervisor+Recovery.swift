import Basics

/// What a new agent finds of a container whose record says that it had a process.
public enum Observation: Equatable, Sendable {
  /// The very process of the record lives; `runsProgram` is false while it is still set up and not let go.
  case alive(runsProgram: Bool)
  /// The keeper, or the kernel, still knows how it ended.
  case ended(ContainerEnd.Cause)
  /// It ended before its program ran: its agent died before letting it go.
  case neverRan
  /// It is gone, and nobody knows how it ended; the line says why.
  case gone(String)
}

extension Supervisor {
  /// Takes over a container from the store, after the agent, the keeper or the board was restarted. What the store holds
  /// must have been made durable before: an agent that died may have left writes that a power cut would take back.
  /// - Parameter observation: what is left of its process; not asked for where the record names none.
  public mutating func adopt(_ container: Container, _ observation: Observation, now: Instant) -> [Effect] {
    var entry = Entry(container: container)
    entry.graceMilliseconds =
      container.stopDeadline.map { $0.milliseconds(since: now) } ?? container.request.graceMilliseconds
    entry.revision = 1
    entry.savedRevision = 1
    entry.holdsPlace = container.phase != .ended && container.phase != .removing
    entries.append(entry)
    let index = entries.count - 1
    if container.phase == .stopping { demandStop(index) }
    switch container.phase {
    case .removing, .ended, .waiting:
      return putAway(index)
    case .created:
      return startAgain(index, now)
    case .starting, .running, .stopping:
      break
    }
    switch observation {
    case .alive(runsProgram: true):
      return resume(index, now)
    case .alive(runsProgram: false):
      return [.killAll(id: container.id)] + startAgain(index, now)
    case .neverRan:
      return startAgain(index, now)
    case .ended(let cause):
      return ended(index, cause, now)
    case .gone(let why):
      return ended(index, .unknown(why), now)
    }
  }

  private mutating func resume(_ index: Int, _ now: Instant) -> [Effect] {
    entries[index].isReleased = true
    let container = entries[index].container
    // What was sent its stop signal, and no more, does as it likes.
    guard container.phase != .stopping, container.wanted || container.demand.initiator == .signalled else {
      demandStop(index)
      return beginStop(index, now)
    }
    beginWatch(index, now)
    if entries[index].container.phase == .running { return [] }
    entries[index].container.phase = .running
    entries[index].container.startedSeconds = wallSeconds()
    return [save(index)]
  }

  /// Puts away the half that was there; `wasPutAway` then starts it. What is not wanted any more has ended.
  private mutating func startAgain(_ index: Int, _ now: Instant) -> [Effect] {
    guard entries[index].container.wanted else { return giveUpStart(index, now) }
    if entries[index].container.starts > 0 { entries[index].container.starts -= 1 }
    entries[index].container.phase = .created
    return putAway(index)
  }
}
