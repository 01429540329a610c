import Microcloud

/// Who this node is among the others, and how it stands in each of its memberships: a part of the answer to GET /info.
public struct NodeStatus: Equatable, Sendable {
  /// What it is called unless another one has that name already.
  public var name: String
  /// Of its key, as others list it: 16 letters and digits.
  public var fingerprint: String
  public var standing: NodeStanding
  public var memberships: [MembershipStatus]

  public init(name: String, fingerprint: String, standing: NodeStanding, memberships: [MembershipStatus]) {
    self.name = name
    self.fingerprint = fingerprint
    self.standing = standing
    self.memberships = memberships
  }

  /// Adds it to what else is said of the node.
  public func add(to map: inout CBORMap) {
    map[.node] = .text(name)
    map[.fingerprint] = .text(fingerprint)
    map[.standing] = standing.value
    map[.memberships] = .array(memberships.map { $0.value })
  }
}

/// How this node stands in a membership.
public struct MembershipStatus: Equatable, Sendable {
  public var kind: MembershipKind
  /// What it is called there.
  public var nodeName: String
  /// How many there are, ourselves counted.
  public var members: UInt64
  /// State, reason and next attempt, as `Registration.status` and `MicrocloudRegistration.status` tell them.
  public var lines: [String]

  public init(kind: MembershipKind, nodeName: String, members: UInt64, lines: [String]) {
    self.kind = kind
    self.nodeName = nodeName
    self.members = members
    self.lines = lines
  }

  var value: CBORValue {
    var map = CBORMap()
    map[.membership] = kind.value
    map[.node] = .text(nodeName)
    map[.members] = .unsigned(members)
    map[.status] = .array(lines.map { .text($0) })
    return .map(map)
  }
}
