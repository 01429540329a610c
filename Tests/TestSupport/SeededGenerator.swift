import Basics

/// The same numbers for the same seed, on every machine, for the standard library's functions, too.
public struct SeededGenerator: RandomNumberGenerator {
  private var random: SeededRandom

  public init(seed: UInt64) {
    random = SeededRandom(seed: seed)
  }

  public mutating func next() -> UInt64 {
    random.next()
  }

  /// A number below `bound`; cheaper than the standard library's in a debug build, and as good for a simulation.
  public mutating func below(_ bound: UInt64) -> UInt64 {
    next() % bound
  }

  public mutating func below(_ bound: Int) -> Int {
    Int(below(UInt64(bound)))
  }

  /// True once in so many times.
  public mutating func oneIn(_ times: UInt64) -> Bool {
    below(times) == 0
  }

  public mutating func pick<Element>(_ elements: [Element]) -> Element {
    elements[below(elements.count)]
  }

  public mutating func bytes(upTo limit: Int) -> [UInt8] {
    (0..<below(limit + 1)).map { _ in UInt8(truncatingIfNeeded: next()) }
  }
}
