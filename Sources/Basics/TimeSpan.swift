/// Lengths of time as people write them: `90s`, `30m`, `2h`, `7d`.
public enum TimeSpan {
  /// The seconds that a text names; nil where it names none, or more than 64 bits hold. A number alone is seconds.
  public static func seconds(_ text: String) -> UInt64? {
    var bytes = Array(text.utf8)[...]
    let unit: UInt64
    switch bytes.last {
    case UInt8(ascii: "s"): unit = 1
    case UInt8(ascii: "m"): unit = 60
    case UInt8(ascii: "h"): unit = 3600
    case UInt8(ascii: "d"): unit = 86_400
    default: unit = 0
    }
    if unit > 0 { bytes.removeLast() }
    guard let number = Decimal.parse(bytes) else { return nil }
    let (seconds, tooLong) = number.multipliedReportingOverflow(by: max(1, unit))
    return tooLong ? nil : seconds
  }
}
