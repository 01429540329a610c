import Basics
import Microcloud

extension GatewayRules {
  /// What the configuration asks for; nil: the board is no gateway.
  public init?(_ configuration: Configuration) {
    if configuration.board.home.isEmpty { return nil }
    let node = configuration.node
    var ports: [UInt16] = []
    if node.isAmongOthers { ports.append(node.coapPort) }
    if node.microcloud.isOn { ports.append(node.microcloud.profile.port) }
    if node.publicCluster.isOn { ports.append(node.publicCluster.profile.port) }
    // The configuration takes no first user whose range would not end below 2^32.
    let first = UInt32(truncatingIfNeeded: configuration.firstUserID)
    self.init(
      configuration.board, containerUsers: first...(first + UInt32(Configuration.idCount) - 1), ports: ports,
      publishedPorts: [])
  }

  /// Lets others reach the services that the node tells them of. What a container publishes on a port of the system's own is
  /// not let in: containers cannot have those (ip_unprivileged_port_start), so somebody else would be reached there.
  public mutating func publish(_ services: [OwnServices.Entry]) {
    publishedPorts = []
    for service in services {
      let port = service.publication.port
      let isTheirs = service.container == nil || port >= Self.firstContainerPort
      if isTheirs, !publishedPorts.contains(port) { publishedPorts.append(port) }
    }
  }

  private static let firstContainerPort: UInt16 = 1024
}
