import Basics
import CSystem
import EventLoop
import LinuxSystem
import MicroAgent
import Microcloud
import Store

/// What the agent does and answers about leases.
extension Agent {
  // MARK: Who asks

  /// Refuses what is not for whoever asks.
  func checkPermission(of request: ControlRequest) throws(RequestError) {
    let holder: [UInt8]?
    switch request.request {
    case .run(let wish): holder = wish.lease.flatMap { supervisor.holder(ofLease: $0) }
    case .inspect(let name, _), .logs(let name, _, _, _), .start(let name), .pause(let name), .resume(let name),
      .stop(let name, _), .kill(let name, _), .update(let name, _), .top(let name), .remove(let name, _),
      .exec(let name, _, _), .inspectExec(let name, _, _), .attend(let name, _, _):
      holder = supervisor.holder(ofContainer: name)
    case .inspectLease(let id, _), .changeLease(let id, _), .releaseLease(let id, _):
      holder = supervisor.holder(ofLease: id)
    case .inspectImage(let name), .removeImage(let name):
      holder = images.inventory.image(named: name)?.holder
    default: holder = nil
    }
    let refusal = Permission.refusal(of: request.request, by: request.principal, holder: holder, policy: offer.policy)
    if let refusal { throw refusal }
  }

  /// The containers that a principal is told of.
  func containers(for principal: Principal) -> [Container] {
    if Permission.seesAll(principal) { return supervisor.containers }
    return supervisor.containers.filter { container in
      container.request.lease.flatMap { supervisor.holder(ofLease: $0) } == principal.holder
    }
  }

  // MARK: Answers

  /// The leases that a principal is told of.
  func leases(for principal: Principal) -> CBORValue {
    let statuses = supervisor.leaseStatuses(now: loop.now)
    let all = Permission.seesAll(principal)
    return .array(statuses.filter { all || $0.lease.holder == principal.holder }.map { $0.value })
  }

  func lease(_ id: UInt64) throws(RequestError) -> LeaseStatus {
    guard let status = supervisor.leaseStatus(id: id, now: loop.now) else {
      throw RequestError(.notFound, "lease \(id): there is none of that number here")
    }
    return status
  }

  /// From now on no leases are given, or again; that is remembered over restarts.
  func drain(_ isDraining: Bool, completion: @escaping (String?) -> Void) {
    change { $0.setDraining(isDraining) }
    items.save(Self.drainItem, [isDraining ? 1 : 0], completion: completion)
  }

  static let drainItem = "drain"

  // MARK: Effects

  func saveLease(_ id: UInt64, _ revision: UInt32, isUrgent: Bool) {
    guard let record = supervisor.leases.record(id: id, revision: revision) else { return }
    leaseTable.save(record, isUrgent: isUrgent) { [self] problem in
      if hasLostStore { return }
      CrashPoint.pass("the lease's record is durable")
      handle(problem.map { .saveFailed(revision: revision, $0) } ?? .saved(revision: revision), lease: id)
    }
    CrashPoint.pass("the lease's record is written, not yet durable")
  }

  func forgetLease(_ id: UInt64) {
    leaseTable.delete(id) { [self] problem in
      if hasLostStore { return }
      CrashPoint.pass("the deletion of the lease's record is durable")
      handle(problem == nil ? .forgotten : .forgetFailed, lease: id)
    }
    CrashPoint.pass("the lease's record is deleted, not yet durably")
  }

  private func handle(_ event: LeaseEvent, lease id: UInt64) {
    change { [now = loop.now] in $0.handle(event, lease: id, now: now) }
  }

  func tellLeaseObservers(_ id: UInt64) {
    noteLease(id)
    server.forEachClient { $0.changed(.lease(id)) }
  }
}

extension Leases {
  /// A table for what an earlier agent has left.
  init(_ content: LeaseTable.Content, boot: String) {
    var number: UInt32 = 1
    withUnsafeMutableBytes(of: &number) { _ = system_random($0.baseAddress, $0.count) }
    self.init(nextID: content.nextID, firstGeneration: number, boot: boot)
  }
}
