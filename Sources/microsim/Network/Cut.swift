/// Ways that are broken: packets do not get from the nodes on one side to those on the other.
struct Cut: Equatable {
  enum Direction: String, CaseIterable {
    case both
    /// Those inside hear, and are not heard.
    case outward
    /// Those inside are heard, and hear nothing.
    case inward
  }

  enum Side: Equatable {
    /// Of all those behind a place of the topology.
    case place(Int)
    case node(Int)
    /// Only the way between two nodes; all others reach both.
    case pair(Int, Int)
  }

  let side: Side
  let direction: Direction

  func blocks(from sender: Int, to receiver: Int, in topology: Topology) -> Bool {
    if case .pair(let one, let other) = side {
      switch direction {
      case .both: return (sender, receiver) == (one, other) || (sender, receiver) == (other, one)
      case .outward: return (sender, receiver) == (one, other)
      case .inward: return (sender, receiver) == (other, one)
      }
    }
    switch (isInside(sender, topology), isInside(receiver, topology)) {
    case (true, false): return direction != .inward
    case (false, true): return direction != .outward
    case (true, true), (false, false): return false
    }
  }

  private func isInside(_ node: Int, _ topology: Topology) -> Bool {
    switch side {
    case .place(let place): topology.isBehind(place, node: node)
    case .node(let one): node == one
    case .pair(let one, _): node == one
    }
  }
}
