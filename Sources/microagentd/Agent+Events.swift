import EventLoop
import LinuxSystem
import MicroAgent
import Microcloud

/// What has happened, and who is told of it.
extension Agent {
  /// What an earlier agent has left is there, and did not come about now. Its health is looked after.
  func adoptForEvents() {
    for container in supervisor.containers {
      events.adopt(container, holder: holder(of: container))
      followHealth(of: container)
    }
    for status in supervisor.leaseStatuses(now: loop.now) { events.adopt(status.lease) }
  }

  func noteContainer(_ id: UInt64) {
    let seconds = Clock.wallSeconds()
    note {
      guard let container = supervisor.container(id: id) else { return $0.removed(container: id, seconds: seconds) }
      $0.changed(container, holder: holder(of: container), seconds: seconds)
    }
  }

  func noteLease(_ id: UInt64) {
    let seconds = Clock.wallSeconds()
    note {
      guard let status = supervisor.leaseStatus(id: id, now: loop.now) else {
        return $0.removed(lease: id, seconds: seconds)
      }
      $0.changed(status.lease, seconds: seconds)
    }
  }

  func noteMember(_ name: String, _ change: SerfMemberChange, _ kind: MembershipKind) {
    showLights()
    let event: NodeEvent.Kind
    switch change {
    case .joined: event = .memberJoined
    case .failed: event = .memberFailed
    case .left: event = .memberLeft
    case .updated, .reaped: return
    }
    let cluster = kind == .public ? "public" : "microcloud"
    note { $0.add(NodeEvent(event, name: name, detail: cluster), seconds: Clock.wallSeconds()) }
  }

  func noteHealth(_ health: ContainerHealth, of id: UInt64) {
    guard let container = supervisor.container(id: id) else { return }
    var (kind, detail) = (NodeEvent.Kind.containerHealthy, "")
    if case .unhealthy(let line) = health { (kind, detail) = (.containerUnhealthy, line) }
    let event = NodeEvent(kind, name: container.name, detail: detail, holder: holder(of: container))
    note { $0.add(event, seconds: Clock.wallSeconds()) }
  }

  func noteMemoryShort() {
    let line = "no leases are given until that is over for a minute"
    note { $0.add(NodeEvent(.memoryShort, detail: line), seconds: Clock.wallSeconds()) }
  }

  private func note(_ change: (inout EventRecorder) -> Void) {
    let before = events.ring.next
    change(&events)
    if events.ring.next != before { server.forEachClient { $0.eventCame() } }
  }

  private func holder(of container: Container) -> [UInt8]? {
    container.request.lease.flatMap { supervisor.holder(ofLease: $0) }
  }

  func answerEvents(_ request: ControlRequest, _ from: UInt64, _ observe: Bool) {
    let principal = request.principal
    let read = { [unowned(unsafe) self] (from: UInt64, limit: Int) in
      events.ring.read(from: from, for: principal, limitBytes: limit)
    }
    if observe { return watch(.events(EventFollow(from: from, read: read)), request) }
    let (found, next) = read(from, request.client.chunkBytes)
    send(EventRing.value(found, next: next), request)
  }
}
