/// So many in a time, with some at once (the generic cell rate algorithm).
public struct RateLimit: Sendable {
  /// When the next one would come if all came evenly.
  private var dueAt: UInt64 = 0

  public init() {}

  /// Whether one more may come now.
  public mutating func take(perSecond: UInt64, burst: UInt64, now: Instant) -> Bool {
    take(everyNanoseconds: 1_000_000_000 / max(perSecond, 1), burst: burst, now: now)
  }

  /// Whether one more may come now, where they are rarer than one a second.
  public mutating func take(everySeconds: UInt64, burst: UInt64, now: Instant) -> Bool {
    take(everyNanoseconds: everySeconds &* 1_000_000_000, burst: burst, now: now)
  }

  private mutating func take(everyNanoseconds interval: UInt64, burst: UInt64, now: Instant) -> Bool {
    let due = max(dueAt, now.nanoseconds)
    if due - now.nanoseconds > interval &* burst { return false }
    dueAt = due &+ interval
    return true
  }
}
