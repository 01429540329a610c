/// Which requests came (RFC 8613 section 7.4): the highest number, and which of those shortly before it.
struct OSCOREReplayWindow: Equatable {
  /// How many numbers it reaches back. What is older counts as seen.
  static let size: UInt64 = 64

  /// Nil: none came yet.
  private(set) var highest: UInt64?
  /// Bit n: the number that is n below the highest.
  private var seen: UInt64 = 0

  /// Whether a number is new as far as is known.
  func isNew(_ number: UInt64) -> Bool {
    guard let highest, number <= highest else { return true }
    let age = highest - number
    return age < Self.size && seen >> age & 1 == 0
  }

  /// Notes a number; only once it is verified, or anybody could make others seem old.
  mutating func note(_ number: UInt64) {
    guard let highest, number <= highest else {
      let step = highest.map { number - $0 } ?? Self.size
      seen = step < Self.size ? seen << step | 1 : 1
      highest = number
      return
    }
    let age = highest - number
    if age < Self.size { seen |= 1 << age }
  }
}
