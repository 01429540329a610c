import Basics

/// Lengths of time as people write and read them.
enum Duration {
  /// The largest unit alone is enough for a table: `45s`, `3m`, `2h`, `5d`.
  static func short(seconds: UInt64) -> String {
    switch seconds {
    case ..<60: "\(seconds)s"
    case ..<3600: "\(seconds / 60)m"
    case ..<86_400: "\(seconds / 3600)h"
    default: "\(seconds / 86_400)d"
    }
  }

  /// How long ago `seconds` was; a clock that was set back gives 0.
  static func since(_ seconds: UInt64, now: UInt64) -> String {
    short(seconds: now > seconds ? now - seconds : 0)
  }

  /// Processor time with tenths of seconds: `12.3s`.
  static func processor(nanoseconds: UInt64) -> String {
    let tenths = nanoseconds / 100_000_000
    return "\(tenths / 10).\(tenths % 10)s"
  }

  /// Whole seconds as milliseconds; nil where the text is no number or too large.
  static func milliseconds(ofSeconds text: String) -> UInt64? {
    guard let seconds = Decimal.parse(text), seconds <= UInt64.max / 1000 else { return nil }
    return seconds * 1000
  }

  /// `20%` of one core, or a number of cores as `cpuMillis` takes it.
  static func cpuShare(_ text: String) -> UInt64? {
    let bytes = Array(text.utf8)
    guard bytes.last == UInt8(ascii: "%") else { return cpuMillis(text) }
    return Decimal.parse(bytes.dropLast()).flatMap { $0 <= 1_000_000 ? $0 * 10 : nil }
  }

  /// A decimal number of cores in thousandths: `0.5` is 500, `.25` is 250, `2` is 2000.
  static func cpuMillis(_ text: String) -> UInt64? {
    let parts = ASCII.split(Array(text.utf8)[...], at: UInt8(ascii: "."))
    guard parts.count <= 2, let whole = parts[0].isEmpty && parts.count == 2 ? 0 : Decimal.parse(parts[0]),
      whole <= 1_000_000
    else { return nil }
    guard parts.count == 2, !parts[1].isEmpty else { return parts[0].isEmpty ? nil : whole * 1000 }
    guard parts[1].count <= 3, var fraction = Decimal.parse(parts[1]) else { return nil }
    for _ in parts[1].count..<3 { fraction *= 10 }
    return whole * 1000 + fraction
  }
}
