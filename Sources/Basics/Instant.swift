/// A point in monotonic time, in nanoseconds since an origin that only differences make sense of.
///
/// State machines are given `now` as an `Instant`; none of them reads a clock.
public struct Instant: Comparable, Hashable, Sendable {
  public var nanoseconds: UInt64

  public init(nanoseconds: UInt64) {
    self.nanoseconds = nanoseconds
  }

  public static func < (left: Instant, right: Instant) -> Bool {
    left.nanoseconds < right.nanoseconds
  }

  /// The instant so many milliseconds later; stops at the end of time rather than wrapping.
  public func advanced(milliseconds: UInt64) -> Instant {
    let (product, tooLong) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
    let (sum, tooLate) = nanoseconds.addingReportingOverflow(product)
    return Instant(nanoseconds: tooLong || tooLate ? .max : sum)
  }

  /// Whole milliseconds from `earlier` to this instant, rounded up; 0 if `earlier` is later.
  public func milliseconds(since earlier: Instant) -> UInt64 {
    guard nanoseconds > earlier.nanoseconds else { return 0 }
    let difference = nanoseconds - earlier.nanoseconds
    return difference / 1_000_000 + (difference % 1_000_000 == 0 ? 0 : 1)
  }
}
