/// Choices that need no secrecy: whom to ask, when to speak, so that nodes that start together do not stay together. The
/// same seed gives the same numbers on every machine (SplitMix64), which lets a simulation be run again. Never use it for
/// keys, nonces or tokens.
public struct SeededRandom: Sendable {
  private var state: UInt64

  public init(seed: UInt64) {
    state = seed
  }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// A number below `limit`, which is above 0.
  public mutating func below(_ limit: UInt64) -> UInt64 { next() % limit }

  /// The index of one of `count` elements, of which there is at least one.
  public mutating func index(below count: Int) -> Int { Int(below(UInt64(count))) }

  /// A number in `range`, which has fewer than 2^64 of them.
  public mutating func number(in range: ClosedRange<UInt64>) -> UInt64 {
    range.lowerBound + below(range.upperBound - range.lowerBound + 1)
  }

  public mutating func shuffle<Element>(_ elements: inout [Element]) {
    for last in stride(from: elements.count - 1, to: 0, by: -1) {
      elements.swapAt(last, index(below: last + 1))
    }
  }
}
