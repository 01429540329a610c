import Basics
import Microcloud

/// Sees from what containers and leases are now what has happened to them, and keeps the last of that.
public struct EventRecorder: Sendable {
  private struct Seen {
    let id: UInt64
    let name: String
    let holder: [UInt8]?
    var phase: Container.Phase
    /// How often it was started: a run may be over before anybody looks.
    var starts: UInt32
    var isAlive: Bool
  }

  private struct SeenLease {
    let id: UInt64
    let holder: [UInt8]
    var phase: Lease.Phase
  }

  public private(set) var ring: EventRing
  private var containers: [Seen] = []
  private var leases: [SeenLease] = []

  /// - Parameter startedSeconds: since 1970.
  public init(startedSeconds: UInt64) {
    ring = EventRing(startedSeconds: startedSeconds)
  }

  /// Notes something else.
  public mutating func add(_ event: NodeEvent, seconds: UInt64) {
    ring.add(event, seconds: seconds)
  }

  // MARK: Containers

  /// A container was there before anybody looked: that is no event.
  public mutating func adopt(_ container: Container, holder: [UInt8]?) {
    containers.append(Self.seen(container, holder))
  }

  /// A container is now so.
  ///
  /// - Parameter holder: who holds the lease that it is in; nil: it is the owner's.
  public mutating func changed(_ container: Container, holder: [UInt8]?, seconds: UInt64) {
    let now = Self.seen(container, holder)
    guard let index = containers.firstIndex(where: { $0.id == container.id }) else {
      containers.append(now)
      return note(container, since: nil, now, seconds)
    }
    let before = containers[index]
    containers[index] = now
    note(container, since: before, now, seconds)
  }

  private mutating func note(_ container: Container, since before: Seen?, _ now: Seen, _ seconds: UInt64) {
    if now.phase == .running, before?.phase != .running {
      add(NodeEvent(.containerStarted, name: now.name, holder: now.holder), seconds: seconds)
    }
    // What was up and is not, or could not be started, or was up and down in between.
    let isNew = before.map { $0.isAlive || $0.phase == .created || $0.starts != now.starts } ?? true
    guard isNew, !container.isAlive, let end = container.end else { return }
    add(NodeEvent(end.kind, name: now.name, detail: "\(end)", holder: now.holder), seconds: seconds)
  }

  /// A container is gone.
  public mutating func removed(container id: UInt64, seconds: UInt64) {
    guard let index = containers.firstIndex(where: { $0.id == id }) else { return }
    let seen = containers.remove(at: index)
    add(NodeEvent(.containerRemoved, name: seen.name, holder: seen.holder), seconds: seconds)
  }

  private static func seen(_ container: Container, _ holder: [UInt8]?) -> Seen {
    Seen(
      id: container.id, name: container.name, holder: holder, phase: container.phase, starts: container.starts,
      isAlive: container.isAlive)
  }

  // MARK: Leases

  public mutating func adopt(_ lease: Lease) {
    leases.append(SeenLease(id: lease.id, holder: lease.holder, phase: lease.phase))
  }

  /// A lease is now so.
  public mutating func changed(_ lease: Lease, seconds: UInt64) {
    guard let index = leases.firstIndex(where: { $0.id == lease.id }) else {
      adopt(lease)
      add(NodeEvent(.leaseGranted, name: "\(lease.id)", holder: lease.holder), seconds: seconds)
      if lease.phase == .active { confirmed(lease, seconds) }
      return
    }
    let before = leases[index].phase
    leases[index].phase = lease.phase
    if lease.phase == before { return }
    if lease.phase == .active { return confirmed(lease, seconds) }
    let detail = lease.end.map { "\($0)" } ?? ""
    add(NodeEvent(.leaseOver, name: "\(lease.id)", detail: detail, holder: lease.holder), seconds: seconds)
  }

  private mutating func confirmed(_ lease: Lease, _ seconds: UInt64) {
    add(NodeEvent(.leaseConfirmed, name: "\(lease.id)", holder: lease.holder), seconds: seconds)
  }

  /// A lease is gone.
  public mutating func removed(lease id: UInt64, seconds: UInt64) {
    guard let index = leases.firstIndex(where: { $0.id == id }) else { return }
    let seen = leases.remove(at: index)
    add(NodeEvent(.leaseRemoved, name: "\(id)", holder: seen.holder), seconds: seconds)
  }
}

extension ContainerEnd {
  fileprivate var kind: NodeEvent.Kind {
    if case .outOfMemory = cause { .containerOutOfMemory } else { .containerEnded }
  }
}
