import Basics
import CSystem

/// The machine's clocks.
public enum Clock {
  /// Monotonic time, which stops while the machine is suspended.
  public static func now() -> Instant {
    Instant(nanoseconds: system_monotonic_time())
  }

  /// Does nothing for so long: before a program's loop runs, not in it.
  public static func sleep(milliseconds: UInt64) {
    _ = system_wait_readable(nil, nil, 0, CInt(clamping: milliseconds))
  }

  /// Seconds since 1970, for people only: a board without a battery may be decades off.
  public static func wallSeconds() -> UInt64 {
    system_wall_time() / 1_000_000_000
  }
}
