import Basics

/// What a client observes: the other end of RFC 7641. It tells new states from old ones, and when to register again.
public struct CoAPObservation: Equatable, Sendable {
  public enum Verdict: Equatable, Sendable {
    /// It is newer than all before.
    case fresh
    /// It was overtaken by a newer one.
    case stale
    /// The server does not tell (any more): this is its answer, and the last.
    case last
  }

  /// After this time any notification is newer, whatever its number (RFC 7641 section 3.4).
  public static let reorderingMilliseconds: UInt64 = 128_000
  /// Max-Age where a response does not say (RFC 7252 section 5.10.5).
  public static let usualMaxAgeSeconds: UInt64 = 60
  /// A client waits a while longer than Max-Age before it registers again: the notification may be late (RFC 7641
  /// section 3.3.1).
  public static let patienceMilliseconds: ClosedRange<UInt64> = 5000...15_000

  private var sequence: UInt32?
  private var heardAt = Instant(nanoseconds: 0)
  /// When the state that was heard last is not to be relied on, and the client registers again: a request with the same token
  /// as before is not needed, one with Observe 0 is. Nil: nothing was heard yet, or the last one was.
  public private(set) var registerAt: Instant?

  public init() {}

  /// Judges a response to the request that observes, or a notification.
  public mutating func receive(_ message: CoAPMessage, random: inout SeededRandom, now: Instant) -> Verdict {
    guard message.code.isSuccess, message.options[.observe] != nil else {
      registerAt = nil
      return .last
    }
    let number = UInt32(truncatingIfNeeded: message.options.unsigned(.observe) ?? 0) & CoAPObservers.sequenceMask
    if let sequence, !Self.isNewer(number, than: sequence),
      now.milliseconds(since: heardAt) <= Self.reorderingMilliseconds
    {
      return .stale
    }
    sequence = number
    heardAt = now
    let seconds = min(message.options.unsigned(.maxAge) ?? Self.usualMaxAgeSeconds, UInt64(UInt32.max))
    registerAt = now.advanced(milliseconds: seconds * 1000 + random.number(in: Self.patienceMilliseconds))
    return .fresh
  }

  /// In a circle of 2^24 (section 3.4).
  static func isNewer(_ number: UInt32, than other: UInt32) -> Bool {
    let half: UInt32 = 1 << 23
    return other < number ? number - other < half : other - number > half
  }
}
