import Microcloud

/// In which order nodes are asked to take a container.
///
/// Not asked at all is who is gone, who is claimed by nobody, and whose processor is known to be too little. Of the others go
/// first, each rule deciding where those before it do not:
/// 1. who told of enough free memory: the others may have some by now, and are asked last;
/// 2. where an ISA level is asked for, whose processor is the least that will do, so that better ones stay free for those who
///    need them;
/// 3. who is near: by quality, in steps of 25, so that small differences of it do not send everybody to one node. The own
///    node is as near as can be;
/// 4. who told of the most free memory: the least loaded;
/// 5. who has the higher quality, then whose name comes first in the order of its bytes.
///
/// The same nodes and the same wish give the same order, in whatever order the nodes came.
public struct PlacementOrder: Equatable, Sendable {
  /// Indices into the candidates, the first one to be asked first.
  public private(set) var fitting: [Int] = []
  /// Who is not asked, and why, in the order in which they came.
  public private(set) var unfit: [(index: Int, reason: String)] = []

  static let nearnessStep: UInt64 = 25

  public init(_ candidates: [PlacementCandidate], for wish: PlacementWish) {
    for index in candidates.indices {
      if let reason = Self.refusal(of: candidates[index], wish) {
        unfit.append((index, reason))
      } else {
        let place = fitting.firstIndex { Self.isBefore(candidates[index], candidates[$0], wish) }
        fitting.insert(index, at: place ?? fitting.endIndex)
      }
    }
  }

  public static func == (left: PlacementOrder, right: PlacementOrder) -> Bool {
    left.fitting == right.fitting && left.unfit.elementsEqual(right.unfit) { $0.index == $1.index }
  }

  private static func refusal(of node: PlacementCandidate, _ wish: PlacementWish) -> String? {
    if !node.isAlive { return "it is gone" }
    if !node.isClaimed, !node.isOwn { return "nobody has claimed it" }
    guard let needed = wish.isa, let isa = node.isa, isa.rank < needed.rank else { return nil }
    return "its processor is \(isa.rawValue), and \(needed.rawValue) is needed"
  }

  private static func isBefore(
    _ left: PlacementCandidate, _ right: PlacementCandidate, _ wish: PlacementWish
  ) -> Bool {
    for rule in [lacksMemory, spareISA, distance] as [(PlacementCandidate, PlacementWish) -> UInt64] {
      let (first, second) = (rule(left, wish), rule(right, wish))
      if first != second { return first < second }
    }
    if left.freeMemoryBytes != right.freeMemoryBytes { return left.freeMemoryBytes > right.freeMemoryBytes }
    if left.quality != right.quality { return left.quality > right.quality }
    return Array(left.name.utf8).lexicographicallyPrecedes(Array(right.name.utf8))
  }

  private static func lacksMemory(_ node: PlacementCandidate, _ wish: PlacementWish) -> UInt64 {
    node.freeMemoryBytes < wish.lease.size.memoryBytes ? 1 : 0
  }

  /// How far above what is needed; who does not say comes last.
  private static func spareISA(_ node: PlacementCandidate, _ wish: PlacementWish) -> UInt64 {
    guard let needed = wish.isa else { return 0 }
    return node.isa.map { UInt64(max(0, $0.rank - needed.rank)) } ?? .max
  }

  private static func distance(_ node: PlacementCandidate, _ wish: PlacementWish) -> UInt64 {
    node.isOwn ? 0 : (100 - min(100, node.quality)) / nearnessStep
  }
}
