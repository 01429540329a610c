/// One thing that happens to a world, by itself: what it breaks is mended at its end, so that any of them can be left out.
enum Disturbance: Equatable {
  /// The power of a node is cut, and comes back after so long, if ever.
  case crash(node: Int, milliseconds: UInt64?, finding: NodeStore.State)
  /// A node says farewell, and is back after so long, if ever.
  case leave(node: Int, milliseconds: UInt64?)
  /// A node gets another address.
  case move(node: Int)
  /// A node says other things of itself, of so many bytes.
  case retag(node: Int, bytes: Int)
  /// A node only gets to run for a part of the time.
  case slow(node: Int, milliseconds: UInt64, asleep: UInt64, awake: UInt64)
  case cut(Cut, milliseconds: UInt64)
  /// All links are worse for some time.
  case weather(lostPerMillion: UInt64, delayedPerMillion: UInt64, milliseconds: UInt64)
  case drift(node: Int, partsPerMillion: Int64)
  case jump(node: Int, forwardMilliseconds: UInt64)
  /// A stranger lies for some time.
  case lies(milliseconds: UInt64)
  /// A node's disk is full for some time.
  case fill(node: Int, milliseconds: UInt64)
  /// A stranger says again for some time what nodes asked and answered before.
  case replays(milliseconds: UInt64)

  /// A node that does not get to run for so long is suspected by some, and has the time to refute it.
  static let briefMilliseconds: UInt64 = 2500

  /// How long it lasts.
  var milliseconds: UInt64 {
    switch self {
    case .crash(_, let milliseconds, _), .leave(_, let milliseconds): milliseconds ?? 0
    case .slow(_, let milliseconds, _, _), .cut(_, let milliseconds), .weather(_, _, let milliseconds),
      .lies(let milliseconds), .fill(_, let milliseconds), .replays(let milliseconds):
      milliseconds
    case .move, .retag, .drift, .jump: 0
    }
  }

  /// Whether the others must go on as if nothing were, but for hearing of it.
  var isGentle: Bool {
    switch self {
    case .crash, .leave, .move, .retag, .drift, .fill, .replays: true
    case .cut(let cut, _): if case .pair = cut.side { true } else { false }
    // Less than the shortest time that a suspect has to refute.
    case .slow(_, let milliseconds, _, _): milliseconds <= Self.briefMilliseconds
    case .weather, .jump, .lies: false
    }
  }
}
