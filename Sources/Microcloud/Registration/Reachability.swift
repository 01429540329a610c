import Basics

/// Whether others reach us at the address that we advertise, as far as we can tell.
///
/// Members probe one another all the time: a probe that comes proves the address. Where joins succeed and no probe ever
/// comes, a router or firewall stands in between. That we can reach others proves nothing.
public struct Reachability: Equatable, Sendable {
  public enum State: Equatable, Sendable {
    /// Nobody has proved it yet.
    case guessed
    case confirmed
    /// We have joined, and nobody has probed us in so many seconds.
    case unreachable(seconds: UInt64)
    /// Others see another address than ours.
    case translated(IPAddress)
  }

  /// Every member is probed about once in each interval, whatever the number of members: with so many intervals gone by
  /// it is no coincidence, even if those that probe are slowed down to an eighth.
  static let probeIntervals: UInt64 = 30

  public private(set) var state = State.guessed
  private let patienceMilliseconds: UInt64
  /// When we were first taken in without having been probed.
  private var joinedAt: Instant?

  init(profile: MembershipProfile) {
    patienceMilliseconds = Self.probeIntervals * profile.probeIntervalMilliseconds
  }

  /// Whether there is reason to think that nobody can reach us.
  public var isUnreachable: Bool {
    switch state {
    case .guessed, .confirmed: false
    case .unreachable, .translated: true
    }
  }

  var nextDeadline: Instant? {
    state == .guessed ? joinedAt?.advanced(milliseconds: patienceMilliseconds) : nil
  }

  mutating func joined(now: Instant) {
    if joinedAt == nil { joinedAt = now }
  }

  mutating func probed() {
    state = .confirmed
  }

  /// A peer told from which address we seem to come. Probes have the last word: an address that was set may well be one
  /// that a router forwards from.
  mutating func seen(as address: IPAddress, own: [IPAddress]) {
    if state != .confirmed && !own.contains(address) { state = .translated(address) }
  }

  mutating func tick(now: Instant) {
    if let nextDeadline, nextDeadline <= now { state = .unreachable(seconds: patienceMilliseconds / 1000) }
  }
}
