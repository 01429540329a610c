/// Choices whom to gossip to and when (SplitMix64): quick, and the same for the same seed. No secret comes from it.
struct GossipRandom {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// A number below `limit`, which is above 0.
  mutating func below(_ limit: UInt64) -> UInt64 { next() % limit }

  mutating func index(below count: Int) -> Int { Int(below(UInt64(count))) }

  mutating func shuffle(_ elements: inout [UInt32]) {
    for last in stride(from: elements.count - 1, to: 0, by: -1) {
      elements.swapAt(last, index(below: last + 1))
    }
  }
}
