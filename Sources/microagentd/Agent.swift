import Basics
import CSystem
import EventLoop
import LinuxSystem
import MicroAgent
import Microcloud
import Store

/// Why the agent could not start; the line is for people.
struct StartError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) {
    self.description = description
  }
}

/// The agent: carries requests and events to the supervisor, and its effects to the store, the containers and the clients.
final class Agent {
  /// As the file says, but for the owner (`Ownership`), and for what the owner gave instead (`GivenSettings`).
  let configuration: Configuration
  let loop: EventLoop
  let store: Store
  let host: ContainerHost
  let server: ControlServer
  let network: NodeNetwork
  /// Nil: the board is no gateway.
  let gateway: Gateway?
  let images: ImageKeeping
  let execs: ExecHost
  let life: AgentLife
  var ownership: Ownership
  var settings: GivenSettings
  /// What containers may have of the board at all.
  let capacity: Resources
  /// What the node gives to others.
  var offer: Offer
  let started: Instant
  /// The last things that happened.
  var events = EventRecorder(startedSeconds: Clock.wallSeconds())
  /// What a person should know about this node, oldest first: shown by `microctl info`.
  var notices: [String] = []

  let table: ContainerTable
  let leaseTable: LeaseTable
  let items: ItemTable
  var audit: AuditTrail
  let keeper: KeeperLink
  let manager = ServiceManager()
  /// Of which it takes care; nil: somebody else does.
  var board: Board?
  let hasConfigurationProblem: Bool
  var health = Health()
  var checks = HealthChecks()
  private(set) var checkAlarm: Alarm?
  /// Why watchdogs are told nothing.
  var illness: String?
  let keeperProcess = system_parent()
  var supervisor: Supervisor
  /// Effects still to be carried out, in order.
  private var effects: [Effect] = []
  private var isPerforming = false
  /// A container has changed in the eyes of others.
  private var hasChanged = false
  /// Requests that the supervisor will answer.
  private var pending: [(token: UInt64, request: ControlRequest)] = []
  private var nextToken: UInt64 = 1
  private var deadlineTimer: Timer?
  var watchdogTimer: Timer?
  private let programMemory: ProgramMemoryKeeper
  /// Writes that found the disk full.
  private var retries: [() -> Void] = []
  private var retryTimer: Timer?
  var hasRetries: Bool { !retries.isEmpty }
  private static let retryMilliseconds: UInt64 = 1000
  private var watchers: [DescriptorWatcher] = []
  private var signals: [SignalWatcher] = []
  private(set) var exitCode: CInt = 0

  /// Opens everything, takes over what an earlier agent left, and listens.
  init(_ setup: AgentSetup, _ life: AgentLife) throws(StartError) {
    self.life = life
    var configuration = setup.configuration
    hasConfigurationProblem = !setup.problems.isEmpty
    notices = setup.problems
    keeper = KeeperLink(owning: life.link)
    do throws(SystemError) {
      loop = try EventLoop()
      try Files.makeDirectories(configuration.stateDirectory, mode: 0o711)
      try Files.makeDirectories(configuration.runtimeDirectory, mode: 0o750)
    } catch {
      throw StartError("\(error)")
    }
    started = loop.now
    programMemory = ProgramMemoryKeeper(on: loop)
    let content: ContainerTable.Content
    let leases: LeaseTable.Content
    let remembered: [ItemTable.Item]
    let kept: ImageInventory
    do throws(StoreError) {
      let opened = try Store.open(configuration.storePath, schema: ContainerTable.schema)
      content = try ContainerTable.read(opened)
      leases = try LeaseTable.read(opened)
      remembered = try ItemTable.read(opened)
      kept = try ImageTable.read(opened)
      store = try opened.startWriter()
      if let name = opened.setAside {
        let line = "the store was damaged and is set aside as \(name): the containers it knew are ended"
        notices.append(line)
        Diagnostics.line(line)
      }
    } catch {
      throw StartError("\(error)")
    }
    // Each step of the start needs much code, and no other needs it again.
    ProgramMemory.release()
    table = ContainerTable(store: store)
    leaseTable = LeaseTable(store: store)
    let items = ItemTable(store, remembered)
    self.items = items
    audit = AuditTrail { items[Agent.slotName($0)] }
    settings = GivenSettings(over: configuration, kept: items[NodeMemory.Item.settings.name])
    do throws(RequestError) { configuration = try settings.start() } catch {
      let line = "settings given over the network do not go with the file, which counts alone"
      notices.append("\(line): \(error): `microctl unset` them, or change the file")
    }
    let memory = NodeMemory(items, configuredKeys: configuration.node.gossipKeys)
    ownership = Ownership(configured: configuration.node.owner, kept: memory.bytes(.owner))
    configuration.node.owner = ownership.owner
    self.configuration = configuration
    let identity = try NodeIdentity(configuration)
    ProgramMemory.release()
    host = try ContainerHost(configuration, on: loop, keeper: keeper)
    images = try ImageKeeping(configuration, kept, ImageTable(store: store), host.launcher, on: loop)
    execs = try ExecHost(host.launcher, on: loop)
    ProgramMemory.release()
    capacity = BoardFacts.amount(memoryBytes: host.offerBytes, stateDirectory: configuration.stateDirectory)
    offer = Offer(
      configuration.offer, of: capacity, standing: configuration.node.standing,
      abilities: BoardFacts.abilities(
        cgroupVersion: host.cgroupVersion, keepsDiskBudgets: host.files.keepsBudgets))
    let free = offer.amount.memoryBytes
    do throws(SystemError) {
      network = try NodeNetwork(
        configuration.node, home: configuration.board.homeInterfaces, identity, memory, freeMemoryBytes: free, on: loop)
    } catch {
      throw StartError("\(error)")
    }
    gateway = Gateway(configuration)
    var authority = Authority(configuration.node)
    authority.restore(revocations: memory.bytes(.revocations), time: memory.bytes(.latestIssued))
    server = ControlServer(authority, on: loop)
    supervisor = Supervisor(
      nextID: max(content.nextID, host.files.nextID), limits: offer.limits(of: capacity), policy: offer.policy,
      leases: Leases(leases, boot: host.boot), wallSeconds: Clock.wallSeconds)
    _ = supervisor.setDraining(items[Self.drainItem] == [1])
    do throws(SystemError) {
      try listen(as: identity)
      try recover(content.containers, leases.leases)
      ProgramMemory.release()
      adoptForEvents()
      tellNetwork()
      gateway?.open(for: network.services.entries)
      network.onServices = { [unowned(unsafe) self] in gateway?.update(for: $0) }
      network.onMember = { [unowned(unsafe) self] in noteMember($0, $1, $2) }
      network.offer = { [unowned(unsafe) self] in offer.value(supervisor.ledger, isDraining: supervisor.isDraining) }
      try network.start()
      if let root = setup.board {
        try takeOver(Board(root, kept: items[Self.resetsItem] ?? []))
      }
    } catch {
      close()
      throw StartError("\(error)")
    }
  }

  /// Runs until told to end. Containers go on.
  func run() -> CInt {
    manager.tell("READY=1\nSTATUS=\(supervisor.count) containers")
    Diagnostics.line("ready")
    ProgramMemory.release()
    programMemory.requestCame()
    loop.run()
    close()
    return exitCode
  }

  /// Takes leave of the neighbours, and ends.
  private func leave() {
    manager.tell("STOPPING=1")
    noteWantedEnd()
    network.leave { [self] in end(0, nil) }
  }

  func end(_ code: CInt, _ reason: String?) {
    if let reason { Diagnostics.line(reason) }
    exitCode = code
    loop.stop()
  }

  private func close() {
    board?.close()
    server.close(forGood: exitCode != AgentExit.restart)
    network.close()
    host.close()
    images.close()
    execs.close()
    store.close()
    for watcher in watchers { watcher.close() }
    for signal in signals { signal.close() }
    deadlineTimer?.close()
    checkAlarm?.close()
    checkAlarm = nil
    retryTimer?.close()
    retries = []
    watchdogTimer?.close()
    programMemory.close()
  }

  // MARK: Listening

  private func listen(as identity: NodeIdentity) throws(SystemError) {
    host.onEvent = { [self] event, id in handle(event, id) }
    host.logs.onGrowth = { [self] id in
      server.forEachClient { $0.logGrew(of: id) }
    }
    server.onRequest = { [self] request in
      programMemory.requestCame()
      answer(request)
    }
    server.onState = { [unowned(unsafe) self] in state(of: $0) }
    followRevocations()
    checkAlarm = try Alarm(on: loop) { [unowned(unsafe) self] in checkHealth() }
    execs.onEnd = { [unowned(unsafe) self] name in
      if name.isCheck { return checkEnded(name) }
      server.forEachClient { $0.changed(.exec(name)) }
    }
    execs.onOutput = { [unowned(unsafe) self] output in
      server.forEachClient { $0.outputCame(output) }
    }
    images.isUsed = { [unowned(unsafe) self] in !containers(of: $0).isEmpty }
    host.imageRoot = { [unowned(unsafe) self] in imageRoot(of: $0) }
    images.blobs.onRoom = { [unowned(unsafe) self] in server.continueSoon() }
    server.isBackedUp = { [unowned(unsafe) self] in images.blobs.isFull }
    deadlineTimer = try Timer(on: loop) { [self] in
      perform(supervisor.tick(now: loop.now))
    }
    retryTimer = try Timer(on: loop) { [self] in retryAll() }
    try programMemory.start()
    items.onFailure = { [self] in retry($0) }
    let storeWatcher = try watch(store.descriptor) { [self] in storeSpoke() }
    store.onWritableInterest = { wants in try? storeWatcher.start(wants ? [.readable, .writable] : .readable) }
    _ = try watch(keeper.descriptor) { [self] in keeperSpoke() }
    for signal in [SIGTERM, SIGINT] {
      signals.append(try SignalWatcher(on: loop, signal: signal) { [self] in leave() })
    }
    host.watchMachine { [self] in
      if !supervisor.pressure.isShort(now: loop.now) {
        Diagnostics.line("everything waits for memory: no leases are given until that is over for a minute")
        noteMemoryShort()
      }
      perform(supervisor.waitedForMemory(now: loop.now))
    }
    try server.listen(path: configuration.controlSocket)
    if configuration.node.isAmongOthers {
      try server.listen(port: configuration.node.coapPort, as: identity.credential)
      network.datagrams = server.datagrams
    }
    if let period = manager.watchdogMilliseconds { try feedWatchdog(every: period) }
  }

  private func watch(_ descriptor: CInt, _ call: @escaping () -> Void) throws(SystemError) -> DescriptorWatcher {
    let watcher = try DescriptorWatcher(on: loop, borrowing: descriptor) { _ in call() }
    try watcher.start(.readable)
    watchers.append(watcher)
    return watcher
  }

  private func storeSpoke() {
    store.handleCompletion()
    if let failure = store.failure {
      // What the disk holds is not known any more. A new agent reads it again, and finds the containers as they are.
      end(AgentExit.restart, failure.description)
    }
  }

  /// Nobody knows what became of what was written: the next agent finds out, and this one does and says nothing any more.
  var hasLostStore: Bool { store.failure != nil }

  private func keeperSpoke() {
    if !host.hearKeeper() { end(1, "the keeper is gone: ending, containers go on") }
  }

  // MARK: Requests, events, effects

  /// Gives a request to the supervisor, which answers under the token that `call` is given.
  func ask(_ request: ControlRequest, _ call: (inout Supervisor, UInt64, Instant) -> [Effect]) {
    let token = nextToken
    nextToken += 1
    pending.append((token, request))
    perform(call(&supervisor, token, loop.now))
  }

  /// Has the supervisor do something that nobody is answered for.
  func change(_ call: (inout Supervisor) -> [Effect]) {
    perform(call(&supervisor))
  }

  func handle(_ event: Event, _ id: UInt64) {
    if case .ended(let cause) = event, cause != .exited(code: 0), let container = supervisor.container(id: id) {
      Diagnostics.line("container \(container.name) ended: \(ContainerEnd(cause: cause))")
    }
    perform(supervisor.handle(event, id: id, now: loop.now))
  }

  /// Carries effects out in order; what they lead to is appended behind them.
  func perform(_ new: [Effect]) {
    if !new.isEmpty { programMemory.containersChange() }
    effects += new
    if isPerforming { return }
    isPerforming = true
    while !effects.isEmpty {
      let effect = effects.removeFirst()
      CrashPoint.pass(effect.crashPointName)
      perform(effect)
    }
    isPerforming = false
    armDeadline()
    if hasChanged { tellNetwork() }
  }

  /// What is free and what is offered has changed, perhaps.
  func tellNetwork() {
    hasChanged = false
    let free = supervisor.isDraining ? 0 : supervisor.ledger.leasable.memoryBytes
    network.update(freeMemoryBytes: free, contained: publications { $0.phase == .running })
    showLights()
  }

  /// What these containers publish.
  func publications(ofThose isIncluded: (Container) -> Bool) -> [OwnServices.Entry] {
    supervisor.containers.filter(isIncluded).flatMap { container in
      container.request.publications.map { OwnServices.Entry($0, container: container.name, order: container.id) }
    }
  }

  private func perform(_ effect: Effect) {
    switch effect {
    case .launch(let id):
      if let container = supervisor.container(id: id) { host.launch(container) }
    case .save(let id, let revision):
      save(id, revision)
    case .release(let id):
      host.release(id)
    case .signal(let id, let signal):
      host.signal(id, CInt(signal))
    case .killAll(let id):
      host.killAll(id)
    case .throttle(let id, let isThrottled):
      if let container = supervisor.container(id: id) { host.throttle(container, isThrottled) }
    case .pause(let id, let isPaused):
      host.pause(id, isPaused)
    case .shrink(let id, let memoryBytes):
      host.shrink(id, to: memoryBytes)
    case .limit(let id):
      if let container = supervisor.container(id: id) { host.limit(container) }
    case .putAway(let id):
      host.putAway(id)
    case .deleteFiles(let id):
      host.deleteFiles(id)
    case .forget(let id):
      forget(id)
    case .reply(let token, let reply):
      self.reply(token, reply)
    case .changed(let id):
      hasChanged = true
      tellObservers(id)
    case .saveLease(let id, let revision, let isUrgent):
      saveLease(id, revision, isUrgent: isUrgent)
    case .forgetLease(let id):
      forgetLease(id)
    case .leaseChanged(let id):
      hasChanged = true
      tellLeaseObservers(id)
    }
  }

  func retry(_ call: @escaping () -> Void) {
    retries.append(call)
    retryTimer?.start(milliseconds: Self.retryMilliseconds)
  }

  private func retryAll() {
    let calls = retries
    retries = []
    for call in calls { call() }
  }

  private func reply(_ token: UInt64, _ reply: Reply) {
    guard let index = pending.firstIndex(where: { $0.token == token }) else { return }
    let request = pending.remove(at: index).request
    switch reply {
    case .done(let name): respond(Responses.done(request, name: name), to: request)
    case .lease(let id):
      do throws(RequestError) { respond(Responses.lease(try lease(id), request), to: request) } catch {
        respond(error.response(token: request.token), to: request)
      }
    case .failed(let error): respond(error.response(token: request.token), to: request)
    }
  }

  private func tellObservers(_ id: UInt64) {
    noteContainer(id)
    let container = supervisor.container(id: id)
    if let container { followHealth(of: container) }
    let isOver = container.map { !$0.isAlive && $0.phase != .created && $0.phase != .waiting } ?? true
    server.forEachClient { client in
      if isOver { client.logEnded(of: id) }
      client.changed(.container(id))
    }
  }

  private func armDeadline() {
    guard let deadline = supervisor.nextDeadline else { return deadlineTimer?.stop() ?? () }
    deadlineTimer?.start(milliseconds: deadline.milliseconds(since: loop.now))
  }
}
