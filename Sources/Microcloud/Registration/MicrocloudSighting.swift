import Basics

/// A member of a microcloud that multicast DNS has found: where it can be joined. A stranger's word.
public struct MicrocloudSighting: Equatable, Sendable {
  public let microcloud: String
  /// Whether the microcloud has a key; nil: Serf's own agents do not say.
  public let isKeyed: Bool?
  /// Where the member hears gossip.
  public let contacts: [SocketAddress]

  public init(microcloud: String, isKeyed: Bool?, contacts: [SocketAddress]) {
    self.microcloud = microcloud
    self.isKeyed = isKeyed
    self.contacts = contacts
  }

  /// What a found service says: `_microagent._udp`, or `_serf_NAME._tcp`. Nil for anything else, and for an agent that is in no
  /// microcloud yet.
  public init?(_ service: DiscoveredService) {
    if service.name.parent == .microagentType {
      self.init(agent: service)
    } else {
      self.init(serf: service)
    }
  }

  private init?(agent service: DiscoveredService) {
    guard let name = service.text[NodeAnnouncement.Key.microcloud].map({ ASCII.string($0) }),
      MicrocloudName.isValid(name),
      let number = service.text[NodeAnnouncement.Key.gossipPort].flatMap({ Decimal.parse($0) }),
      let port = UInt16(exactly: number), port != 0
    else { return nil }
    let isKeyed = service.text[NodeAnnouncement.Key.isKeyed].map { ASCII.string($0) } == NodeAnnouncement.keyed
    let contacts = service.addresses.map { SocketAddress($0.address, port: port, scope: $0.scope) }
    self.init(microcloud: name, isKeyed: isKeyed, contacts: contacts)
  }

  private init?(serf service: DiscoveredService) {
    let type = service.name.parent.firstLabel.utf8
    guard type.starts(with: Self.serfPrefix.utf8) else { return nil }
    let name = ASCII.string(type.dropFirst(Self.serfPrefix.utf8.count))
    guard MicrocloudName.isValid(name), service.name.parent == (try? DNSName.serfType(cluster: name)) else {
      return nil
    }
    self.init(microcloud: name, isKeyed: nil, contacts: service.addresses)
  }

  private static let serfPrefix = "_serf_"
}
