/// A time of the calendar in UTC, which needs no library of the boards' C runtime.
public struct CivilTime {
  private let days: UInt64
  private let seconds: UInt64

  private static let secondsPerDay: UInt64 = 86_400

  /// - Parameter seconds: since 1970; those beyond the year 9999 are taken for its end.
  public init(seconds: UInt64) {
    let known = min(seconds, 253_402_300_799)
    days = known / Self.secondsPerDay
    self.seconds = known % Self.secondsPerDay
  }

  /// As RFC 3339 has it: `2026-11-26T15:58:35Z`.
  public var text: String {
    let (year, month, day) = date
    let clock = "\(Self.two(seconds / 3600)):\(Self.two(seconds / 60 % 60)):\(Self.two(seconds % 60))"
    return "\(year)-\(Self.two(month))-\(Self.two(day))T\(clock)Z"
  }

  private var date: (year: UInt64, month: UInt64, day: UInt64) {
    // Years that begin in March have the leap day at their end: then months follow a pattern, and 400 years have 146097 days.
    let shifted = days + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let month = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * month + 2) / 5 + 1
    let isNextYear = month >= 10
    return (yearOfEra + era * 400 + (isNextYear ? 1 : 0), isNextYear ? month - 9 : month + 3, day)
  }

  private static func two(_ number: UInt64) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
