import Basics

/// Decides when the tag may change, as each change travels to every member.
///
/// Free memory counts in coarse steps and at most every ten minutes. A service that a person publishes or withdraws
/// counts at once, and so does a new owner or port; but a container that starts and ends all the time may not fill the
/// network either: of such changes at most `maximumBurst` come in a row, then one in `changeMilliseconds`. That bounds
/// all that a node can cause to 4 + 60 changes in the first hour, and 6 more for its memory.
public struct TagSchedule: Equatable, Sendable {
  public static let memoryMilliseconds: UInt64 = 10 * 60_000
  public static let changeMilliseconds: UInt64 = 60_000
  public static let maximumBurst: UInt64 = 4

  /// The free memory that the tag says.
  public private(set) var toldMemoryMiB: UInt32
  /// What it would say if it might.
  private var memoryMiB: UInt32
  private var memoryAllowedAt: Instant
  /// Whether something else has changed that the tag does not say yet.
  private var isChanged = false
  /// When a burst of changes would have been paid for, at one in `changeMilliseconds`.
  private var paidUpAt: Instant

  /// For a tag that is being said for the first time.
  public init(freeMemoryBytes: UInt64, now: Instant) {
    toldMemoryMiB = CoarseMemory.rounded(bytes: freeMemoryBytes)
    memoryMiB = toldMemoryMiB
    memoryAllowedAt = now.advanced(milliseconds: Self.memoryMilliseconds)
    paidUpAt = now
  }

  /// So much memory is free now.
  public mutating func setFreeMemory(bytes: UInt64) {
    memoryMiB = CoarseMemory.next(after: toldMemoryMiB, bytes: bytes)
  }

  /// Something that the tag says has changed, other than memory.
  public mutating func setChanged() {
    isChanged = true
  }

  /// When `take` will be true if nothing else happens; nil: there is nothing to say.
  public var nextDeadline: Instant? {
    let memoryAt = memoryMiB == toldMemoryMiB ? nil : memoryAllowedAt
    let changeAt = isChanged ? changeAllowedAt : nil
    guard let memoryAt, let changeAt else { return memoryAt ?? changeAt }
    return min(memoryAt, changeAt)
  }

  /// Whether to say the tag anew. If so, it is to say `toldMemoryMiB`, and all else as it is now.
  public mutating func take(now: Instant) -> Bool {
    guard let due = nextDeadline, due <= now else { return false }
    if isChanged, changeAllowedAt <= now {
      isChanged = false
      paidUpAt = max(paidUpAt, now).advanced(milliseconds: Self.changeMilliseconds)
    }
    if memoryMiB != toldMemoryMiB, memoryAllowedAt <= now {
      toldMemoryMiB = memoryMiB
      memoryAllowedAt = now.advanced(milliseconds: Self.memoryMilliseconds)
    }
    return true
  }

  private var changeAllowedAt: Instant {
    let credit = (Self.maximumBurst - 1) * Self.changeMilliseconds * 1_000_000
    return Instant(nanoseconds: paidUpAt.nanoseconds > credit ? paidUpAt.nanoseconds - credit : 0)
  }
}
