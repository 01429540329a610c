import Basics
import CSystem
import LinuxSystem
import MicroAgent

/// The tiny process above the agent: starts it again when it dies, and keeps meanwhile what the kernel would lose with it.
///
/// It is the child subreaper, so the containers of a dead agent become its children and it learns how they end. It holds
/// each container's log pipe and log ring, so that no line is lost while no agent reads. A new agent is given all of that.
/// It does nothing else, and touches neither libuv nor the store, so that there is little that could go wrong in it.
struct Keeper {
  /// How a container's first process ended, until an agent has made that durable.
  private struct End {
    var process: Int32
    var code: Int32
    var bySignal: Bool
    var neverRan: Bool
    /// Whether the present agent was told.
    var isTold = false
  }

  private struct Held {
    var container: UInt64
    var pipe: CInt
    var ring: CInt
  }

  /// An agent that dies sooner than this after its start is started again only after a pause.
  private static let healthyMilliseconds: UInt64 = 10_000
  private static let firstPauseMilliseconds: UInt64 = 100
  private static let longestPauseMilliseconds: UInt64 = 5_000
  /// As many ends as containers and a few; further zombies wait in the kernel.
  private static let maximumEnds = 512

  private var held: [Held] = []
  private var ends: [End] = []
  private var link: CInt = -1
  private var agent: Int32 = 0
  private var agentStarted = Instant(nanoseconds: 0)
  /// How the agent before the present one ended.
  private var before: ResetHistory.AgentEnd?
  private var generation: UInt32 = 0
  private var nextStart = Instant(nanoseconds: 0)
  private var pauseMilliseconds: UInt64 = 0
  private var isStopping = false
  /// The present agent has taken over.
  private var agentListens = false

  /// Runs until the agent ends by itself; returns what the process should exit with.
  /// - Parameter runAgent: the agent's whole life, called in a child process with its end of the link.
  mutating func run(_ runAgent: (AgentLife) -> CInt) throws(SystemError) -> CInt {
    try check(system_set_child_subreaper(), "become the child subreaper")
    let signals: [CInt] = [SIGCHLD, SIGTERM, SIGINT, SIGHUP]
    let descriptor = signals.withUnsafeBufferPointer { system_signal_descriptor($0.baseAddress, $0.count) }
    let signalSource = FileDescriptor(owning: try check(descriptor, "watch signals"))
    while true {
      if agent == 0 {
        if isStopping { return AgentExit.ended }
        if Clock.now() >= nextStart { try startAgentOrWait(runAgent) }
      }
      waitForNews(signalSource.rawValue)
      takeSignals(signalSource.rawValue)
      if let code = collectEnds() { return code }
      listen()
      tellRest()
    }
  }

  // MARK: The agent

  /// A board that ended the agent for want of memory may have none for the next one yet. What is held must not go
  /// meanwhile, so only the first agent has to start at once.
  private mutating func startAgentOrWait(_ runAgent: (AgentLife) -> CInt) throws(SystemError) {
    do throws(SystemError) {
      try startAgent(runAgent)
    } catch {
      if generation == 0 { throw error }
      Diagnostics.line("\(error): trying again")
      delayStart()
    }
  }

  private mutating func startAgent(_ runAgent: (AgentLife) -> CInt) throws(SystemError) {
    let (ours, theirs) = try MessageSocket.pair()
    let process = system_fork()
    if process < 0 {
      _ = system_close(ours)
      _ = system_close(theirs)
      try check(process, "fork", "the agent")
    }
    generation += 1
    if process == 0 {
      _ = system_close(ours)
      for item in held { closeAll(item) }
      _ = system_unblock_all_signals()
      system_exit(runAgent(AgentLife(link: theirs, generation: generation, before: before)))
    }
    _ = system_close(theirs)
    link = ours
    agent = process
    agentStarted = Clock.now()
    agentListens = false
    // What it took to come here is the agent's now.
    ProgramMemory.release()
  }

  /// The agent is gone. Decides when the next one starts: at once, but later each time where they keep dying young.
  private mutating func agentEnded(_ status: system_exit_status) {
    listen()  // what it still said counts
    agent = 0
    let number = UInt64(truncatingIfNeeded: status.code)
    before = ResetHistory.AgentEnd(
      status.by_signal != 0 ? .agentKilled(signal: number) : .agentEnded(code: number),
      uptimeSeconds: Clock.now().milliseconds(since: agentStarted) / 1000)
    _ = system_close(link)
    link = -1
    if Clock.now().milliseconds(since: agentStarted) >= Self.healthyMilliseconds { pauseMilliseconds = 0 }
    delayStart()
  }

  private mutating func delayStart() {
    nextStart = Clock.now().advanced(milliseconds: pauseMilliseconds)
    pauseMilliseconds = min(max(pauseMilliseconds * 2, Self.firstPauseMilliseconds), Self.longestPauseMilliseconds)
  }

  /// Whether the agent's end is the keeper's, too: an exit code is the agent's own word, anything else was done to it. An
  /// agent that cannot start although one before it could is tried again.
  private func endsWithAgent(_ status: system_exit_status) -> Bool {
    if isStopping { return true }
    if status.by_signal != 0 || status.code == AgentExit.restart { return false }
    return status.code == AgentExit.ended || status.code == AgentExit.factoryReset || generation == 1
  }

  /// Gives a new agent all there is. It asked for it and does nothing but read, so waiting for it is safe.
  private mutating func tellState() {
    for item in held {
      _ = send(KeeperMessage(.held, container: item.container), [item.pipe, item.ring], wait: true)
    }
    for index in ends.indices { ends[index].isTold = tell(ends[index], wait: true) }
    _ = send(KeeperMessage(.complete), wait: true)
    agentListens = true
  }

  /// Tells what could not be told before because the link was full.
  private mutating func tellRest() {
    guard link >= 0, agentListens else { return }
    for index in ends.indices where !ends[index].isTold {
      ends[index].isTold = tell(ends[index], wait: false)
    }
  }

  private func tell(_ end: End, wait: Bool) -> Bool {
    let message = KeeperMessage(
      .ended, process: end.process, code: end.code, bySignal: end.bySignal, neverRan: end.neverRan)
    return send(message, wait: wait)
  }

  /// False where the message did not go out: the link is full, or the agent gone.
  private func send(_ message: KeeperMessage, _ descriptors: [CInt] = [], wait: Bool) -> Bool {
    let bytes = message.bytes
    return system_send_message(link, bytes, bytes.count, descriptors, descriptors.count, wait ? 1 : 0) > 0
  }

  // MARK: News

  private func waitForNews(_ signalSource: CInt) {
    let sources = [signalSource, link]
    var readable: [CInt] = [0, 0]
    let count = link >= 0 ? 2 : 1
    if agent == 0 {
      let pause = CInt(nextStart.milliseconds(since: Clock.now()))
      _ = system_wait_readable(sources, &readable, count, pause)
    } else {
      _ = system_wait_quietly(sources, &readable, count, CInt(quietMilliseconds))
    }
  }

  /// What an agent says at its start it says once, and its memory is at its peak meanwhile: nothing is kept for more of it.
  private var quietMilliseconds: UInt64 {
    let age = Clock.now().milliseconds(since: agentStarted)
    return age < ProgramMemory.quietMilliseconds ? 0 : ProgramMemory.quietMilliseconds
  }

  private mutating func takeSignals(_ source: CInt) {
    while true {
      let signal = system_next_signal(source)
      if signal < 0 { return }
      if signal == SIGTERM || signal == SIGINT {
        isStopping = true
        if agent != 0 { _ = system_kill(agent, SIGTERM) }
      }
    }
  }

  /// Collects whatever ended. Returns an exit code when the agent ended by its own decision.
  private mutating func collectEnds() -> CInt? {
    while true {
      var status = system_exit_status()
      // Where no more ends can be kept, the agent's still counts: only a new one takes them.
      let isFull = ends.count >= Self.maximumEnds
      if isFull && agent == 0 || system_wait(isFull ? agent : 0, 1, &status) < 0 || status.process == 0 { break }
      let neverRan = ProcessStatus(of: status.process)?.hasExecuted == false
      if system_wait(status.process, 0, &status) < 0 { break }
      if status.process == agent {
        agentEnded(status)
        if endsWithAgent(status) { return status.by_signal == 0 ? status.code : AgentExit.ended }
      } else {
        ends.append(
          End(process: status.process, code: status.code, bySignal: status.by_signal != 0, neverRan: neverRan))
      }
    }
    return nil
  }

  private mutating func listen() {
    while link >= 0 {
      var bytes = [UInt8](repeating: 0, count: KeeperMessage.byteCount)
      var descriptors = [CInt](repeating: -1, count: SYSTEM_MESSAGE_DESCRIPTORS)
      var count = 0
      let received = system_receive_message(link, &bytes, bytes.count, &descriptors, &count, 0)
      guard received > 0 else { return }
      take(KeeperMessage(bytes[..<Int(received)]), Array(descriptors[..<count]))
    }
  }

  private mutating func take(_ message: KeeperMessage?, _ descriptors: [CInt]) {
    guard let message else {
      for descriptor in descriptors { _ = system_close(descriptor) }
      return
    }
    switch message.kind {
    case .hold where descriptors.count == 2:
      drop(message.container)
      held.append(Held(container: message.container, pipe: descriptors[0], ring: descriptors[1]))
    case .drop:
      drop(message.container)
    case .forgetEnd:
      ends.removeAll { $0.process == message.process }
    case .tellAll:
      tellState()
    case .hold, .held, .ended, .complete:
      for descriptor in descriptors { _ = system_close(descriptor) }
    }
  }

  private mutating func drop(_ container: UInt64) {
    for item in held where item.container == container { closeAll(item) }
    held.removeAll { $0.container == container }
  }

  private func closeAll(_ item: Held) {
    _ = system_close(item.pipe)
    _ = system_close(item.ring)
  }
}

/// What an agent is born with.
struct AgentLife {
  /// Its end of the link to the keeper, which it owns.
  let link: CInt
  /// 1 for the first agent of this keeper.
  let generation: UInt32
  /// How the agent before it ended; nil: it is this keeper's first.
  let before: ResetHistory.AgentEnd?
}
