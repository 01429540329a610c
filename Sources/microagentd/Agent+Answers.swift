import Basics
import CSystem
import ContainerRunner
import EventLoop
import LinuxSystem
import MicroAgent
import Microcloud
import Store

/// What the agent answers to each request.
extension Agent {
  func answer(_ request: ControlRequest) {
    do throws(RequestError) {
      try checkPermission(of: request)
      switch request.request {
      case .run(let wish):
        try checkImage(of: wish, for: request.principal)
        CrashPoint.begin(.run)
        ask(request) { $0.run(wish, by: request.principal, token: $1, now: $2) }
      case .start(let name):
        CrashPoint.begin(.start)
        ask(request) { $0.start(named: name, token: $1, now: $2) }
      case .pause(let name): ask(request) { (supervisor, token, _) in supervisor.pause(named: name, token: token) }
      case .resume(let name): ask(request) { (supervisor, token, _) in supervisor.resume(named: name, token: token) }
      case .stop(let name, let grace):
        CrashPoint.begin(.stop)
        let grace = grace ?? supervisor.container(named: name)?.request.graceMilliseconds ?? 0
        ask(request) {
          $0.stop(named: name, graceMilliseconds: grace, by: request.principal, token: $1, now: $2)
        }
      case .kill(let name, let signal):
        CrashPoint.begin(.stop)
        ask(request) { $0.kill(named: name, signal: signal, by: request.principal, token: $1, now: $2) }
      case .update(let name, let change):
        CrashPoint.begin(.update)
        ask(request) { (supervisor, token, _) in supervisor.update(named: name, change, token: token) }
      case .remove(let name, let force):
        CrashPoint.begin(.remove)
        ask(request) { $0.remove(named: name, force: force, by: request.principal, token: $1, now: $2) }
      case .list:
        send(.array(containers(for: request.principal).map { value(of: $0) }), request)
      case .inspect(let name, let observe):
        let container = try need(name)
        if observe { return watch(.state(.container(container.id)), request) }
        guard case .map(var map) = value(of: container) else { return }
        host.addDisk(of: container, to: &map)
        send(.map(map), request)
      case .top(let name): send(host.processes(of: try need(name)), request)
      case .logs(let name, let from, let tail, let observe):
        try answerLogs(request, try need(name), from, tail, observe)
      case .exec(let name, let number, let wish): try exec(request, in: try need(name), number, wish)
      case .inspectExec(let name, let number, let observe):
        try answerExec(request, ExecName(container: try need(name).id, number: number), observe)
      case .attend(let name, let number, let attendance):
        try attend(request, ExecName(container: try need(name).id, number: number), attendance)
      case .usage:
        send(.array(containers(for: request.principal).filter { $0.isAlive }.map { host.usage(of: $0) }), request)
      case .metrics:
        let metrics = metrics(for: request.principal)
        respond(Responses.content(metrics, .senmlCBOR, token: request.token), to: request)
      case .plan(let wish):
        try checkImage(of: wish, for: request.principal)
        send(Self.value(of: try host.plan(supervisor.completed(wish))), request)
      case .info:
        send(info(), request)
      case .nodes: send(DirectoryAnswer.value(of: network.nodes()), request)
      case .search(let text): send(network.search(text), request)
      case .searchNode(let name, let text):
        try network.search(text, at: name) { [self] in answered(request, $0) }
      case .publications:
        let statuses = network.publications(ofAll: publications { _ in true })
        send(.array(statuses.map { $0.value }), request)
      case .publish(let publication):
        try network.publish(publication) { [self] in written(request, name: publication.name, $0) }
      case .unpublish(let name):
        try network.unpublish(name) { [self] in written(request, name: name, $0) }
      case .offer: send(offer.value(supervisor.ledger, isDraining: supervisor.isDraining), request)
      case .leases: send(leases(for: request.principal), request)
      case .lease(let wish):
        CrashPoint.begin(.lease)
        ask(request) { $0.lease(wish, by: request.principal, token: $1, now: $2) }
      case .inspectLease(let id, let observe):
        let value = try lease(id).value
        if observe { watch(.state(.lease(id)), request) } else { send(value, request) }
      case .changeLease(let id, let wish):
        CrashPoint.begin(.confirm)
        ask(request) { $0.change(lease: id, wish, by: request.principal, token: $1, now: $2) }
      case .releaseLease(let id, let generation):
        CrashPoint.begin(.release)
        ask(request) { $0.release(lease: id, generation: generation, by: request.principal, token: $1, now: $2) }
      case .revocations: send(try server.revocations(), request)
      case .revoke(let list):
        try revoke(list, by: request.principal) { [self] in written(request, name: "revocations", $0) }
      case .audit: send(auditAnswer(), request)
      case .resets: send(resetsAnswer(), request)
      case .owner: send(ownerAnswer(), request)
      case .own(let key):
        try checkClaim(of: key, by: request)
        give(to: key) { [self] in written(request, name: "owner", $0) }
      case .disown: give(to: nil) { [self] in written(request, name: "owner", $0) }
      case .openClaim(let seconds):
        server.claimWindow.open(seconds: seconds, now: loop.now)
        written(request, name: "claim window", nil)
      case .closeClaim:
        server.claimWindow.close()
        written(request, name: "claim window", nil)
      case .events(let from, let observe): answerEvents(request, from ?? 0, observe)
      case .settings: answerSettings(request)
      case .changeSettings(let change): try changeSettings(request, change)
      case .drain(let isDraining):
        drain(isDraining) { [self] in written(request, name: "drain", $0) }
      case .blob(let digest): answerBlobStatus(request, digest)
      case .putBlob(let block): try takeBlob(request, block)
      case .images: answerImages(request)
      case .inspectImage(let name): try answerImage(request, name)
      case .makeImage(let name, let manifest): try makeImage(request, name, manifest)
      case .removeImage(let name): try removeImage(request, name)
      }
    } catch {
      respond(error.response(token: request.token), to: request)
    }
  }

  func send(_ value: CBORValue, _ request: ControlRequest) {
    respond(Responses.content(value, token: request.token), to: request)
  }

  func watch(_ subject: Watch.Subject, _ request: ControlRequest) {
    request.client.watch(subject, request.origin)
  }

  /// What somebody watches, as it is now.
  func state(of subject: ObservedState) -> CBORValue? {
    switch subject {
    case .container(let id): supervisor.container(id: id).map { value(of: $0) }
    case .lease(let id): supervisor.leaseStatus(id: id, now: loop.now)?.value
    case .exec(let name): execs.value(of: name)
    }
  }

  /// A container's state, and where it is reached.
  private func value(of container: Container) -> CBORValue {
    guard case .map(var map) = container.value else { return container.value }
    let addresses = host.bridge.addresses(of: container.id)
    if !addresses.isEmpty { map[.addresses] = .array(addresses.map { .text("\($0)") }) }
    return .map(map)
  }

  private func answered(_ request: ControlRequest, _ answer: Result<CBORValue, RequestError>) {
    switch answer {
    case .success(let value): send(value, request)
    case .failure(let error): respond(error.response(token: request.token), to: request)
    }
  }

  /// Tells whether what was asked for is durable.
  func written(_ request: ControlRequest, name: String, _ problem: String?) {
    guard let problem else { return respond(Responses.done(request, name: name), to: request) }
    let error = RequestError(.failed, "\(name): it is done, but not remembered over a restart: \(problem)")
    respond(error.response(token: request.token), to: request)
  }

  func need(_ name: String) throws(RequestError) -> Container {
    guard let container = supervisor.container(named: name) else {
      throw RequestError(.notFound, "container \(name): there is none of that name here")
    }
    return container
  }

  private func answerLogs(
    _ request: ControlRequest, _ container: Container, _ from: UInt64?, _ tail: UInt64?, _ observe: Bool
  ) throws(RequestError) {
    guard let log = host.logs.log(of: container.id) else {
      // Its log was in RAM, and the board was restarted since.
      return send(LogFollow.chunk(from ?? 0, [], isEnd: true), request)
    }
    var offset = from ?? log.startOffset
    if let tail { offset = log.offset(ofLastLines: tail) }
    let isLast = container.phase == .ended || container.phase == .removing
    let follow = LogFollow(log, of: container.id, from: offset, isLast: isLast)
    if observe { return watch(.log(follow), request) }
    let (start, bytes, isEnd) = follow.read(limitBytes: request.client.chunkBytes)
    send(LogFollow.chunk(start, bytes, isEnd: isEnd), request)
  }

  private static func value(of plan: LaunchPlan) -> CBORValue {
    var map = CBORMap()
    let lines = plan.describe().map { CBORValue.text($0) }
    let agent = plan.firstAgentStep - 1
    let child = agent + plan.agentSteps.count
    if plan.hasMounter {
      map[.mounterSteps] = .array(Array(lines[..<agent]))
      map[.mounterPlan] = .bytes(plan.mounterSteps.bytes)
    }
    map[.agentSteps] = .array(Array(lines[agent..<child]))
    map[.childSteps] = .array(Array(lines[child...]))
    map[.agentPlan] = .bytes(plan.agentSteps.bytes)
    map[.childPlan] = .bytes(plan.childSteps.bytes)
    return .map(map)
  }

  /// How containers are kept to them, or what to do so that they are.
  private var diskBudgets: String {
    host.files.keepsBudgets
      ? "kept by project quota"
      : "not kept: \(configuration.stateDirectory) is in no file system with project quota (ext4: tune2fs -O project "
        + "-Q prjquota, then mount with prjquota), or Linux is older than 5.14"
  }

  private func info() -> CBORValue {
    var map = CBORMap()
    map[.version] = .text(Version.text)
    map[.instructionSet] = .text(Version.instructionSet)
    map[.kernel] = .text(MachineStatus.kernelRelease())
    map[.hostname] = .text(MachineStatus.hostname())
    map[.cgroupVersion] = .text(host.cgroupVersion)
    map[.store] = .text(configuration.storePath)
    map[.containerCount] = .unsigned(UInt64(supervisor.count))
    map[.uptimeSeconds] = .unsigned(loop.now.milliseconds(since: started) / 1000)
    map[.agentProcess] = .unsigned(UInt64(max(0, system_self())))
    map[.keeperProcess] = .unsigned(UInt64(max(0, system_parent())))
    map[.storeProcess] = .unsigned(UInt64(max(0, store.process)))
    map[.agentStarts] = .unsigned(UInt64(life.generation))
    let memory = MachineStatus.memory()
    map[.memoryTotalBytes] = .unsigned(memory.totalBytes)
    map[.memoryAvailableBytes] = .unsigned(memory.availableBytes)
    map[.memoryOfferBytes] = .unsigned(host.offerBytes)
    map[.memoryReservedBytes] = .unsigned(supervisor.ledger.reserved.memoryBytes)
    map[.diskBudgets] = .text(diskBudgets)
    addBoots(to: &map)
    network.status.add(to: &map)
    map[.notices] = .array(
      (notices + network.notices + server.problems + (gateway?.notices ?? []) + host.bridge.notices).map { .text($0) })
    return .map(map)
  }
}
