/// Containers whose budget changes while they are there.
///
/// What makes a crash at any point harmless: the kernel lowers a memory limit before the record does, and raises it after that.
/// So a new agent that gives each container what its record says only ever raises memory limits, which never fails.
extension Supervisor {
  /// A change that is under way.
  struct Update {
    let before: Budget
    let request: ContainerRequest
    let token: UInt64
    /// Whether the container's record has it, though perhaps not durably.
    var isRecorded = false
  }

  /// Changes a container's budget or restart policy. The answer comes when that is durable, and the kernel keeps to it.
  public mutating func update(named name: String, _ change: ContainerChange, token: UInt64) -> [Effect] {
    guard let index = index(named: name) else { return notFound(name, token) }
    let container = entries[index].container
    do throws(RequestError) {
      let request = try change.applied(to: container.request)
      if let problem = request.problem { throw RequestError(.invalid, problem) }
      if let advice = reasonToWait(index) { return conflict(index, token, advice) }
      if request.budget.diskBytes != container.request.budget.diskBytes, container.request.budget.diskBytes == 0 {
        throw RequestError(.invalid, "container \(name): it was made without a disk budget: make it anew")
      }
      if request == container.request { return [.reply(token: token, .done(name: name))] }
      if let lack = lack(ofMore: request.budget, index) { throw lack }
      entries[index].update = Update(before: container.request.budget, request: request, token: token)
    } catch {
      return [.reply(token: token, .failed(error))]
    }
    if let update = entries[index].update, isRunning(index),
      update.request.budget.memoryBytes < update.before.memoryBytes
    {
      return [.shrink(id: container.id, memoryBytes: update.request.budget.memoryBytes)]
    }
    return record(index)
  }

  private func reasonToWait(_ index: Int) -> String? {
    switch entries[index].container.phase {
    case .created, .starting, .stopping, .removing: return "wait until that is done"
    case .running, .waiting, .ended: break
    }
    if entries[index].update != nil { return "its budget is being changed: wait until that is done" }
    // Its processor time is what the node can spare.
    if let lease = entries[index].container.request.lease, lease == throttledLease {
      return "this node is short of memory and has slowed it down: try again later"
    }
    return nil
  }

  /// Why there is no place for it with another budget; nil: there is. Less is always possible, also where more is promised
  /// than there is.
  private mutating func lack(ofMore budget: Budget, _ index: Int) -> RequestError? {
    let container = entries[index].container
    if Resources(of: budget).fits(in: Resources(of: container.request.budget)) { return nil }
    let holdsPlace = entries[index].holdsPlace
    entries[index].holdsPlace = false
    defer { entries[index].holdsPlace = holdsPlace }
    return ledger.lack(
      of: budget, lease: container.request.lease, existing: container.request.budget, isAtRest: !holdsPlace)
  }

  private func isRunning(_ index: Int) -> Bool { entries[index].container.phase == .running }

  /// The kernel keeps to the smaller memory limit.
  mutating func shrunk(_ index: Int) -> [Effect] {
    guard let update = entries[index].update, !update.isRecorded else { return [] }
    return record(index)
  }

  /// It could not, and all is as before.
  mutating func shrinkFailed(_ index: Int, _ line: String) -> [Effect] {
    guard let update = entries[index].update, !update.isRecorded else { return [] }
    entries[index].update = nil
    return [.reply(token: update.token, .failed(RequestError(.conflict, line)))]
  }

  private mutating func record(_ index: Int) -> [Effect] {
    recordUpdate(index)
    return [save(index), .changed(id: entries[index].container.id)]
  }

  /// Takes a change over into the record, which is to be saved then. In the way of what has ended meanwhile is no limit.
  mutating func recordUpdate(_ index: Int) {
    guard let update = entries[index].update, !update.isRecorded else { return }
    entries[index].container.request = update.request
    entries[index].update?.isRecorded = true
  }

  /// The record with the change is durable.
  mutating func finishUpdate(_ index: Int) -> [Effect] {
    guard let update = entries[index].update, update.isRecorded else { return [] }
    entries[index].update = nil
    let container = entries[index].container
    return (container.isAlive ? [.limit(id: container.id)] : [])
      + [.reply(token: update.token, .done(name: container.name))]
  }
}

extension Supervisor.Entry {
  /// What is set aside for it: while its budget changes, of each the larger.
  var charge: Budget { update.map { .larger($0.before, $0.request.budget) } ?? container.request.budget }
}
