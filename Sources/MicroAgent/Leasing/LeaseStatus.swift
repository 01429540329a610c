/// A lease as others are told of it.
public struct LeaseStatus: Equatable, Sendable {
  public let lease: Lease
  /// Of its phase.
  public let remainingMilliseconds: UInt64
  /// What its containers take of it.
  public let used: Resources
  /// The node gives and lengthens no leases: look for another in time.
  public let isDraining: Bool
}
