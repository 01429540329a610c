/// Containers whose processes stand still for a while: they keep their memory, and their place.
extension Supervisor {
  /// Pauses a running container. The answer comes when none of its processes runs any more.
  public mutating func pause(named name: String, token: UInt64) -> [Effect] {
    guard let index = index(named: name) else { return notFound(name, token) }
    let container = entries[index].container
    guard container.phase == .running else { return conflict(index, token, "only what runs can be paused") }
    if container.isPaused { return [.reply(token: token, .done(name: name))] }
    entries[index].pauseTokens.append(token)
    return entries[index].pauseTokens.count == 1 ? [.pause(id: container.id, true)] : []
  }

  /// Lets a paused container go on.
  public mutating func resume(named name: String, token: UInt64) -> [Effect] {
    guard let index = index(named: name) else { return notFound(name, token) }
    let container = entries[index].container
    guard container.phase == .running else { return conflict(index, token, "only what is paused can be resumed") }
    let effects = endPause(index)
    return effects + (effects.isEmpty ? [] : [.changed(id: container.id)]) + [.reply(token: token, .done(name: name))]
  }

  mutating func paused(_ index: Int) -> [Effect] {
    let (container, tokens) = (entries[index].container, entries[index].pauseTokens)
    // It was to go on, or to end, meanwhile.
    if tokens.isEmpty { return [] }
    entries[index].pauseTokens = []
    entries[index].container.isPaused = true
    return [.changed(id: container.id)] + tokens.map { .reply(token: $0, .done(name: container.name)) }
  }

  mutating func pauseFailed(_ index: Int, _ line: String) -> [Effect] {
    let tokens = entries[index].pauseTokens
    entries[index].pauseTokens = []
    return [.pause(id: entries[index].container.id, false)]
      + tokens.map { .reply(token: $0, .failed(RequestError(.failed, line))) }
  }

  /// Lets a container go on that is paused, or about to be. Empty: it is neither.
  mutating func endPause(_ index: Int) -> [Effect] {
    let (container, tokens) = (entries[index].container, entries[index].pauseTokens)
    guard container.isPaused || !tokens.isEmpty else { return [] }
    entries[index].container.isPaused = false
    entries[index].pauseTokens = []
    return [.pause(id: container.id, false)]
      + tokens.flatMap { conflict(index, $0, "somebody else wanted that meanwhile") }
  }
}
