import Basics

/// A reservation with an end: so much of this node, for one holder.
///
/// This is the record that the store keeps.
public struct Lease: Equatable, Sendable {
  /// Where a lease is in its life. Raw values stand in the store.
  public enum Phase: UInt8, Equatable, Sendable {
    /// Granted, and gone at its deadline unless it is confirmed. It is in no store.
    case tentative = 0
    case active = 1
    /// At its end. Nothing runs in it any more; what its containers wrote is kept for the holder until the deadline.
    case over = 2
  }

  /// Why it is over.
  public enum End: UInt8, Equatable, Sendable {
    case expired = 0
    case released = 1
    /// The node was short of what it had promised to leases of higher priority and to its owner.
    case givenUp = 2
  }

  /// Never used twice by leases that were confirmed.
  public let id: UInt64
  /// `Principal.holder`.
  public let holder: [UInt8]
  public let request: LeaseRequest
  public var phase: Phase
  public var end: End?
  /// What the holder knows of it may be wrong where this is another number than it was told: it grows when the board was
  /// restarted, so that all in the lease was started anew and time went by uncounted, and when a lease that was over is
  /// renewed. It begins at a number that no earlier life of the agent is likely to have used: an id that was given out by
  /// one that died before the lease was confirmed, and is given again, is told apart by it.
  public var generation: UInt32
  /// When the phase ends, on the clock of `boot`. A tentative lease is dropped, an active one is over, and what is left
  /// of one that is over is removed.
  public var deadline: Instant
  /// What of it was left when the record was made: what another boot goes by.
  public var remainingMilliseconds: UInt64
  /// The boot that the deadline belongs to (/proc/sys/kernel/random/boot_id).
  public var boot: String
  /// Wall clock in seconds since 1970, for people.
  public let createdSeconds: UInt64

  public init(
    id: UInt64, holder: [UInt8], request: LeaseRequest, generation: UInt32, deadline: Instant, boot: String,
    createdSeconds: UInt64
  ) {
    self.id = id
    self.holder = holder
    self.request = request
    phase = .tentative
    self.generation = generation
    self.deadline = deadline
    remainingMilliseconds = 0
    self.boot = boot
    self.createdSeconds = createdSeconds
  }

  /// Whether its holder must hear of it; that time goes by is no news.
  func isNews(after other: Lease) -> Bool {
    phase != other.phase || generation != other.generation || deadline != other.deadline
  }
}

extension Lease.Phase: CustomStringConvertible {
  public var description: String {
    switch self {
    case .tentative: "tentative"
    case .active: "active"
    case .over: "over"
    }
  }
}

extension Lease.End: CustomStringConvertible {
  public var description: String {
    switch self {
    case .expired: "its time was over"
    case .released: "it was released"
    case .givenUp: "the node had to give it up"
    }
  }
}
