import Basics

/// What the node does while its memory is short: at once it promises nothing more; where it stays short, it slows down those
/// of the lowest priority, and then takes back, one promise after the other.
///
/// It is told of each window of the kernel's, two seconds, in which everything waited for memory for too long (PSI).
public struct PressureLadder: Equatable, Sendable {
  /// What is to be done at the end of a window.
  enum Step: Equatable {
    case promiseNothing
    case throttle
    case giveUp
  }

  /// So many windows in a row before those of the lowest priority are slowed down…
  public static let windowsBeforeThrottle = 2
  /// …so many before a lease is given up…
  public static let windowsBeforeEviction = 4
  /// …and so many before the next one: what is given up ends with its grace, and only then is its memory free.
  public static let windowsBetweenEvictions = 10
  /// Windows further apart than this are not in a row.
  public static let rowMilliseconds: UInt64 = 5_000
  /// So long without such a window before the node promises something again: longer than a row, so that what was given up
  /// is not given to somebody else at once.
  public static let calmMilliseconds: UInt64 = 60_000

  private var lastWindow: Instant?
  private var windows = 0
  private var windowsNeeded = windowsBeforeEviction

  public init() {}

  /// Nothing is promised now.
  public func isShort(now: Instant) -> Bool {
    lastWindow.map { now.milliseconds(since: $0) < Self.calmMilliseconds } ?? false
  }

  /// When that will be over if nothing waits any more; nil: it is not short.
  var calmAt: Instant? { lastWindow?.advanced(milliseconds: Self.calmMilliseconds) }

  /// A window of waiting has ended.
  mutating func waited(now: Instant) -> Step {
    let isInARow = lastWindow.map { now.milliseconds(since: $0) <= Self.rowMilliseconds } ?? false
    if !isInARow { (windows, windowsNeeded) = (0, Self.windowsBeforeEviction) }
    windows += 1
    lastWindow = now
    if windows >= windowsNeeded {
      (windows, windowsNeeded) = (0, Self.windowsBetweenEvictions)
      return .giveUp
    }
    return windows >= Self.windowsBeforeThrottle ? .throttle : .promiseNothing
  }
}
