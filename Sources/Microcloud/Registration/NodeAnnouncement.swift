import Basics

/// Whether somebody answers for a board. One that nobody has claimed can be seen, and does nothing for others: whoever
/// would act for them asks `servesOthers` first.
public enum NodeStanding: Equatable, Sendable {
  case unclaimed
  case claimed

  public var servesOthers: Bool { self == .claimed }
}

/// A service that this node offers to its neighbours.
public struct PublishedService: Equatable, Sendable {
  /// As `http`; it is found as `_http._tcp`.
  public var type: String
  /// For people.
  public var label: String
  public var port: UInt16
  public var text: DNSText

  public init(type: String, label: String, port: UInt16, text: DNSText = .empty) {
    self.type = type
    self.label = label
    self.port = port
    self.text = text
  }
}

/// What a node says of itself by multicast DNS.
public struct NodeAnnouncement: Equatable, Sendable {
  /// The keys of the text beside `_microagent._udp`; at most nine letters, as RFC 6763 section 6.4 wants it.
  enum Key {
    /// The version of the agent, not of a protocol.
    static let version = "version"
    static let name = "name"
    static let standing = "state"
    static let fingerprint = "key"
    static let microcloud = "cloud"
    static let isKeyed = "keyed"
    static let gossipPort = "gossip"
  }

  static let keyed = "yes"
  static let open = "no"
  static let unclaimed = "unclaimed"
  static let claimed = "claimed"

  /// A microcloud, and where we hear its gossip.
  public struct Microcloud: Equatable, Sendable {
    public var name: String
    public var isKeyed: Bool
    public var gossipPort: UInt16

    public init(name: String, isKeyed: Bool, gossipPort: UInt16) {
      self.name = name
      self.isKeyed = isKeyed
      self.gossipPort = gossipPort
    }
  }

  /// The ids of what is published; those of services follow.
  static let hostID: UInt32 = 1
  static let agentID: UInt32 = 2
  static let serfID: UInt32 = 3
  public static let firstServiceID: UInt32 = 4
  /// The most services that are published.
  public static let maximumServices = 64

  /// The node's name, of `NodeNaming`: also its host name in `.local`.
  public var name: String
  public var version: String
  /// Of the node's key.
  public var fingerprint: String
  public var coapPort: UInt16
  public var standing: NodeStanding
  /// Nil: none was chosen yet.
  public var microcloud: Microcloud?
  public var services: [PublishedService]

  public init(
    name: String, version: String, fingerprint: String, coapPort: UInt16, standing: NodeStanding,
    microcloud: Microcloud?, services: [PublishedService] = []
  ) {
    self.name = name
    self.version = version
    self.fingerprint = fingerprint
    self.coapPort = coapPort
    self.standing = standing
    self.microcloud = microcloud
    self.services = services
  }

  /// What to look for: agents of every microcloud, and Serf's own agents in this one.
  public static func typesToBrowse(microcloud: String?) throws(DNSError) -> [DNSName] {
    guard let microcloud else { return [.microagentType] }
    return [.microagentType, try .serfType(cluster: microcloud)]
  }

  /// What to publish, in this order. Of an unclaimed board no services.
  public func publications() throws(DNSError) -> [MDNSPublication] {
    let host = try DNSName(labels: [Array(name.utf8), Array("local".utf8)])
    var publications = [
      try MDNSPublication.host(id: Self.hostID, name: host),
      try .service(
        id: Self.agentID, label: name, type: .microagentType, host: Self.hostID, port: coapPort, text: try text()),
    ]
    if let microcloud {
      publications.append(
        try .service(
          id: Self.serfID, label: name, type: try .serfType(cluster: microcloud.name), host: Self.hostID,
          port: microcloud.gossipPort, text: try .serf(cluster: microcloud.name)))
    }
    guard standing.servesOthers else { return publications }
    for (index, service) in services.prefix(Self.maximumServices).enumerated() {
      publications.append(
        try .service(
          id: Self.firstServiceID + UInt32(index), label: service.label, type: try .tcpType(service.type),
          host: Self.hostID, port: service.port, text: service.text))
    }
    return publications
  }

  private func text() throws(DNSError) -> DNSText {
    var strings = [
      "\(Key.version)=\(version)", "\(Key.name)=\(name)", "\(Key.fingerprint)=\(fingerprint)",
      "\(Key.standing)=\(standing == .unclaimed ? Self.unclaimed : Self.claimed)",
    ]
    if let microcloud {
      strings += [
        "\(Key.microcloud)=\(microcloud.name)", "\(Key.isKeyed)=\(microcloud.isKeyed ? Self.keyed : Self.open)",
        "\(Key.gossipPort)=\(microcloud.gossipPort)",
      ]
    }
    return try DNSText(strings)
  }
}
