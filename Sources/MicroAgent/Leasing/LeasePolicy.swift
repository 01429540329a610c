/// Who may lease of this node, for how long, and how much.
public struct LeasePolicy: Equatable, Sendable {
  /// Beside the owner, who always may.
  public enum Lessees: UInt8, Equatable, Sendable {
    case nobody = 0
    case members = 1
  }

  public var lessees = Lessees.members
  /// The longest time for which a lease is given, and to which it is renewed.
  public var longestSeconds: UInt64 = 7 * 86_400
  /// Hundredths of the offer that one principal may hold in all its leases.
  public var sharePercent: UInt64 = 50
  /// The directory below which the root file systems stand of which members may make containers.
  public var rootsDirectory = "/var/lib/microagent/roots"

  public init() {}

  /// More would outlive the board.
  static let mostSeconds: UInt64 = 366 * 86_400

  /// Why this principal may not lease at all, as one line; nil: it may.
  func refusal(of principal: Principal) -> String? {
    if principal.role == .owner { return nil }
    if principal.role != .member { return "lease: only members of the microcloud and the board's owner may" }
    return lessees == .members ? nil : "lease: this node gives leases to nobody but its owner"
  }
}

extension LeasePolicy.Lessees: CustomStringConvertible {
  public var description: String {
    switch self {
    case .nobody: "nobody"
    case .members: "members"
    }
  }

  init?(_ text: String) {
    switch text {
    case "nobody": self = .nobody
    case "members": self = .members
    default: return nil
    }
  }
}
