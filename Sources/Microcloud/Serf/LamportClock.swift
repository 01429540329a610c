/// One of Serf's logical clocks: it is always later than every time that was seen.
struct LamportClock {
  /// How far a time may be ahead to be believed. Who could set a clock to its end would stop it for good.
  private static let maximumStep: UInt64 = 1 << 32

  /// The time of the next message of our own.
  private(set) var time: LamportTime

  /// Takes note of a time that was seen; false if it is absurd.
  mutating func witness(_ seen: LamportTime) -> Bool {
    if seen < time { return true }
    if seen.rawValue - time.rawValue > Self.maximumStep || seen.rawValue == .max { return false }
    time = LamportTime(rawValue: seen.rawValue + 1)
    return true
  }

  /// The time for a message of our own.
  mutating func tick() -> LamportTime {
    defer { _ = witness(time) }
    return time
  }
}
