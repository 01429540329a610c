/// The timing of a cluster, under memberlist's names for it. All members should use the same one; those that do not still
/// understand one another.
public struct MembershipProfile: Equatable, Sendable {
  /// How often one member is probed.
  public var probeIntervalMilliseconds: UInt64
  /// How long a direct answer is waited for before others are asked to probe too.
  public var probeTimeoutMilliseconds: UInt64
  public var gossipIntervalMilliseconds: UInt64
  /// To how many members each round of gossip goes.
  public var gossipNodes: Int
  /// How often the whole state is compared with one member, in clusters of up to 32.
  public var pushPullIntervalMilliseconds: UInt64
  public var suspicionMultiplier: Int
  public var retransmitMultiplier: Int
  /// How many members are asked to probe one that does not answer us.
  public var indirectChecks: Int
  /// After which a stream that is not through is given up.
  public var streamTimeoutMilliseconds: UInt64
  /// How long a dead member is still gossiped to, and remembered.
  public var gossipToTheDeadMilliseconds: UInt64

  /// One site; the default of Serf.
  public static let lan = MembershipProfile(
    probeIntervalMilliseconds: 1000, probeTimeoutMilliseconds: 500, gossipIntervalMilliseconds: 200, gossipNodes: 3,
    pushPullIntervalMilliseconds: 30_000, suspicionMultiplier: 4, retransmitMultiplier: 4, indirectChecks: 3,
    streamTimeoutMilliseconds: 10_000, gossipToTheDeadMilliseconds: 30_000)
  /// Slow and lossy links between sites; what Cloudy uses.
  public static let wan = MembershipProfile(
    probeIntervalMilliseconds: 5000, probeTimeoutMilliseconds: 3000, gossipIntervalMilliseconds: 500, gossipNodes: 4,
    pushPullIntervalMilliseconds: 60_000, suspicionMultiplier: 6, retransmitMultiplier: 4, indirectChecks: 3,
    streamTimeoutMilliseconds: 30_000, gossipToTheDeadMilliseconds: 60_000)
  /// One machine.
  public static let local = MembershipProfile(
    probeIntervalMilliseconds: 1000, probeTimeoutMilliseconds: 200, gossipIntervalMilliseconds: 100, gossipNodes: 3,
    pushPullIntervalMilliseconds: 15_000, suspicionMultiplier: 3, retransmitMultiplier: 2, indirectChecks: 1,
    streamTimeoutMilliseconds: 1000, gossipToTheDeadMilliseconds: 15_000)
}

// How timing depends on the size of the cluster.
extension MembershipProfile {
  /// A suspect that nobody else accuses has so many times the shortest time to refute.
  private static let suspicionMaximumMultiplier: UInt64 = 6
  /// Up to 2^5 members the interval of push/pull is not stretched.
  private static let pushPullThresholdExponent = 5

  /// The shortest and the longest time in which a suspect may refute.
  func suspicionMilliseconds(members: Int) -> (minimum: UInt64, maximum: UInt64) {
    let scale = max(1000, Logarithm.base10Thousandths(UInt32(max(1, members))))
    let minimum = UInt64(suspicionMultiplier) * scale * probeIntervalMilliseconds / 1000
    return (minimum, Self.suspicionMaximumMultiplier * minimum)
  }

  /// How many further accusers shorten that time to its minimum; 0 where there are not enough members for it.
  func suspicionConfirmations(members: Int) -> Int {
    let wanted = suspicionMultiplier - 2
    return members - 2 < wanted ? 0 : wanted
  }

  /// How often each broadcast is sent.
  func retransmitLimit(members: Int) -> Int {
    retransmitMultiplier * Logarithm.decimalDigits(members)
  }

  func pushPullMilliseconds(members: Int) -> UInt64 {
    let exponent = Int.bitWidth - max(0, members - 1).leadingZeroBitCount
    return pushPullIntervalMilliseconds * UInt64(max(0, exponent - Self.pushPullThresholdExponent) + 1)
  }
}
