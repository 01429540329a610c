import Basics
import MicroAgent

/// Watches what boards promise to others, and whether it is so, at every step of each board.
final class LeaseJudge {
  /// How long after its lease's end a program may run: its grace, what the disk takes, and that a killed one goes.
  private static let afterTheEndMilliseconds: UInt64 = 60_000

  /// A lease that somebody was told is active.
  private struct Promise {
    let node: Int
    let lease: UInt64
    let holder: [UInt8]
    /// Which life of the node the deadline belongs to, and when the node was last seen, both by its own clock.
    let start: Int
    var life: Int
    var deadline: Instant
    var seen: Instant
    var containers: [String] = []
  }

  private unowned let world: World
  private let complaint: (Violation.Invariant, String) -> Void
  private var promises: [Promise] = []
  /// Those that are over now, in the same life of their node.
  private var past: [Promise] = []
  /// On which boards a container's program has begun.
  private var begun: [String: [Begin]] = [:]
  /// How often each board had lost what it knew when it was asked for a container.
  private var asked: [String: Int] = [:]
  /// Since when a container has run beyond its lease, by its node's clock.
  private var overdue: [String: Instant] = [:]
  private(set) var placed = 0
  private(set) var refused = 0

  private struct Begin: Equatable {
    let node: Int
    let losses: Int
  }

  init(_ world: World, _ complaint: @escaping (Violation.Invariant, String) -> Void) {
    (self.world, self.complaint) = (world, complaint)
  }

  func complain(_ invariant: Violation.Invariant, _ text: String) { complaint(invariant, text) }

  func count(isPlaced: Bool) {
    if isPlaced { placed += 1 } else { refused += 1 }
  }

  // MARK: What boards say

  /// The holder is told that its lease is active.
  func isPromised(_ status: LeaseStatus, on node: SimulatedNode, now: Instant) {
    guard status.lease.phase == .active else { return }
    let id = status.lease.id
    past.removeAll { $0.node == node.index && $0.lease == id }
    let containers = promises.first { $0.node == node.index && $0.lease == id }?.containers ?? []
    mayEnd(id, on: node)
    promises.append(
      Promise(
        node: node.index, lease: id, holder: status.lease.holder, start: node.life,
        life: node.life,
        deadline: now.advanced(milliseconds: status.remainingMilliseconds), seen: now, containers: containers))
  }

  /// The holder is told that its container runs.
  func isPromised(_ wish: ContainerRequest, on node: SimulatedNode, now: Instant) {
    guard let lease = wish.lease, let status = node.control?.board.supervisor.leaseStatus(id: lease, now: now) else {
      return complain(.kept, "\(node.hostName) says that \(wish.name) runs, and knows nothing of its lease")
    }
    if !promises.contains(where: { $0.node == node.index && $0.lease == lease }) {
      isPromised(status, on: node, now: now)
    }
    if let index = promises.firstIndex(where: { $0.node == node.index && $0.lease == lease }) {
      promises[index].containers.append(wish.name)
    }
  }

  /// The holder wants its end.
  func mayEnd(_ lease: UInt64, on node: SimulatedNode) {
    promises.removeAll { $0.node == node.index && $0.lease == lease }
    past.removeAll { $0.node == node.index && $0.lease == lease }
  }

  /// The holder wants the container removed.
  func mayGo(_ container: String, on node: SimulatedNode) {
    for index in promises.indices where promises[index].node == node.index {
      promises[index].containers.removeAll { $0 == container }
    }
  }

  /// What a board knew is lost.
  func loses(_ node: SimulatedNode) {
    promises.removeAll { $0.node == node.index }
    past.removeAll { $0.node == node.index }
  }

  /// A node's clock jumps: what is over by then ends when it next gets to look.
  func jumps(_ node: SimulatedNode) {
    past.removeAll { $0.node == node.index }
    overdue = [:]
  }

  /// A board takes a request for a container, which is made once on each.
  func isAsked(for container: String, on node: SimulatedNode) {
    let key = Self.key(container, node)
    if asked.updateValue(node.store.board.losses, forKey: key) != nil { complain(.once, "\(key) is asked for twice") }
  }

  private static func key(_ container: String, _ node: SimulatedNode) -> String { "\(container) on \(node.hostName)" }

  func begins(_ container: Container, on node: SimulatedNode) {
    let begin = Begin(node: node.index, losses: node.store.board.losses)
    // Who was given back an old store knows what it was asked for and not that it was taken back.
    guard asked[Self.key(container.name, node)] == begin.losses else { return }
    let earlier = begun[container.name] ?? []
    let other = earlier.first { other in
      other.node != begin.node && world.nodes[other.node].store.board.losses == other.losses
    }
    if let other {
      complain(.once, "\(container.name) began on \(node.hostName), and before on \(world.nodes[other.node].hostName)")
    }
    if !earlier.contains(begin) { begun[container.name] = earlier + [begin] }
  }

  // MARK: At every step

  func look(at node: SimulatedNode, _ board: Board) {
    let now = node.clock.local(world.now)
    checkOffer(node, board, now)
    checkStore(node)
    checkPrograms(node, board, now)
    checkPromises(node, board, now)
  }

  private func checkOffer(_ node: SimulatedNode, _ board: Board, _ now: Instant) {
    var leased = Resources()
    for status in board.supervisor.leaseStatuses(now: now) where status.lease.phase != .over {
      leased = leased + status.lease.request.size
    }
    if !leased.fits(in: Board.offer) { complain(.offer, "\(node.hostName) has promised \(leased) of \(Board.offer)") }
  }

  /// What a restarted agent would find.
  private func checkStore(_ node: SimulatedNode) {
    let content = node.store.board.content
    var leased: UInt64 = 0
    for lease in content.leasesInOrder where lease.phase == .active { leased += lease.request.size.memoryBytes }
    if leased > Board.offer.memoryBytes {
      complain(.offer, "the store of \(node.hostName) has promised \(leased) bytes")
    }
    for container in content.containersInOrder {
      guard let lease = container.request.lease, content.leases[lease] == nil else { continue }
      complain(.kept, "the store of \(node.hostName) has \(container.name) without its lease \(lease)")
    }
  }

  private func checkPrograms(_ node: SimulatedNode, _ board: Board, _ now: Instant) {
    let running = board.running
    let bytes = running.reduce(0) { $0 + $1.request.budget.reservedBytes }
    if bytes > board.supervisor.ledger.reserved.memoryBytes {
      complain(.offer, "on \(node.hostName) run \(bytes) bytes, and \(board.supervisor.ledger.reserved) is set aside")
    }
    for container in running {
      if running.count(where: { $0.name == container.name }) > 1 {
        complain(.once, "\(container.name) runs twice on \(node.hostName)")
      }
      checkEnd(of: container, node, board, now)
    }
  }

  private func checkEnd(of container: Container, _ node: SimulatedNode, _ board: Board, _ now: Instant) {
    let key = "\(container.name) on \(node.hostName), \(node.life)"
    let status = container.request.lease.flatMap { board.supervisor.leaseStatus(id: $0, now: now) }
    if status?.lease.phase == .active || isHindered(node) {
      overdue[key] = nil
      return
    }
    let since = overdue[key] ?? now
    overdue[key] = since
    if now.milliseconds(since: since) > Self.afterTheEndMilliseconds {
      complain(.ends, "\(key) runs on, and its lease is over")
    }
  }

  /// After a restart a lease may last longer than was said, as nobody knows how long the board had no power.
  private func checkPast(_ node: SimulatedNode, _ board: Board, _ now: Instant) {
    past.removeAll { $0.node == node.index && $0.life != node.life }
    for index in past.indices where past[index].node == node.index {
      if isHindered(node) { past[index].deadline = now }
      guard now.milliseconds(since: past[index].deadline) > Self.afterTheEndMilliseconds else { continue }
      if board.supervisor.leaseStatus(id: past[index].lease, now: now)?.lease.phase == .active {
        complain(.ends, "lease \(past[index].lease) of \(node.hostName) goes on beyond its end")
      }
    }
  }

  /// A full disk cannot write that something ends.
  private func isHindered(_ node: SimulatedNode) -> Bool { node.diskIsFullUntil.map { $0 > world.now } ?? false }

  private func checkPromises(_ node: SimulatedNode, _ board: Board, _ now: Instant) {
    for index in promises.indices where promises[index].node == node.index {
      if promises[index].life != node.life {
        // Time without power does not count.
        let left = promises[index].deadline.milliseconds(since: promises[index].seen)
        promises[index].deadline = now.advanced(milliseconds: left)
        promises[index].life = node.life
      }
      promises[index].seen = now
    }
    for var promise in promises where promise.node == node.index && promise.deadline <= now {
      // A clock that has jumped may have gone far beyond it.
      promise.deadline = now
      if promise.start == node.life { past.append(promise) }
    }
    promises.removeAll { $0.node == node.index && $0.deadline <= now }
    if !board.isReady { return }
    checkPast(node, board, now)
    for promise in promises where promise.node == node.index {
      let status = board.supervisor.leaseStatus(id: promise.lease, now: now)
      guard let status, status.lease.phase == .active, status.lease.holder == promise.holder else {
        let found = status.map { "\($0.lease.phase)" } ?? "nothing"
        return complain(.kept, "lease \(promise.lease) was promised by \(node.hostName), and now it is \(found)")
      }
      for name in promise.containers where board.supervisor.container(named: name) == nil {
        return complain(.kept, "\(name) was said to run on \(node.hostName), and is not there any more")
      }
    }
  }
}
