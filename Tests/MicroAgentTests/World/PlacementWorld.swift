import Basics
import MicroAgent
import TestSupport

/// Nodes that give leases and make containers as docs/PROTOCOL.md says, and links to them that lose what is sent, what is
/// answered, or carry it late. Nodes die between any two requests, and with what they were about to answer.
struct PlacementWorld {
  struct Node {
    struct Lease {
      let requestID: [UInt8]
      var phase: MicroAgent.Lease.Phase
      var containers = 0
      let made: Instant
    }

    var leases: [UInt64: Lease] = [:]
    /// The container, where there is one, with its lease; and whether it runs.
    var container: (lease: UInt64, runs: Bool)?
    /// How often the wish's program was begun here.
    var begun = 0
    var nextID: UInt64 = 1
    var isUp = true
    var isFull = false
    /// It does not have the root file system.
    var isEmpty = false
    /// What comes late.
    var late: [Placement.Step] = []
  }

  var nodes: [Node]
  var now = Instant(nanoseconds: 0)
  var random: SeededGenerator
  let wish: PlacementWish
  /// Of a hundred messages, how many meet with something.
  let trouble: UInt64

  init(seed: UInt64, wish: PlacementWish) {
    random = SeededGenerator(seed: seed)
    self.wish = wish
    trouble = random.pick([0, 10, 30, 60])
    nodes = []
    for _ in 0..<(1 + random.below(4)) {
      var node = Node()
      node.isFull = random.oneIn(4)
      node.isEmpty = random.oneIn(6)
      node.isUp = !random.oneIn(8)
      nodes.append(node)
    }
  }

  // MARK: Links

  mutating func perform(_ step: Placement.Step) -> Placement.Answer {
    guard let index = step.node else { return .done }
    wait(milliseconds: random.below(UInt64(500)))
    happen(index)
    guard nodes[index].isUp else {
      wait(milliseconds: 2_000)
      return .unsent("no route to host")
    }
    guard random.below(UInt64(100)) < trouble else { return carryOut(step, on: index) }
    switch random.below(5) {
    case 0: return .unsent("connection refused")
    case 1: break
    case 2: _ = carryOut(step, on: index)
    case 3: nodes[index].late.append(step)
    default:
      _ = carryOut(step, on: index)
      die(index)
    }
    wait(milliseconds: 1_000)
    return .lost("it went away")
  }

  /// What happens meanwhile.
  private mutating func happen(_ index: Int) {
    while !nodes[index].late.isEmpty, random.oneIn(2) { _ = carryOut(nodes[index].late.removeFirst(), on: index) }
    guard random.below(UInt64(100)) < trouble else { return }
    switch random.below(4) {
    case 0: die(index)
    case 1: nodes[index].isUp.toggle()
    default: break
    }
  }

  mutating func wait(milliseconds: UInt64) {
    now = now.advanced(milliseconds: milliseconds)
    for index in nodes.indices {
      nodes[index].leases = nodes[index].leases.filter { _, lease in
        lease.phase != .tentative || now < lease.made.advanced(milliseconds: Leases.tentativeMilliseconds)
      }
    }
  }

  /// What is in no store is lost, and with it what was on its way.
  private mutating func die(_ index: Int) {
    nodes[index].late = []
    nodes[index].leases = nodes[index].leases.filter { $0.value.phase != .tentative }
    nodes[index].nextID = (nodes[index].leases.keys.max() ?? 0) + 1
  }

  // MARK: Nodes

  private mutating func carryOut(_ step: Placement.Step, on index: Int) -> Placement.Answer {
    switch step {
    case .lease: return grant(index)
    case .run(_, let id): return make(index, id)
    case .lookAtLease(_, let id):
      guard let lease = nodes[index].leases[id] else { return missing }
      return .lease(id: id, requestID: lease.requestID, phase: lease.phase)
    case .lookAtContainer: return nodes[index].container.map { .container(lease: $0.lease) } ?? missing
    case .remove:
      if nodes[index].container == nil { return missing }
      nodes[index].container = nil
      return .done
    case .release(_, let id):
      guard let lease = nodes[index].leases[id] else { return missing }
      if nodes[index].container?.lease == id { nodes[index].container?.runs = false }
      nodes[index].leases[id] = nil
      if lease.containers > 0, nodes[index].container?.lease == id {
        nodes[index].leases[id] = lease
        nodes[index].leases[id]?.phase = .over
      }
      return .done
    case .end: return .done
    }
  }

  private let missing = Placement.Answer.refused(RequestError(.notFound, "there is none"))

  private mutating func grant(_ index: Int) -> Placement.Answer {
    if let (id, lease) = nodes[index].leases.first(where: { $0.value.requestID == wish.lease.requestID }) {
      return .lease(id: id, requestID: lease.requestID, phase: lease.phase)
    }
    if nodes[index].isFull { return .refused(RequestError(.noRoom, "no room")) }
    let id = nodes[index].nextID
    nodes[index].nextID += 1
    nodes[index].leases[id] = Node.Lease(requestID: wish.lease.requestID, phase: .tentative, made: now)
    return .lease(id: id, requestID: wish.lease.requestID, phase: .tentative)
  }

  private mutating func make(_ index: Int, _ id: UInt64) -> Placement.Answer {
    guard let lease = nodes[index].leases[id], lease.phase != .over else { return missing }
    nodes[index].leases[id]?.phase = .active
    if nodes[index].container != nil { return .refused(RequestError(.conflict, "the name is taken")) }
    if nodes[index].isEmpty { return .refused(RequestError(.failed, "there is no such root")) }
    nodes[index].leases[id]?.containers += 1
    nodes[index].begun += 1
    nodes[index].container = (id, true)
    // With --rm it may be gone a moment later.
    if wish.container.removesWhenEnded, random.oneIn(2) {
      nodes[index].container = nil
      nodes[index].leases[id]?.containers -= 1
    }
    return .done
  }
}

extension Placement.Step {
  fileprivate var node: Int? {
    switch self {
    case .lease(let node), .run(let node, _), .lookAtLease(let node, _), .lookAtContainer(let node), .remove(let node),
      .release(let node, _):
      node
    case .end: nil
    }
  }
}
