/// How the nodes of a community network stand to one another: each is at a place, and places are joined by links.
struct Topology: Equatable {
  enum Kind: String, CaseIterable {
    /// All on one switch.
    case flat
    /// Places in a row, a wireless link from each to the next.
    case chain
    /// Leaves at a super node by wireless links, super nodes among themselves by a backbone.
    case stars
    /// Neighbourhoods, joined by tunnels.
    case islands
  }

  let kind: Kind
  /// How many places there are, at least one.
  let places: Int

  init(_ kind: Kind, places: Int) {
    self.kind = kind
    self.places = kind == .flat ? 1 : max(1, places)
  }

  /// A kind with as many places as suit so many nodes: a chain is some hops long, a super node has some 20 leaves.
  init(_ kind: Kind, nodes: Int) {
    switch kind {
    case .flat: self.init(kind, places: 1)
    case .chain: self.init(kind, places: min(nodes, 8))
    case .stars: self.init(kind, places: min(max(2, nodes / 20), 50))
    case .islands: self.init(kind, places: min(3, nodes))
    }
  }

  /// Where a node is. A node that comes later takes its turn.
  func place(of node: Int) -> Int { node % places }

  func link(from left: Int, to right: Int) -> Link {
    let (left, right) = (place(of: left), place(of: right))
    switch kind {
    case .flat: return .cable
    case .chain: return .cable.followed(by: .wireless, times: UInt64(abs(left - right)))
    case .stars:
      let leaves = Link.wireless.followed(by: .wireless)
      return left == right ? leaves : leaves.followed(by: .backbone)
    case .islands: return left == right ? .cable : .cable.followed(by: .tunnel)
    }
  }

  /// Whether a node is cut off from the rest where the way at a place is broken: in a chain with all that is behind it.
  func isBehind(_ place: Int, node: Int) -> Bool {
    kind == .chain ? self.place(of: node) >= place : self.place(of: node) == place
  }
}
