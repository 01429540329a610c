import Microcloud

/// How long what must happen may take, from a profile's timers and the number of nodes; all in milliseconds.
///
/// They are no measure of how quick it is (`microsim curve` is), but what may never be exceeded in thousands of histories:
/// each names the chance that it leaves for bad luck.
struct Bounds {
  /// As `SerfMembership` tries to reach those that failed.
  static let reconnectMilliseconds: UInt64 = 30_000
  /// In so many rounds of probes by all somebody picks a certain one, but for once in e^8, about 3,000.
  private static let probesUntilPicked: UInt64 = 8
  /// Attempts until two halves that were apart have met: each is one node's that fails half of the time.
  private static let reconnections: UInt64 = 8
  /// A stream is opened, an answer is lost, and it is tried again a few times.
  private static let joinAttempts: UInt64 = 4

  /// When nearly everybody knows what was told to all: in a small network a hundredth of them may still be missed.
  let gossip: UInt64
  /// When everybody knows it: whom gossip has missed hears it when it next compares all that is known with somebody.
  let spread: UInt64
  let detection: UInt64
  let join: UInt64
  let recovery: UInt64
  /// Over what time `mostPackets` counts.
  let rest: UInt64
  /// At rest a node sends a probe and an answer each interval; a few more where packets are lost.
  let mostPackets: UInt64

  /// - Parameter nodes: how many may be in a table, with those that liars made up.
  init(_ profile: MembershipProfile, nodes: Int) {
    let digits = UInt64(String(nodes).utf8.count)
    let rounds = UInt64(profile.retransmitMultiplier) * digits
    // All rounds in which a broadcast is sent by whoever hears it last, and a packet that is held up.
    gossip = 2 * rounds * profile.gossipIntervalMilliseconds + 1500
    // Twice as many members beyond 32 compare one interval less often.
    let doublings = UInt64.bitWidth - UInt64(max(0, nodes - 1) / 32).leadingZeroBitCount
    let stretch = UInt64(1 + doublings)
    spread = gossip + 2 * stretch * profile.pushPullIntervalMilliseconds
    let scale = max(1, digits - 1)
    let suspicion = UInt64(profile.suspicionMultiplier) * scale * profile.probeIntervalMilliseconds
    // Few accuse it where there are few: then the suspicion takes its longest time, six times the shortest.
    let longestSuspicion = 6 * suspicion
    detection = Self.probesUntilPicked * profile.probeIntervalMilliseconds + longestSuspicion + spread
    join = Self.joinAttempts * profile.streamTimeoutMilliseconds + spread
    // Everybody has to be probed once in each round, suspected, dead and forgotten.
    let round = UInt64(nodes) * profile.probeIntervalMilliseconds
    recovery =
      Self.reconnections * Self.reconnectMilliseconds + 3 * round + longestSuspicion
      + profile.gossipToTheDeadMilliseconds + detection + join
    rest = 10 * profile.probeIntervalMilliseconds
    mostPackets = 5 * rest / profile.probeIntervalMilliseconds
  }
}
