import Microcloud

extension Container {
  /// The container's state as `ps` and `inspect` show it.
  public var value: CBORValue {
    var map = CBORMap()
    map[.id] = .unsigned(id)
    map[.name] = .text(name)
    map[.phase] = .text(phase.description)
    map[.wanted] = .bool(wanted)
    if isPaused { map[.paused] = .bool(true) }
    if let health {
      map[.health] = .text(health.description)
      if case .unhealthy(let line) = health { map[.healthReason] = .text(line) }
    }
    if let process, isAlive { map[.process] = .unsigned(UInt64(max(0, process.process))) }
    map[.starts] = .unsigned(UInt64(starts))
    map[.restarts] = .unsigned(UInt64(restarts))
    if let end { map[.end] = end.value }
    map[.createdSeconds] = .unsigned(createdSeconds)
    if startedSeconds != 0 { map[.startedSeconds] = .unsigned(startedSeconds) }
    if endedSeconds != 0 { map[.endedSeconds] = .unsigned(endedSeconds) }
    map[.request] = request.value
    return .map(map)
  }
}

extension ContainerEnd {
  var value: CBORValue {
    var map = CBORMap()
    map[.exitCode] = .unsigned(UInt64(exitCode))
    map[.reason] = .text(description)
    return .map(map)
  }
}
