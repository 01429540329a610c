import CSystem
import Cgroups
import ContainerRunner
import EventLoop
import LinuxSystem
import MicroAgent

/// How containers end, and how that is learnt.
extension ContainerHost {
  /// The pidfd says that the first process has ended. Its zombie, if it is ours, stays until the end is durable.
  func processEnded(_ entry: LiveContainer) {
    guard !entry.hasEnded, let process = entry.identity?.process else { return }
    if entry.isOwnChild {
      var status = system_exit_status()
      if system_wait(process, 1, &status) == 0, status.process == process {
        return ended(entry, code: status.code, bySignal: status.by_signal != 0)
      }
    }
    if let end = reportedEnds.first(where: { $0.process == process }) {
      return ended(entry, code: end.code, bySignal: end.bySignal)
    }
    // The keeper collects it in a moment and says how it ended.
    if entry.isKeepersChild { return }
    entry.hasEnded = true
    logs.finish(entry.id)
    tell(.ended(unseenEnd(entry, "it ended while neither the agent nor its keeper was its parent")), entry.id)
  }

  /// The keeper has something to say. False: it is gone.
  func hearKeeper() -> Bool {
    guard let ends = keeper.receiveEnds() else { return false }
    for end in ends {
      guard let entry = live.first(where: { $0.identity?.process == end.process }) else {
        // Of nobody that is known: the sweeper of an earlier agent, or a child that was never recorded.
        keeper.forgetEnd(of: end.process)
        continue
      }
      reportedEnds.append(end)
      if !entry.hasEnded { ended(entry, code: end.code, bySignal: end.bySignal) }
    }
    return true
  }

  private func ended(_ entry: LiveContainer, code: Int32, bySignal: Bool) {
    CrashPoint.pass("its end was seen")
    entry.hasEnded = true
    entry.readFailureReport()
    logs.finish(entry.id)
    CrashPoint.pass("its last output is read")
    if entry.isOwnChild, !entry.hasStarted, let failure = startFailure(entry, code: code, bySignal: bySignal) {
      return tell(.startFailed(failure), entry.id)
    }
    if !entry.hasStarted, entry.isOwnChild {
      // Its program ran so shortly that its end was seen before its beginning.
      entry.hasStarted = true
      tell(.started, entry.id)
    }
    tell(.ended(cause(entry, code: code, bySignal: bySignal)), entry.id)
  }

  /// Why the program never ran; nil: it did.
  private func startFailure(_ entry: LiveContainer, code: Int32, bySignal: Bool) -> String? {
    if let plan = entry.plan, let failure = ContainerProcess.parseFailure(entry.failureReport, of: plan) {
      return entry.metMemoryLimit
        ? "\(failure): its memory budget is too small to start in" : Processor.line(failure)
    }
    if entry.isReleased, entry.identity.flatMap({ ProcessStatus(of: $0.process) })?.hasExecuted ?? true { return nil }
    let how = bySignal ? "killed by signal \(code)" : "ended with code \(code)"
    let why = entry.metMemoryLimit ? ": its memory budget is too small to start in" : ""
    return "container \(entry.name): set up: \(how)\(why)"
  }

  /// A container that lost a process to its memory budget ends by that, whatever its first process made of it.
  private func cause(_ entry: LiveContainer, code: Int32, bySignal: Bool) -> ContainerEnd.Cause {
    if entry.metMemoryLimit { return outOfMemory(entry) }
    return bySignal
      ? .killed(signal: UInt8(truncatingIfNeeded: code)) : .exited(code: UInt8(truncatingIfNeeded: code))
  }

  /// Of an end that nobody saw, the control group may still tell that the memory budget was its cause.
  private func unseenEnd(_ entry: LiveContainer, _ why: String) -> ContainerEnd.Cause {
    entry.metMemoryLimit ? outOfMemory(entry) : .unknown(why)
  }

  private func outOfMemory(_ entry: LiveContainer) -> ContainerEnd.Cause {
    let peak = entry.cgroup?.usage().memoryPeakBytes ?? entry.memoryLimitBytes
    return .outOfMemory(limitBytes: entry.memoryLimitBytes, peakBytes: peak)
  }

  // MARK: Taking over

  /// What of a container, as an earlier agent recorded it, is still there. Live ones are watched from here on.
  /// - Parameter status: what the kernel said of its process before the keeper told which had ended.
  func observe(_ container: Container, _ status: ProcessStatus?) -> Observation {
    let entry = launcher.entry(for: container)
    live.append(entry)
    guard let identity = container.process else { return .neverRan }
    entry.identity = identity
    guard identity.boot == boot else { return .gone("the board was restarted") }
    if let end = reportedEnds.first(where: { $0.process == identity.process }) {
      entry.hasEnded = true
      logs.finish(container.id)
      if end.neverRan { return .neverRan }
      return .ended(cause(entry, code: end.code, bySignal: end.bySignal))
    }
    guard let status, status.startTicks == identity.startTicks else {
      return .ended(unseenEnd(entry, "it ended while neither the agent nor its keeper was there"))
    }
    entry.isKeepersChild = status.parent == system_parent()
    let runsProgram = container.phase != .starting || hasBegun(identity.process)
    do throws(SystemError) {
      try adopt(entry, container)
    } catch {
      // The keeper will say how.
      if !entry.isKeepersChild { return .gone("it ended while it was taken over: \(error)") }
    }
    entry.isReleased = true
    entry.hasStarted = runsProgram
    return .alive(runsProgram: runsProgram)
  }

  private func adopt(_ entry: LiveContainer, _ container: Container) throws(SystemError) {
    let process = container.process?.process ?? 0
    let pidfd = FileDescriptor(owning: try check(system_pidfd_open(process), "watch process", "\(process)"))
    entry.child = try ChildWatcher(on: loop, pidfd: pidfd) { [self] in processEnded(entry) }
    if logs.log(of: container.id) == nil {
      let capacity = container.request.budget.logBytes
      // Without a keeper the log so far is lost; a container that has closed its output has no more to lose.
      try? logs.reopen(container.id, output: "/proc/\(process)/fd/1", capacityBytes: capacity)
    }
    try? logs.watch(container.id)
    // An earlier agent may have slowed it down, or was to change its budget.
    limit(container)
    watchMemory(entry)
  }

  /// Whether a process that was recorded before it was let go runs its program. One that does not never will: it is stopped
  /// before it is looked at, for it may just have been let go, and the supervisor, told that it never ran, starts another.
  private func hasBegun(_ process: Int32) -> Bool {
    _ = system_kill(process, SIGSTOP)
    if ProcessStatus(of: process)?.hasExecuted == false { return false }
    _ = system_kill(process, SIGCONT)
    return true
  }

  /// Takes over the keeper's logs and ends.
  func takeOver(_ state: KeeperLink.State, _ containers: [Container]) throws(SystemError) {
    reportedEnds = state.ends
    for held in state.logs {
      let request = containers.first { $0.id == held.container }?.request
      try logs.adopt(held, capacityBytes: request?.budget.logBytes ?? 0)
    }
  }

  /// Those whose processes are there stay in the network.
  private func recoverBridge(_ containers: [Container]) {
    let alive = live.filter { $0.identity != nil && !$0.hasEnded }
    bridge.recover(
      containers.filter { container in
        container.request.network == .bridge && alive.contains { $0.id == container.id }
      })
    for entry in alive { entry.isOnBridge = bridge.has(entry.id) }
  }

  /// Removes what belongs to no container: left by an agent that died before it could record one.
  func removeUnclaimed(_ containers: [Container]) {
    files.deleteAllNetworkFiles()
    recoverBridge(containers)
    logs.removeAll(except: containers.map { $0.id })
    files.deleteAll(except: containers.map { $0.id })
    let claimed = live.compactMap { $0.identity?.process }
    for end in reportedEnds where !claimed.contains(end.process) { keeper.forgetEnd(of: end.process) }
    reportedEnds.removeAll { !claimed.contains($0.process) }
    for name in launcher.groupNames() where !containers.contains(where: { $0.name == name }) {
      busy.append(LiveContainer(id: 0, name: name, cgroup: try? launcher.cgroup(of: name), memoryLimitBytes: 0))
    }
    removeBusyNow()
  }
}
