import Basics
import MicroAgent

/// The daemon's hands: each effect in the steps in which the daemon does it, with the rules that must hold at each.
extension SupervisorWorld {
  func carryOut(_ effects: [Effect]) throws {
    queue += effects
    while !queue.isEmpty {
      try pass()
      let effect = queue.removeFirst()
      note("effect \(effect)")
      isCarryingOut = true
      defer { isCarryingOut = false }
      try carryOut(effect)
    }
    try pass()
  }

  private func carryOut(_ effect: Effect) throws {
    switch effect {
    case .launch(let id): try launch(id)
    case .save(let id, let revision): try save(id, revision)
    case .release(let id): try release(id)
    case .signal(let id, _): signal(id)
    case .killAll(let id): try killAll(id)
    case .putAway(let id): try putAway(id)
    case .deleteFiles(let id): try deleteFiles(id)
    case .forget(let id):
      try require(!kernel.files.contains(id), "\(id) is forgotten before its files are deleted")
      ask(.delete(id))
    case .reply(let token, let reply):
      if token >= WorldLeases.firstToken {
        try leases.take(reply, token: token, self)
      } else {
        try promises.take(reply, token: token, self)
      }
    case .saveLease(let id, let revision, _):
      guard let record = supervisor?.leases.record(id: id, revision: revision) else {
        return try require(false, "lease \(id) is to be saved and has no record")
      }
      ask(.putLease(record, revision: revision))
    case .forgetLease(let id):
      for (container, record) in store.written where record.request.lease == id {
        try require(false, "lease \(id) is forgotten before its container \(container)")
      }
      ask(.deleteLease(id))
    case .shrink(let id, _):
      let event = Event.shrinkFailed("it uses more")
      if kernel.current(id) != nil { answer(random.oneIn(3) ? event : .shrunk, id: id) }
    case .limit(let id):
      let durable = store.durable[id]?.request.budget
      try require(durable == supervisor?.container(id: id)?.request.budget, "\(id) has a budget that is not durable")
    case .changed, .leaseChanged, .throttle, .pause: break
    }
  }

  private func launch(_ id: UInt64) throws {
    try require(!kernel.cgroups.contains(id), "\(id) is launched before its last run was put away")
    try require(kernel.current(id) == nil, "\(id) is launched beside a process of it")
    if hasLeases, store.written[id] == nil, supervisor?.container(id: id)?.starts == 0 { promises.begins(id) }
    kernel.files.insert(id)
    try pass()
    kernel.logs.insert(id)
    kernel.cgroups.insert(id)
    try pass()
    if !isCalm, random.oneIn(10) { return answer(.startFailed("no cgroup"), id: id) }
    let identity = kernel.clone(for: id)
    answer(.launched(identity), id: id)
    // Something kills it while it waits.
    if !isCalm, random.oneIn(20) { after(random.below(200), .ends(identity, .killed(signal: 9))) }
  }

  func save(_ id: UInt64, _ revision: UInt32) throws {
    guard let record = supervisor?.container(id: id) else {
      return try require(false, "\(id) is to be saved and not known")
    }
    if record.phase == .ended || record.phase == .waiting || record.phase == .removing { try checkEnd(record) }
    ask(.put(record, revision: revision))
  }

  /// How the program ended is what the record says, unless nobody could know.
  func checkEnd(_ record: Container) throws {
    guard let identity = record.process, let index = kernel.index(of: identity) else { return }
    let process = kernel.processes[index]
    guard process.ranProgram, !process.isDoomed, let end = process.end else { return }
    if case .unknown? = record.end?.cause, process.parent == .nobody { return }
    try require(
      record.end?.cause == end, "\(record.id) ended by \(end) and its record says \(record.end?.cause as Any)")
  }

  private func release(_ id: UInt64) throws {
    guard let index = kernel.current(id) else { return try require(false, "\(id) is let go and has no process") }
    let identity = kernel.processes[index].identity
    let record = store.durable[id]
    try require(record?.process == identity, "\(id) is let go before its record is durable")
    try require(!promises.isToStop(id), "\(id) is let go after it was to be stopped")
    if let end = kernel.processes[index].end {
      // Nobody reads the go byte: the daemon learns that before it hears of the end.
      forgetAnswers(about: id)
      answer(.startFailed("it is gone"), id: id)
      return answer(.ended(end), id: id)
    }
    kernel.processes[index].isReleased = true
    after(random.below(20), .execs(identity, agent: agent))
  }

  private func signal(_ id: UInt64) {
    guard let index = kernel.current(id), kernel.processes[index].lives else { return }
    let identity = kernel.processes[index].identity
    if isCalm || !random.oneIn(3) { after(random.below(5_000), .ends(identity, .exited(code: 143))) }
  }

  func killAll(_ id: UInt64) throws {
    guard let index = kernel.current(id), kernel.processes[index].lives else { return }
    let isWished = !(store.durable[id]?.wanted ?? false) || !kernel.processes[index].isReleased
    try require(isWished || kernel.processes[index].isDoomed, "\(id) is killed before that wish is durable")
    after(random.below(20), .ends(kernel.processes[index].identity, .killed(signal: 9)))
  }

  private func putAway(_ id: UInt64) throws {
    if let index = kernel.current(id) { try checkDurableEnd(kernel.processes[index]) }
    for index in kernel.processes.indices where kernel.processes[index].container == id {
      if kernel.processes[index].lives { ends(kernel.processes[index].identity, .killed(signal: 9)) }
    }
    try pass()
    for index in kernel.processes.indices where kernel.processes[index].container == id {
      kernel.processes[index].isCollected = true
    }
    try pass()
    kernel.cgroups.remove(id)
    answer(.wasPutAway, id: id)
  }

  /// An end is collected only when the store has it.
  private func checkDurableEnd(_ process: WorldProcess) throws {
    guard process.ranProgram, !process.isDoomed else { return }
    let id = process.container
    try require(!process.lives, "\(id) is put away while its program runs")
    let record = store.durable[id]
    try require(
      record?.phase == .ended || record?.phase == .waiting || record?.phase == .removing,
      "\(id) is put away before its end is durable")
    if let record, record.process == process.identity { try checkEnd(record) }
  }

  private func deleteFiles(_ id: UInt64) throws {
    if let record = store.written[id], kernel.last(id)?.isReleased ?? true {
      try require(store.durable[id]?.phase == .removing, "files of \(id) go while its record says \(record.phase)")
    }
    try require(!kernel.cgroups.contains(id), "files of \(id) go before it is put away")
    kernel.files.remove(id)
    try pass()
    kernel.logs.remove(id)
  }

  // MARK: Processes

  func execs(_ identity: ProcessIdentity, _ launcher: Int) throws {
    guard let index = kernel.index(of: identity), kernel.processes[index].lives else { return }
    let id = kernel.processes[index].container
    let isHeard = launcher == agent && supervisor != nil
    if !isCalm, random.oneIn(10) {
      note("exec of \(id) fails")
      if isHeard { answer(.startFailed("no such file"), id: id) }
      return ends(identity, .exited(code: 127))
    }
    note("the program of \(id) runs")
    try leases.checkStart(of: id, self)
    try require(
      !kernel.processes.contains { $0.container == id && $0.runsProgram }, "two programs of \(id) run at once")
    try require(!promises.isStopped(id), "\(id) runs again although it was stopped")
    kernel.processes[index].runsProgram = true
    kernel.processes[index].ranProgram = true
    if isHeard { answer(.started, id: id) }
    guard !isCalm, !random.oneIn(3) else { return }
    let cause = random.pick([.exited(code: 0), .exited(code: 3), .killed(signal: 11)] as [ContainerEnd.Cause])
    after(random.below(random.pick([5, 500, 30_000])), .ends(identity, cause))
  }

  func ends(_ identity: ProcessIdentity, _ cause: ContainerEnd.Cause) {
    guard let index = kernel.index(of: identity), kernel.processes[index].lives else { return }
    let process = kernel.processes[index]
    note("process of \(process.container) ends: \(cause)")
    kernel.processes[index].end = cause
    kernel.processes[index].runsProgram = false
    let isUnseen = process.parent == .nobody
    if isUnseen { kernel.processes[index].isCollected = true }
    guard supervisor != nil else { return }
    answer(.ended(isUnseen ? .unknown("it is nobody's child") : cause), id: process.container)
  }
}
