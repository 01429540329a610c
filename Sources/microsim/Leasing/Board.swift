import Basics
import MicroAgent
import Microcloud

/// What a node does for others: the `Supervisor` with its ledger and leases, as they ship, on a board whose disk takes its
/// time or is full, and whose programs now and then crash. It carries the supervisor's effects out as the daemon does.
final class Board {
  /// What others may lease of it: a board of 64 MB, of which a few have enough.
  static let offer = Resources(
    memoryBytes: 24 << 20, cpuMillis: 800, diskBytes: 1 << 30, processes: 600, containers: 5)
  static let limits = Ledger.Limits(
    board: Resources(memoryBytes: 48 << 20, cpuMillis: 1000, diskBytes: 1 << 30, processes: 1000, containers: 12),
    offer: offer, sharePercent: 60)
  private static let slowestWriteMilliseconds: UInt64 = 400
  private static let retryMilliseconds: UInt64 = 1000
  /// The answer to one request for a container in so many is lost.
  private static let muteOneIn: UInt64 = 8

  /// A container's first process.
  private struct Program {
    let container: UInt64
    let identity: ProcessIdentity
    var runs = false
    var end: ContainerEnd.Cause?
  }

  private unowned let node: SimulatedNode
  private unowned let world: World
  private unowned let control: ControlPart
  private(set) var supervisor: Supervisor
  private let boot: String
  /// It has taken over what was stored.
  private(set) var isReady = false
  private var programs: [Program] = []
  private var asked: [UInt64: (request: APIRequest, answer: (CoAPMessage) -> Void)] = [:]
  private var lastToken: UInt64 = 0
  private var lastProcess: Int32 = 1
  /// When the store will have written what it was given; it keeps the order.
  private var isWrittenAt = Instant(nanoseconds: 0)

  init(_ node: SimulatedNode, in world: World, _ control: ControlPart) {
    (self.node, self.world, self.control) = (node, world, control)
    boot = "boot \(node.life)"
    let stored = node.store.board.content
    supervisor = Supervisor(
      nextID: stored.highestContainer + 1, limits: Self.limits,
      leases: Leases(
        nextID: stored.highestLease + 1, firstGeneration: UInt32(node.random.below(1 << 30)), boot: boot)
    ) { [unowned world] in world.now.nanoseconds / 1_000_000_000 }
  }

  var nextDeadline: Instant? { supervisor.nextDeadline }

  /// The containers whose programs run.
  var running: [Container] { programs.filter { $0.runs }.compactMap { supervisor.container(id: $0.container) } }

  func start(now: Instant) {
    let stored = node.store.board.content
    perform(supervisor.adopt(leases: stored.leasesInOrder, now: now))
    for container in stored.containersInOrder {
      perform(supervisor.adopt(container, .gone("the board was restarted"), now: now))
    }
    isReady = true
    perform(supervisor.settleAdopted(now: now))
  }

  func tick(now: Instant) {
    if let deadline = supervisor.nextDeadline, deadline <= now { perform(supervisor.tick(now: now)) }
  }

  // MARK: Requests

  /// Answers what a principal asks, now or later.
  func take(_ message: CoAPMessage, of principal: Principal, now: Instant, _ answer: @escaping (CoAPMessage) -> Void) {
    do throws(RequestError) {
      let request = try APIRequest(message)
      if let refusal = Permission.refusal(
        of: request, by: principal, holder: holder(in: request), policy: LeasePolicy())
      {
        throw refusal
      }
      try carryOut(request, principal, now, answer)
    } catch {
      answer(error.response(token: message.token))
    }
  }

  private func holder(in request: APIRequest) -> [UInt8]? {
    switch request {
    case .run(let wish): wish.lease.flatMap { supervisor.holder(ofLease: $0) }
    case .inspectLease(let id, _), .changeLease(let id, _), .releaseLease(let id, _): supervisor.holder(ofLease: id)
    case .inspect(let name, _), .remove(let name, _): supervisor.holder(ofContainer: name)
    default: nil
    }
  }

  private func carryOut(
    _ request: APIRequest, _ principal: Principal, _ now: Instant, _ answer: @escaping (CoAPMessage) -> Void
  ) throws(RequestError) {
    lastToken += 1
    let token = lastToken
    asked[token] = (request, answer)
    switch request {
    case .lease(let wish): perform(supervisor.lease(wish, by: principal, token: token, now: now))
    case .changeLease(let id, let change):
      perform(supervisor.change(lease: id, change, by: principal, token: token, now: now))
    case .releaseLease(let id, let generation):
      world.leaseJudge?.mayEnd(id, on: node)
      perform(supervisor.release(lease: id, generation: generation, by: principal, token: token, now: now))
    case .run(let wish):
      world.leaseJudge?.isAsked(for: wish.name, on: node)
      if node.random.below(Self.muteOneIn) == 0 { control.goMute() }
      perform(supervisor.run(wish, by: principal, token: token, now: now))
    case .remove(let name, let force):
      world.leaseJudge?.mayGo(name, on: node)
      perform(supervisor.remove(named: name, force: force, token: token, now: now))
    case .inspectLease(let id, _):
      asked[token] = nil
      guard let status = supervisor.leaseStatus(id: id, now: now) else { throw RequestError(.notFound, "lease \(id)") }
      answer(CoAPMessage(code: .content, token: [], cbor: status.value))
    case .inspect(let name, _):
      asked[token] = nil
      guard let container = supervisor.container(named: name) else { throw RequestError(.notFound, name) }
      answer(CoAPMessage(code: .content, token: [], cbor: container.value))
    default:
      asked[token] = nil
      throw RequestError(.notAllowed, "it is not simulated")
    }
  }

  private func tell(_ token: UInt64, _ reply: Reply, now: Instant) {
    guard let (request, answer) = asked.removeValue(forKey: token) else { return }
    switch reply {
    case .failed(let error): answer(error.response(token: []))
    case .done:
      answer(CoAPMessage(code: .changed))
      guard case .run(let wish) = request else { return }
      world.leaseJudge?.isPromised(wish, on: node, now: now)
      world.onPromise?(node)
    case .lease(let id):
      guard let status = supervisor.leaseStatus(id: id, now: now) else { return }
      if case .changeLease = request { world.leaseJudge?.isPromised(status, on: node, now: now) }
      answer(CoAPMessage(code: .created, token: [], cbor: status.value))
    }
  }

  // MARK: Effects

  private func perform(_ effects: [Effect]) {
    for effect in effects { carryOut(effect) }
    world.leaseJudge?.look(at: node, self)
  }

  private func carryOut(_ effect: Effect) {
    let now = node.clock.local(world.now)
    switch effect {
    case .launch(let id): launch(id)
    case .save(let id, let revision): save(id, revision)
    case .release(let id): release(id)
    case .signal(let id, _):
      // Some do not care.
      if node.random.below(4) > 0 { end(id, .exited(code: 143), within: 5000) }
    case .killAll(let id): end(id, .killed(signal: 9), within: 20)
    case .putAway(let id):
      programs.removeAll { $0.container == id }
      control.after(milliseconds: node.random.below(20)) { [unowned self] in hear(.wasPutAway, of: id, $0) }
    case .forget(let id): forget(id)
    case .reply(let token, let reply): tell(token, reply, now: now)
    case .saveLease(let id, let revision, _): saveLease(id, revision)
    case .forgetLease(let id):
      write(.deleteLease(id)) { [unowned self] isWritten, now in
        hear(isWritten ? .forgotten : .forgetFailed, ofLease: id, now)
      }
    case .deleteFiles, .changed, .leaseChanged, .throttle, .pause, .shrink, .limit: break
    }
  }

  private func hear(_ event: Event, of id: UInt64, _ now: Instant) {
    perform(supervisor.handle(event, id: id, now: now))
  }

  private func hear(_ event: LeaseEvent, ofLease id: UInt64, _ now: Instant) {
    perform(supervisor.handle(event, lease: id, now: now))
  }

  // MARK: Programs

  private func launch(_ id: UInt64) {
    lastProcess += 1
    let identity = ProcessIdentity(process: lastProcess, startTicks: UInt64(lastProcess), boot: boot)
    programs.append(Program(container: id, identity: identity))
    control.after(milliseconds: 1 + node.random.below(30)) { [unowned self] in hear(.launched(identity), of: id, $0) }
  }

  private func release(_ id: UInt64) {
    control.after(milliseconds: 1 + node.random.below(20)) { [unowned self] now in
      guard let index = programs.lastIndex(where: { $0.container == id }), programs[index].end == nil else { return }
      // An image may be broken.
      if node.random.below(30) == 0 {
        end(id, .exited(code: 127), within: 1)
        return hear(.startFailed("no such program"), of: id, now)
      }
      programs[index].runs = true
      if let container = supervisor.container(id: id) { world.leaseJudge?.begins(container, on: node) }
      hear(.started, of: id, now)
      if node.random.below(3) == 0 { end(id, .exited(code: 1), within: 120_000) }
    }
  }

  private func end(_ id: UInt64, _ cause: ContainerEnd.Cause, within milliseconds: UInt64) {
    guard let program = programs.last(where: { $0.container == id }), program.end == nil else { return }
    control.after(milliseconds: node.random.below(milliseconds)) { [unowned self] now in
      guard let index = programs.firstIndex(where: { $0.identity == program.identity }) else { return }
      end(index, cause, now)
    }
  }

  private func end(_ index: Int, _ cause: ContainerEnd.Cause, _ now: Instant) {
    guard programs[index].end == nil else { return }
    programs[index].end = cause
    programs[index].runs = false
    hear(.ended(cause), of: programs[index].container, now)
  }

  // MARK: The store

  private func save(_ id: UInt64, _ revision: UInt32) {
    guard let record = supervisor.container(id: id) else { return }
    write(.put(record)) { [unowned self] isWritten, now in
      if isWritten { return hear(.saved(revision: revision), of: id, now) }
      guard supervisor.awaitsSave(id: id, revision: revision) else { return }
      if supervisor.container(id: id)?.phase == .starting {
        end(id, .killed(signal: 9), within: 1)
        return hear(.startFailed("the disk is full"), of: id, now)
      }
      control.after(milliseconds: Self.retryMilliseconds) { [unowned self] _ in
        if supervisor.awaitsSave(id: id, revision: revision) { save(id, revision) }
      }
    }
  }

  private func saveLease(_ id: UInt64, _ revision: UInt32) {
    guard let record = supervisor.leases.record(id: id, revision: revision) else { return }
    write(.putLease(record)) { [unowned self] isWritten, now in
      let event: LeaseEvent =
        isWritten ? .saved(revision: revision) : .saveFailed(revision: revision, "the disk is full")
      hear(event, ofLease: id, now)
    }
  }

  private func forget(_ id: UInt64) {
    write(.delete(id)) { [unowned self] isWritten, now in
      if isWritten { return hear(.forgotten, of: id, now) }
      control.after(milliseconds: Self.retryMilliseconds) { [unowned self] _ in forget(id) }
    }
  }

  /// One change after another, each durable when it is told so.
  private func write(_ change: BoardStore.Change, _ told: @escaping (Bool, Instant) -> Void) {
    let now = node.clock.local(world.now)
    isWrittenAt = max(now, isWrittenAt).advanced(milliseconds: 1 + node.random.below(Self.slowestWriteMilliseconds))
    control.at(isWrittenAt) { [unowned self] now in
      let isFull = node.diskIsFullUntil.map { $0 > world.now } ?? false
      if !isFull { node.store.board.apply(change) }
      told(!isFull, now)
    }
  }
}
