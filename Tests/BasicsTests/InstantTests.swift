import Basics
import Testing

@Suite struct InstantTests {
  let start = Instant(nanoseconds: 5_000_000)

  @Test func advances() {
    #expect(start.advanced(milliseconds: 0) == start)
    #expect(start.advanced(milliseconds: 3) == Instant(nanoseconds: 8_000_000))
  }

  @Test func stopsAtTheEndOfTime() {
    let end = Instant(nanoseconds: .max)
    #expect(start.advanced(milliseconds: .max) == end)
    #expect(start.advanced(milliseconds: UInt64.max / 1_000_000) == end)
    #expect(end.advanced(milliseconds: 1) == end)
    #expect(end.advanced(milliseconds: 0) == end)
  }

  @Test func countsMillisecondsRoundedUp() {
    #expect(start.milliseconds(since: start) == 0)
    #expect(Instant(nanoseconds: 5_000_001).milliseconds(since: start) == 1)
    #expect(Instant(nanoseconds: 6_000_000).milliseconds(since: start) == 1)
    #expect(Instant(nanoseconds: 6_000_001).milliseconds(since: start) == 2)
    #expect(start.milliseconds(since: Instant(nanoseconds: .max)) == 0)
    #expect(Instant(nanoseconds: .max).milliseconds(since: Instant(nanoseconds: 0)) == 18_446_744_073_710)
  }

  /// Whoever waits so long is not early.
  @Test func roundTripIsNeverEarly() {
    for nanoseconds in [0, 1, 999_999, 1_000_000, 1_000_001, 123_456_789] as [UInt64] {
      let later = Instant(nanoseconds: start.nanoseconds + nanoseconds)
      #expect(start.advanced(milliseconds: later.milliseconds(since: start)) >= later)
    }
  }
}
