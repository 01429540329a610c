// sources: Sources/Basics Sources/Microcloud Sources/MicroAgent Sources/Netlink Sources/Crypto
// C: Sources/CSystem/random.c -lmbedcrypto
// A board under requests of its owner, two members and a stranger, whatever they say and in whatever order; with a disk that is
// slow and full, programs that fail, memory that is short, and an agent that dies. The input is a row of steps: a byte that says
// what happens and one that says with what; a request may have a payload of its own. Whatever happens: no more is promised than
// there is, nobody gets at what is another's, each request is answered once, and in the end all comes to rest.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzRequests(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  var story = Story(rest: Array(UnsafeBufferPointer(start: start, count: count))[...])
  var steps = 0
  while steps < 300, story.step() { steps += 1 }
  story.finish()
  return 0
}

private let board = Resources(memoryBytes: 40 << 20, cpuMillis: 1000, diskBytes: 1 << 30, processes: 900, containers: 8)
private let offer = Resources(memoryBytes: 24 << 20, cpuMillis: 800, diskBytes: 1 << 29, processes: 600, containers: 6)

/// What the board is to tell the supervisor of next. Those of one key come in the order in which they came to be.
private struct Due {
  enum Key: Equatable {
    case store
    case container(UInt64)
  }

  enum What {
    case event(UInt64, Event, otherwise: Event?)
    /// The process that ends, if it still lives then.
    case end(ProcessIdentity, ContainerEnd.Cause)
    case write(Change)
  }

  let key: Key
  let what: What
}

private enum Change {
  case put(Container, revision: UInt32)
  case delete(UInt64)
  case putLease(Lease, revision: UInt32)
  case deleteLease(UInt64)
}

private struct Program {
  let container: UInt64
  let identity: ProcessIdentity
  var isReleased = false
  var runs = false
  var end: ContainerEnd.Cause?
}

private struct Story {
  var rest: ArraySlice<UInt8>
  var now = Instant(nanoseconds: 1_000_000_000)
  var supervisor = Supervisor(nextID: 1, wallSeconds: { 0 })
  var due: [Due] = []
  var programs: [Program] = []
  var containers: [UInt64: Container] = [:]
  var leases: [UInt64: Lease] = [:]
  var (highestContainer, highestLease): (UInt64, UInt64) = (0, 0)
  var boot = 1
  var lastProcess: Int32 = 1
  var lastToken: UInt64 = 0
  /// Whose requests of this agent are not answered yet.
  var open: [UInt64: Principal] = [:]

  static let principals = [
    Principal.owner, Principal(thumbprint: [UInt8](repeating: 1, count: 32), role: .member),
    Principal(thumbprint: [UInt8](repeating: 2, count: 32), role: .member), .stranger,
  ]

  init(rest: ArraySlice<UInt8>) {
    self.rest = rest
    startAgent()
  }

  mutating func step() -> Bool {
    guard let kind = rest.popFirst(), let detail = rest.popFirst() else { return false }
    switch kind & 0xF {
    case 0...5: ask(Self.principals[Int(kind >> 6)], detail)
    case 6...8: happen(Int(detail), fails: kind & 0x80 != 0)
    case 9: pass(milliseconds: UInt64(detail) * UInt64(detail) * 60)
    case 10: pass(milliseconds: UInt64(detail) * 400_000)
    case 11: perform(supervisor.waitedForMemory(now: now))
    case 12: if let index = programs.indices.randomly(detail), programs[index].runs { end(index, .exited(code: detail)) }
    case 13: setLimits(detail)
    case 14: die(losesPower: false)
    default: die(losesPower: true)
    }
    check()
    return true
  }

  /// From here on all goes well.
  mutating func finish() {
    var steps = 0
    while true {
      while !due.isEmpty {
        happen(0, fails: false)
        steps += 1
        precondition(steps < 20_000, "the board does not come to rest")
      }
      guard let deadline = supervisor.nextDeadline, deadline.milliseconds(since: now) < 1_000_000 else { break }
      pass(milliseconds: deadline.milliseconds(since: now) + 1)
      steps += 1
      precondition(steps < 20_000, "the board does not come to rest")
    }
    check()
    precondition(open.isEmpty, "a request was not answered")
    for container in supervisor.containers {
      precondition(containers[container.id] != nil, "a container at rest is in no store")
      let runs = programs.contains { $0.container == container.id && $0.runs }
      precondition(runs == (container.phase == .running), "what runs and what is known to run differ")
    }
    precondition(containers.count == supervisor.count, "the store has others")
  }

  // MARK: Requests

  private mutating func ask(_ principal: Principal, _ detail: UInt8) {
    guard let message = message(detail) else { return }
    let token = lastToken + 1
    lastToken = token
    do throws(RequestError) {
      let request = try APIRequest(message)
      let holder = self.holder(in: request)
      if let refusal = Permission.refusal(of: request, by: principal, holder: holder, policy: LeasePolicy()) {
        throw refusal
      }
      if let holder, principal.role == .member {
        precondition(holder == principal.holder, "a member gets at what is another's")
      }
      precondition(principal.role != .public, "a stranger changes something")
      open[token] = principal
      perform(try effects(of: request, principal, token))
    } catch {
      open[token] = nil
      precondition((try? CoAPStreamEncoder.encode(error.response(token: []))) != nil, "a refusal that cannot be sent")
    }
  }

  private func holder(in request: APIRequest) -> [UInt8]? {
    switch request {
    case .run(let wish): wish.lease.flatMap { supervisor.holder(ofLease: $0) }
    case .changeLease(let id, _), .releaseLease(let id, _): supervisor.holder(ofLease: id)
    case .remove(let name, _), .start(let name), .stop(let name, _), .pause(let name), .resume(let name),
      .kill(let name, _), .update(let name, _):
      supervisor.holder(ofContainer: name)
    default: nil
    }
  }

  private mutating func effects(
    of request: APIRequest, _ principal: Principal, _ token: UInt64
  ) throws(RequestError) -> [Effect] {
    switch request {
    case .run(let wish): return supervisor.run(wish, by: principal, token: token, now: now)
    case .start(let name): return supervisor.start(named: name, token: token, now: now)
    case .pause(let name): return supervisor.pause(named: name, token: token)
    case .resume(let name): return supervisor.resume(named: name, token: token)
    case .stop(let name, let grace):
      return supervisor.stop(named: name, graceMilliseconds: grace ?? 1000, by: principal, token: token, now: now)
    case .kill(let name, let signal):
      return supervisor.kill(named: name, signal: signal, by: principal, token: token, now: now)
    case .update(let name, let change): return supervisor.update(named: name, change, token: token)
    case .remove(let name, let force): return supervisor.remove(named: name, force: force, token: token, now: now)
    case .lease(let wish): return supervisor.lease(wish, by: principal, token: token, now: now)
    case .changeLease(let id, let change):
      return supervisor.change(lease: id, change, by: principal, token: token, now: now)
    case .releaseLease(let id, let generation):
      return supervisor.release(lease: id, generation: generation, by: principal, token: token, now: now)
    case .drain(let isDraining):
      open[token] = nil
      return supervisor.setDraining(isDraining)
    default: throw RequestError(.notAllowed, "it is not of the supervisor")
    }
  }

  /// A request: its verb and what it is about in one byte, then whether it has a payload of its own.
  private mutating func message(_ detail: UInt8) -> CoAPMessage? {
    guard let about = rest.popFirst() else { return nil }
    let (name, id) = ("c\(about & 3)", "\(UInt64(about & 7))")
    let verbs: [(CoAPCode, [String], [String])] = [
      (.post, ["containers"], []), (.post, ["leases"], []), (.post, ["leases", id], []), (.delete, ["leases", id], []),
      (.post, ["containers", name, "start"], []), (.post, ["containers", name, "stop"], ["grace=\(about)"]),
      (.delete, ["containers", name], ["force"]), (.delete, ["containers", name], []),
      (.post, ["containers", name, "pause"], []), (.post, ["containers", name, "resume"], []), (.post, ["drain"], []),
      (.delete, ["drain"], []), (.delete, ["leases", id], ["generation=\(about)"]), (.get, ["leases", id], []),
      (.post, ["containers", name, "kill"], about & 8 == 0 ? [] : ["signal=15"]),
      (.post, ["containers", name, "update"], []),
    ]
    let (code, path, query) = verbs[Int(detail & 0x1F) % verbs.count]
    var message = CoAPMessage(code: code)
    message.path = path
    for part in query { message.options.add(CoAPOption(.uriQuery, part)) }
    if detail & 0x80 != 0, let count = rest.popFirst() {
      message.payload = Array(rest.prefix(Int(count)))
      rest = rest.dropFirst(Int(count))
    } else if code == .post {
      message.payload = payload(path, about)
    }
    return message
  }

  /// What somebody would ask for who is in his right mind.
  private func payload(_ path: [String], _ about: UInt8) -> [UInt8] {
    if path.count == 2, path[0] == "leases" {
      let known = UInt64(about & 7)
      let generation = supervisor.leaseStatus(id: known, now: now)?.lease.generation
      return LeaseChange(durationSeconds: about & 8 == 0 ? 600 : nil, generation: about & 16 == 0 ? nil : generation)
        .value.encoded
    }
    if path == ["leases"] {
      var request = LeaseRequest()
      request.requestID = [UInt8](repeating: about & 7, count: 8)
      request.size.memoryBytes = UInt64(1 + about >> 4) << 20
      request.size.containers = 2
      request.durationSeconds = about & 8 == 0 ? 30 : 7200
      return request.value.encoded
    }
    if path.last == "update" {
      var map = CBORMap()
      map[.memoryBytes] = .unsigned(UInt64(1 + about >> 4) << 20)
      return CBORValue.map(map).encoded
    }
    if path != ["containers"] { return [] }
    var request = ContainerRequest()
    request.name = "c\(about & 3)"
    request.root = LeasePolicy().rootsDirectory + "/a"
    request.command = ["/a"]
    request.budget.memoryBytes = UInt64(1 + about >> 6) << 20
    request.restart = about & 4 == 0 ? .no : .always
    request.removesWhenEnded = about & 32 != 0
    request.lease = about & 8 == 0 ? nil : UInt64(1 + (about >> 4) & 3)
    return request.value.encoded
  }

  // MARK: The board

  private mutating func perform(_ effects: [Effect]) {
    for effect in effects { carryOut(effect) }
  }

  private mutating func carryOut(_ effect: Effect) {
    switch effect {
    case .launch(let id):
      precondition(!programs.contains { $0.container == id }, "launched before its last run was put away")
      lastProcess += 1
      let identity = ProcessIdentity(process: lastProcess, startTicks: 1, boot: "boot \(boot)")
      programs.append(Program(container: id, identity: identity))
      expect(id, .launched(identity), otherwise: .startFailed("it cannot be cloned"))
    case .save(let id, let revision):
      guard let record = supervisor.container(id: id) else { preconditionFailure("nobody is to be saved") }
      due.append(Due(key: .store, what: .write(.put(record, revision: revision))))
    case .release(let id):
      guard let index = programs.firstIndex(where: { $0.container == id }) else {
        preconditionFailure("nobody is let go")
      }
      precondition(containers[id]?.process == programs[index].identity, "let go before its record is durable")
      programs[index].isReleased = true
      expect(id, .started, otherwise: .startFailed("there is no such program"))
    case .signal(let id, _): expectEnd(id, .exited(code: 143))
    case .killAll(let id): expectEnd(id, .killed(signal: 9))
    case .putAway(let id):
      programs.removeAll { $0.container == id }
      due.removeAll { if case .end = $0.what { $0.key == .container(id) } else { false } }
      expect(id, .wasPutAway)
    case .deleteFiles, .changed, .leaseChanged, .throttle: break
    case .forget(let id): due.append(Due(key: .store, what: .write(.delete(id))))
    case .reply(let token, _):
      precondition(open.removeValue(forKey: token) != nil, "a request is answered twice, or none is")
    case .shrink(let id, _): expect(id, .shrunk, otherwise: .shrinkFailed("it uses more"))
    case .limit(let id):
      let known = supervisor.container(id: id)?.request.budget
      precondition(containers[id]?.request.budget == known, "a budget is given before it is durable")
    case .pause(let id, let isPausing): if isPausing { expect(id, .paused, otherwise: .pauseFailed("it goes on")) }
    case .saveLease(let id, let revision, _):
      guard let record = supervisor.leases.record(id: id, revision: revision) else { return }
      due.append(Due(key: .store, what: .write(.putLease(record, revision: revision))))
    case .forgetLease(let id): due.append(Due(key: .store, what: .write(.deleteLease(id))))
    }
  }

  private mutating func expect(_ id: UInt64, _ event: Event, otherwise: Event? = nil) {
    due.append(Due(key: .container(id), what: .event(id, event, otherwise: otherwise)))
  }

  private mutating func expectEnd(_ id: UInt64, _ cause: ContainerEnd.Cause) {
    guard let program = programs.first(where: { $0.container == id }) else { return }
    due.append(Due(key: .container(id), what: .end(program.identity, cause)))
  }

  private mutating func happen(_ place: Int, fails: Bool) {
    guard !due.isEmpty else { return }
    let key = due[place % due.count].key
    guard let first = due.firstIndex(where: { $0.key == key }) else { return }
    switch due.remove(at: first).what {
    case .event(let id, let event, let otherwise): tell(id, fails ? otherwise ?? event : event)
    case .end(let identity, let cause):
      if let index = programs.firstIndex(where: { $0.identity == identity }) { end(index, cause) }
    case .write(let change): if fails { refuse(change) } else { write(change) }
    }
  }

  private mutating func tell(_ id: UInt64, _ event: Event) {
    guard supervisor.container(id: id) != nil else { return }
    if let index = programs.firstIndex(where: { $0.container == id }) {
      if case .started = event {
        // It may have ended before anybody heard that it began.
        if programs[index].end != nil { return }
        programs[index].runs = true
      }
      if case .startFailed = event { programs[index].end = .exited(code: 127) }
    }
    perform(supervisor.handle(event, id: id, now: now))
  }

  private mutating func end(_ index: Int, _ cause: ContainerEnd.Cause) {
    guard programs[index].end == nil else { return }
    programs[index].end = cause
    programs[index].runs = false
    perform(supervisor.handle(.ended(cause), id: programs[index].container, now: now))
  }

  // MARK: The store

  private mutating func write(_ change: Change) {
    switch change {
    case .put(let record, let revision):
      containers[record.id] = record
      highestContainer = max(highestContainer, record.id)
      perform(supervisor.handle(.saved(revision: revision), id: record.id, now: now))
    case .delete(let id):
      containers[id] = nil
      perform(supervisor.handle(.forgotten, id: id, now: now))
    case .putLease(let lease, let revision):
      leases[lease.id] = lease
      highestLease = max(highestLease, lease.id)
      perform(supervisor.handle(.saved(revision: revision), lease: lease.id, now: now))
    case .deleteLease(let id):
      precondition(!containers.values.contains { $0.request.lease == id }, "a lease goes before its containers")
      leases[id] = nil
      perform(supervisor.handle(.forgotten, lease: id, now: now))
    }
  }

  /// The disk is full.
  private mutating func refuse(_ change: Change) {
    switch change {
    case .put(let record, let revision):
      guard supervisor.awaitsSave(id: record.id, revision: revision) else { return }
      if supervisor.container(id: record.id)?.phase == .starting {
        tell(record.id, .startFailed("the disk is full"))
      } else if let newest = supervisor.container(id: record.id) {
        due.append(Due(key: .store, what: .write(.put(newest, revision: revision))))
      }
    case .delete: due.append(Due(key: .store, what: .write(change)))
    case .putLease(let lease, let revision):
      perform(supervisor.handle(.saveFailed(revision: revision, "the disk is full"), lease: lease.id, now: now))
    case .deleteLease(let id): perform(supervisor.handle(.forgetFailed, lease: id, now: now))
    }
  }

  // MARK: Lives

  private mutating func die(losesPower: Bool) {
    due = []
    open = [:]
    for index in programs.indices where programs[index].end == nil {
      if losesPower || !programs[index].isReleased { programs[index].end = .killed(signal: 9) }
      if programs[index].end != nil { programs[index].runs = false }
      // Its exec may come after the agent's death.
      if programs[index].end == nil { programs[index].runs = true }
    }
    if losesPower { boot += 1 }
    startAgent()
  }

  private mutating func startAgent() {
    supervisor = Supervisor(
      nextID: highestContainer + 1, limits: Ledger.Limits(board: board, offer: offer, sharePercent: 60),
      leases: Leases(nextID: highestLease + 1, firstGeneration: UInt32(lastToken), boot: "boot \(boot)"),
      wallSeconds: { 0 })
    perform(supervisor.adopt(leases: leases.values.sorted { $0.id < $1.id }, now: now))
    // What no record speaks of is swept away.
    programs.removeAll { containers[$0.container] == nil }
    for record in containers.values.sorted(by: { $0.id < $1.id }) {
      perform(supervisor.adopt(record, observation(of: record), now: now))
    }
    perform(supervisor.settleAdopted(now: now))
  }

  private func observation(of record: Container) -> Observation {
    guard let identity = record.process else { return .gone("the record names no process") }
    guard let program = programs.first(where: { $0.identity == identity }) else { return .gone("it is not there") }
    guard identity.boot == "boot \(boot)" else { return .gone("the board was restarted") }
    guard let end = program.end else { return .alive(runsProgram: program.runs) }
    return program.isReleased ? .ended(end) : .neverRan
  }

  private mutating func setLimits(_ detail: UInt8) {
    var limits = supervisor.limits
    limits.sharePercent = UInt64(detail) % 101
    supervisor.set(limits: limits, policy: LeasePolicy())
  }

  // MARK: Time

  private mutating func pass(milliseconds: UInt64) {
    let end = now.advanced(milliseconds: milliseconds)
    var ticks = 0
    while let next = supervisor.nextDeadline, next <= end {
      now = max(now, next)
      perform(supervisor.tick(now: now))
      ticks += 1
      precondition(ticks < 20_000, "a deadline stays in the past")
      // What is asked of the disk now comes when it comes.
      if let after = supervisor.nextDeadline, after <= now { preconditionFailure("a deadline stays in the past") }
    }
    now = end
  }

  // MARK: What must hold

  private func check() {
    let ledger = supervisor.ledger
    precondition(ledger.leased.fits(in: offer), "more is leased than is offered")
    precondition(ledger.reserved.memoryBytes <= board.memoryBytes, "more memory is promised than there is")
    precondition(supervisor.count <= Supervisor.maximumContainers && leases.count <= Leases.maximumLeases)
    let running = programs.filter { $0.runs }
    var bytes: UInt64 = 0
    for program in running {
      precondition(running.filter { $0.container == program.container }.count == 1, "two programs of one container run")
      bytes += supervisor.container(id: program.container)?.request.budget.reservedBytes ?? 0
    }
    precondition(bytes <= ledger.reserved.memoryBytes, "more runs than is set aside")
    for account in ledger.accounts { precondition(account.used.fits(in: account.size), "a lease holds more than it is") }
  }
}

extension Range<Int> {
  fileprivate func randomly(_ detail: UInt8) -> Int? { isEmpty ? nil : lowerBound + Int(detail) % count }
}
