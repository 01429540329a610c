/// Who asks: a key, and what its bearer is to this node.
///
/// The agent makes them of what it has proof of: the peer's credentials on the control socket, or a key and the
/// credential that speaks for it between nodes.
public struct Principal: Equatable, Sendable {
  public enum Role: UInt8, CaseIterable, Equatable, Sendable {
    /// Speaks for the board's owner: may do everything.
    case owner = 0
    /// A user of the board itself who may look at everything and change nothing.
    case observer = 1
    /// A member of the microcloud: may lease, and do as it likes within its own leases.
    case member = 2
    /// Anybody else: may read what is offered.
    case `public` = 3
  }

  /// Bytes of a key's thumbprint: SHA-256 of it (RFC 9679).
  public static let thumbprintBytes = 32

  /// Of the key; zeros where there is none, as on the control socket.
  public let thumbprint: [UInt8]
  public let role: Role

  /// - Parameter thumbprint: of `thumbprintBytes`, or nothing.
  public init(thumbprint: [UInt8], role: Role) {
    self.thumbprint = thumbprint
    self.role = role
  }

  /// Whoever is root on the board.
  public static let owner = Principal(thumbprint: noKey, role: .owner)
  /// Whoever is in the control socket's group.
  public static let observer = Principal(thumbprint: noKey, role: .observer)

  /// Who has not said who it is.
  public static let stranger = Principal(thumbprint: [], role: .public)

  private static let noKey = [UInt8](repeating: 0, count: thumbprintBytes)

  /// Under whose name leases are held: all who speak for the owner are one.
  public var holder: [UInt8] { role == .owner ? Self.noKey : thumbprint }

  /// Whether a holder is the owner.
  public static func isOwner(_ holder: [UInt8]) -> Bool { holder == noKey }
}

extension Principal.Role: CustomStringConvertible {
  public var description: String {
    switch self {
    case .owner: "owner"
    case .observer: "observer"
    case .member: "member"
    case .public: "public"
    }
  }
}
