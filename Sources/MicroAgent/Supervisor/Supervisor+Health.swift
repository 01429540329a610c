/// Containers whose health is checked.
extension Supervisor {
  /// A check has found something new. What is killed for it is wanted as before, so that its restart policy has its say.
  public mutating func noteHealth(_ health: ContainerHealth, id: UInt64) -> [Effect] {
    guard let index = index(of: id), entries[index].container.phase == .running else { return [] }
    entries[index].container.health = health
    let effects: [Effect] = [.changed(id: id)]
    // What was sent its stop signal is on its way out.
    guard case .unhealthy = health, let check = entries[index].container.request.health, check.kills,
      entries[index].container.wanted
    else { return effects }
    entries[index].container.demand = ContainerEnd.Demand(.unhealthy, by: .node)
    return effects + [save(index), .killAll(id: id)]
  }
}
