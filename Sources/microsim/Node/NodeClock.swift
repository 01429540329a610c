import Basics

/// A node's own monotonic clock: it goes a little faster or slower than the world's, and may jump forward.
struct NodeClock {
  /// Of its rate; a crystal has some 100, this is for what a bad one in the sun could have.
  static let mostPartsPerMillion: Int64 = 20_000
  private static let million: Int64 = 1_000_000

  private var worldBase: Instant
  private var localBase: Instant
  private(set) var partsPerMillion: Int64 = 0

  init(startingAt world: Instant, saying local: Instant) {
    worldBase = world
    localBase = local
  }

  func local(_ world: Instant) -> Instant {
    let elapsed = Int64(world.nanoseconds - worldBase.nanoseconds)
    let drift = elapsed / 1000 * partsPerMillion / 1000
    return Instant(nanoseconds: localBase.nanoseconds + UInt64(elapsed + drift))
  }

  /// The first instant of the world at which this clock says at least so much, to a microsecond.
  func world(_ local: Instant) -> Instant {
    guard local > localBase else { return worldBase }
    let elapsed = Int64(local.nanoseconds - localBase.nanoseconds)
    let guess = elapsed - elapsed / (Self.million + partsPerMillion) * partsPerMillion
    var world = Instant(nanoseconds: worldBase.nanoseconds + UInt64(max(0, guess - 2 * Self.mostPartsPerMillion)))
    while self.local(world) < local { world.nanoseconds += 1000 }
    return world
  }

  /// Goes so much faster from now on, or slower if it is negative.
  mutating func drift(partsPerMillion: Int64, at world: Instant) {
    (localBase, worldBase) = (local(world), world)
    self.partsPerMillion = max(-Self.mostPartsPerMillion, min(Self.mostPartsPerMillion, partsPerMillion))
  }

  mutating func jump(milliseconds: UInt64, at world: Instant) {
    (localBase, worldBase) = (local(world).advanced(milliseconds: milliseconds), world)
  }
}
