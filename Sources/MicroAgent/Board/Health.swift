import Basics

/// Whether the agent is well, so that a watchdog may be told so: that of the board, or the service manager's.
///
/// That the loop turns shows by its being asked. What waits for the disk may wait long on a flash card; where nothing at all
/// is answered for `storePatienceMilliseconds`, the writer is stuck, or the kernel's driver below it, and only a restart helps.
public struct Health: Sendable {
  public static let storePatienceMilliseconds: UInt64 = 60_000

  /// The write that is waited for, and since when it was seen to be the oldest one.
  private var oldestWrite: UInt64?
  private var since = Instant(nanoseconds: 0)

  public init() {}

  /// Why the agent is not well, in one line; nil: it is.
  ///
  /// - Parameters:
  ///   - oldestWrite: the number of the oldest write that the store's writer has not answered; nil: it owes nothing.
  ///   - hasKeeper: whether the keeper is there, which would start the agent again.
  public mutating func problem(oldestWrite: UInt64?, hasKeeper: Bool, now: Instant) -> String? {
    if oldestWrite != self.oldestWrite { (self.oldestWrite, since) = (oldestWrite, now) }
    if !hasKeeper { return "the keeper is gone" }
    if isStoreLate(by: Self.storePatienceMilliseconds, now: now) {
      return "the store's writer has not answered for \(now.milliseconds(since: since) / 1000) s"
    }
    return nil
  }

  /// Whether the writer has let this time pass without an answer.
  public func isStoreLate(by milliseconds: UInt64, now: Instant) -> Bool {
    oldestWrite != nil && now.milliseconds(since: since) >= milliseconds
  }
}
