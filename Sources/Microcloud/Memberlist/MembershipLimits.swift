/// What bounds the memory and the credulity of a membership.
public struct MembershipLimits: Equatable, Sendable {
  /// The most members, we among them. Where there are more, one that is gone makes room, the one that went first; where
  /// none is, the new one is not taken. One that is there never has to give way to one that is new, nor has one that has
  /// answered a probe of ours before it had time to refute that it is gone.
  public var members = 2000
  /// The longest name that a member may have.
  public var nameBytes = 255
  /// The most that a member may say of itself. A fork of memberlist that is in use allows as much.
  public var metaBytes = 2048
  /// The most broadcasts that wait to be sent, and their bytes. Beyond, those go that would be sent last.
  public var broadcasts = 512
  public var broadcastBytes = 64 * 1024
  /// The most streams that peers may have open at once.
  public var acceptedStreams = 16
  /// The most probes that we make for others at once.
  public var relayedProbes = 64

  public init() {}

  /// Whether the table of members can hold as much.
  var areUsable: Bool {
    members <= MemberTable.maximumCount - 64 && nameBytes <= Int(UInt8.max) && metaBytes <= Int(UInt16.max)
  }

  /// One that we know is accused in an incarnation that is higher by this at most.
  static let maximumAccusationStep: UInt32 = 1 << 24
  /// A member that we do not know has refuted fewer times than this,
  private static let maximumFirstIncarnation: UInt32 = 1 << 31
  /// one that we know may have refuted so often while we were cut off,
  private static let maximumMissedIncarnation: UInt32 = 1 << 30
  /// and beyond goes up by this at most: who could say the highest number of all about a member would leave it none to
  /// refute with.
  private static let maximumAliveStep: UInt32 = 1 << 26

  /// Whether a member may be there in an incarnation, where we know it in another one or not at all.
  static func isBelievable(_ incarnation: UInt32, after known: UInt32?) -> Bool {
    guard let known else { return incarnation <= maximumFirstIncarnation }
    return incarnation <= maximumMissedIncarnation || incarnation.isWithin(maximumAliveStep, of: known)
  }
}

extension UInt32 {
  /// Whether this incarnation is not above a known one by more than a step.
  func isWithin(_ step: UInt32, of known: UInt32) -> Bool {
    self <= known || self - known <= step
  }
}
