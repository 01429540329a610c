import Basics

/// What a push/pull starts with.
public struct PushPullHeader: Equatable, Sendable {
  /// Whether the sender is joining, and not only comparing.
  public var isJoin: Bool
  /// How many members follow.
  public var nodeCount: UInt32
  /// How many bytes of Serf's state follow those.
  public var userStateBytes: UInt64

  public init(isJoin: Bool, nodeCount: UInt32, userStateBytes: UInt64) {
    self.isJoin = isJoin
    self.nodeCount = nodeCount
    self.userStateBytes = userStateBytes
  }

  init(from reader: inout MessagePackReader) throws(MessagePackError) {
    self.init(isJoin: false, nodeCount: 0, userStateBytes: 0)
    var fields = try reader.fields()
    while let name = try reader.next(&fields) {
      switch name {
      case "Join": isJoin = try reader.bool()
      case "Nodes": nodeCount = try reader.unsigned(as: UInt32.self)
      case "UserStateLen": userStateBytes = try reader.unsigned()
      default: try reader.skip()
      }
    }
  }

  func encode(to encoder: inout MessagePackEncoder) {
    encoder.map(3)
    encoder.key("Join")
    encoder.bool(isJoin)
    encoder.key("Nodes")
    encoder.unsigned(nodeCount)
    encoder.key("UserStateLen")
    encoder.unsigned(userStateBytes)
  }
}

/// What memberlist holds of a member.
public enum PushPullNodeState: UInt8, Sendable {
  case alive = 0
  case suspect = 1
  case dead = 2
  /// Unknown to peers of 2015, which pass over the member.
  case left = 3

  public var isGone: Bool { self == .dead || self == .left }
}

/// One member in a push/pull.
public struct PushPullNode: Equatable, Sendable {
  public var name: NodeName
  public var address: SocketAddress
  public var incarnation: UInt32
  /// `Tags`, encoded. Forwarded as it came.
  public var meta: [UInt8]
  public var state: PushPullNodeState
  /// Nil if fewer than 6 bytes came. A member without must not be sent: peers would refuse the whole push/pull.
  public var versions: ProtocolVersions?

  public init(
    name: NodeName, address: SocketAddress, incarnation: UInt32, meta: [UInt8], state: PushPullNodeState,
    versions: ProtocolVersions?
  ) {
    self.name = name
    self.address = address
    self.incarnation = incarnation
    self.meta = meta
    self.state = state
    self.versions = versions
  }

  func encode(to encoder: inout MessagePackEncoder) {
    encoder.map(7)
    encoder.key("Addr")
    encoder.binary(address.address.networkBytes)
    encoder.key("Incarnation")
    encoder.unsigned(incarnation)
    encoder.key("Meta")
    encoder.binary(meta)
    encoder.key("Name")
    encoder.text(name)
    encoder.key("Port")
    encoder.unsigned(address.port)
    encoder.key("State")
    encoder.unsigned(state.rawValue)
    encoder.key("Vsn")
    encoder.binary(versions?.bytes ?? [])
  }
}

extension PushPullNode {
  /// The member that stands here; nil if it makes no sense, for then the others still do.
  static func read(from reader: inout MessagePackReader) throws(MessagePackError) -> PushPullNode? {
    var name = NodeName.none
    var address: IPAddress?
    var port: UInt16 = 0
    var incarnation: UInt32 = 0
    var meta: [UInt8] = []
    var state: PushPullNodeState?
    var versions: ProtocolVersions?
    var fields = try reader.fields()
    while let field = try reader.next(&fields) {
      switch field {
      case "Addr": address = try reader.address()
      case "Incarnation": incarnation = try reader.unsigned(as: UInt32.self)
      case "Meta": meta = Array(try reader.raw())
      case "Name": name = NodeName(try reader.raw())
      case "Port": port = try reader.unsigned(as: UInt16.self)
      case "State": state = PushPullNodeState(rawValue: try reader.unsigned(as: UInt8.self))
      case "Vsn": versions = ProtocolVersions(bytes: try reader.raw())
      default: try reader.skip()
      }
    }
    guard name.isUsable, meta.count <= Tags.maximumBytes, let address, let state else { return nil }
    return PushPullNode(
      name: name, address: SocketAddress(address, port: port), incarnation: incarnation, meta: meta, state: state,
      versions: versions)
  }
}
