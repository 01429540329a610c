import Basics

/// What tells one of a node's memberships from the other.
public struct RegistrationProfile: Equatable, Sendable {
  /// For people.
  public var label: String
  public var family: IPFamily
  public var port: UInt16
  public var membership: MembershipProfile
  /// The longest pause between two attempts at the same contact.
  public var maximumBackoffMilliseconds: UInt64

  /// The open cluster of Cloudy's nodes.
  public static let cloudy = RegistrationProfile(
    label: "public", family: .v4, port: 5000, membership: .wan, maximumBackoffMilliseconds: 300_000)
  /// Our own.
  public static let microcloud = RegistrationProfile(
    label: "microcloud", family: .v4, port: 7946, membership: .lan, maximumBackoffMilliseconds: 60_000)
}

/// What a registration wants done, in this order.
public enum RegistrationEffect: Equatable, Sendable {
  /// Be a member of this name that is advertised at this address and knows nobody. A membership that there was is dropped
  /// without a word.
  case start(NodeName, SocketAddress)
  /// Ask this one to take us in; `joined` is to be told of what comes of it.
  case join(SocketAddress)
  /// Take leave; `hasLeft` is to be told when it is done.
  case leave
  /// Store the number of the name, for `NodeNaming`.
  case storeNameNumber(Int)
}

/// What a registration has to be told.
public enum RegistrationNews: Equatable, Sendable {
  /// What became of a join, ours or the membership's own.
  case joined(SocketAddress, isSuccess: Bool)
  /// The membership took its leave.
  case hasLeft
  /// A member at this address came or went; `peers` are there now, without us.
  case member(SocketAddress, isThere: Bool, peers: Int)
  /// Something was heard about how others see us.
  case heard(RegistrationEvidence)
}

/// What was heard that says how others see us. It is a stranger's word.
public enum RegistrationEvidence: Equatable, Sendable {
  /// Somebody has us among its members: a successful join does not prove that.
  case listed
  /// Somebody reaches us under our name at our address.
  case probed
  /// Somebody knows our name at another address, and will not believe ours.
  case elsewhere(SocketAddress)
  /// The members have decided that our name is another's.
  case nameLost
  /// Somebody told from which address we seem to come.
  case seenAs(IPAddress)

  /// What a packet says; nil: nothing about us.
  public init?(_ message: MemberlistMessage, name: NodeName) {
    guard case .ping(let ping) = message, ping.node == name else { return nil }
    self = .probed
  }

  /// What a peer's push/pull says.
  public init?(_ event: GossipStreamEvent, name: NodeName, address: SocketAddress) {
    guard case .node(let node) = event, node.name == name, node.state != .left else { return nil }
    if node.address != address {
      self = .elsewhere(node.address)
    } else if node.state == .alive {
      self = .listed
    } else {
      return nil
    }
  }

  /// What the membership found out.
  public init?(_ effect: SerfEffect, name: NodeName) {
    switch effect {
    case .conflict(name, _, let other): self = .elsewhere(other)
    case .nameLost: self = .nameLost
    default: return nil
    }
  }
}
