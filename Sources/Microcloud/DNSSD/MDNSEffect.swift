import Basics

/// What multicast DNS wants done or known. Effects are to be carried out in order.
public enum MDNSEffect: Equatable, Sendable {
  /// Send a packet from port 5353 of this interface, with a hop limit of 255. The destination is one of the two groups or a
  /// neighbour.
  case send([UInt8], interface: UInt32, to: SocketAddress)
  /// A publication's name is taken by another host: it is now this one.
  case renamed(publication: UInt32, DNSName)
  /// A service is there, with all that is needed to reach it.
  case found(DiscoveredService)
  /// Host, port, text or addresses of a found service are others now.
  case changed(DiscoveredService)
  /// A found service is gone.
  case lost(DNSName, interface: UInt32)
}

/// An instance of a service, as it was found on one interface. What it says is a stranger's word.
public struct DiscoveredService: Equatable, Sendable {
  /// The instance's full name; its first label is for people, its parent is the type.
  public let name: DNSName
  /// The interface through which the service can be reached.
  public let interface: UInt32
  public let host: DNSName
  /// Where it answers; not empty. Link-local addresses have the interface as their scope.
  public let addresses: [SocketAddress]
  public let text: DNSText
}

/// What we say is there: a host, or a service on one.
public struct MDNSPublication: Equatable, Sendable {
  public enum Content: Equatable, Sendable {
    /// A host with these addresses on every interface; nil: with the addresses that the interface has.
    case host([IPAddress]?)
    /// A service on a host that is published under that id.
    case service(host: UInt32, port: UInt16, text: DNSText)
  }

  /// The most bytes of the name's parent: it leaves room for a number behind the first label.
  public static let maximumParentBytes = 128

  /// Chosen by the caller; publishing under the same id again changes what was published.
  public let id: UInt32
  /// The name wanted: `node.local`, or `instance._type._tcp.local`. If another host has it, it becomes `node-2.local`.
  public let name: DNSName
  public let content: Content

  private init(id: UInt32, name: DNSName, content: Content) throws(DNSError) {
    if name.isRoot { throw .emptyLabel }
    if name.parent.byteCount > Self.maximumParentBytes { throw .nameTooLong }
    self.id = id
    self.name = name
    self.content = content
  }

  /// A host. With nil for addresses, it is this machine.
  public static func host(
    id: UInt32, name: DNSName, addresses: [IPAddress]? = nil
  ) throws(DNSError) -> MDNSPublication {
    let addresses = addresses.map { Array($0.prefix(MDNSInterface.maximumAddresses)) }
    return try MDNSPublication(id: id, name: name, content: .host(addresses))
  }

  /// A service with a label for people, of a type such as `_microagent._udp.local`.
  public static func service(
    id: UInt32, label: String, type: DNSName, host: UInt32, port: UInt16, text: DNSText
  ) throws(DNSError) -> MDNSPublication {
    if text.wire.count > DNSText.maximumPublishedBytes { throw .textTooLong }
    return try MDNSPublication(
      id: id, name: try DNSName(label, in: type), content: .service(host: host, port: port, text: text))
  }
}

// The services of a microcloud.
extension DNSName {
  /// What every agent is published as: its CoAP port.
  public static let microagentType = DNSName(serviceWords: ["_microagent", "_udp", "local"])
  /// What lists the types of service that there are (RFC 6763 section 9).
  public static let serviceTypes = DNSName(serviceWords: ["_services", "_dns-sd", "_udp", "local"])

  /// What Serf agents look for to join this cluster.
  public static func serfType(cluster: String) throws(DNSError) -> DNSName {
    try DNSName(labels: ["_serf_\(cluster)", "_tcp", "local"].map { Array($0.utf8) })
  }

  /// A container's service over TCP: `http` becomes `_http._tcp.local`.
  public static func tcpType(_ service: String) throws(DNSError) -> DNSName {
    try DNSName(labels: ["_\(service)", "_tcp", "local"].map { Array($0.utf8) })
  }

  /// A name of short words of our own.
  private init(serviceWords: [String]) {
    self.init(wire: serviceWords.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) })
  }
}

extension DNSText {
  /// What Serf publishes beside a cluster's type, and looks for.
  public static func serf(cluster: String) throws(DNSError) -> DNSText {
    try DNSText(["Serf '\(cluster)' cluster"])
  }
}
