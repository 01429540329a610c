import Basics
import Netlink

/// What a board that is its owner's home gateway lets through, as rules of the kernel's packet filter.
///
/// The home side is the interfaces of `home`; whatever else there is leads outside, to the neighbours and on. From home
/// everything may be begun, from outside only what is said here, and from containers nothing towards home.
public struct GatewayRules: Equatable, Sendable {
  public var board: BoardSettings
  /// Containers that share the board's network run as these users.
  public var containerUsers: ClosedRange<UInt32>
  /// Where the agent itself is reached from outside, by TCP and by UDP.
  public var ports: [UInt16]
  /// Where others reach what is published on this board, by TCP.
  public var publishedPorts: [UInt16]

  public init(
    _ board: BoardSettings, containerUsers: ClosedRange<UInt32>, ports: [UInt16], publishedPorts: [UInt16]
  ) {
    self.board = board
    self.containerUsers = containerUsers
    self.ports = ports
    self.publishedPorts = publishedPorts
  }

  /// The table's name.
  public static let table = "microagent"
  private static let home = "home"
  private static let ownPorts = "agent"
  private static let published = "published"
  private static let containers = "containers"

  // Protocol numbers and ports of IANA.
  private static let icmp: UInt8 = 1
  private static let igmp: UInt8 = 2
  private static let tcp: UInt8 = 6
  private static let udp: UInt8 = 17
  private static let icmpV6: UInt8 = 58
  private static let multicastDNS: UInt16 = 5353
  private static let dhcpClient: UInt16 = 68
  private static let dhcpV6Client: UInt16 = 546
  /// Domain names, and DHCP for IPv4 and IPv6: what the board gives to its home.
  private static let homeServices: [UInt16] = [53, 67, 547]

  public var packetRules: PacketRules {
    var rules = PacketRules(table: Self.table)
    rules.sets = [
      PacketSet(Self.home, .interfaces(board.homeInterfaces)),
      PacketSet(Self.ownPorts, .ports(ports)),
      PacketSet(Self.published, .ports(publishedPorts)),
    ]
    if !board.isHomeOpen { rules.sets.append(PacketSet(Self.homeServicesName, .ports(Self.homeServices))) }
    rules.chains = [input, forward, sourceTranslation]
    if !board.isHomeOpen { rules.chains += [containersChain, output] }
    return rules
  }

  private static let homeServicesName = "home-services"

  /// What is for the board.
  private var input: PacketChain {
    PacketChain(
      "input", at: .input, drops: true,
      [
        PacketRule("answers to what was begun from here", [.known], .accept),
        PacketRule("of no connection", [.invalid], .drop),
        PacketRule("the board itself", [.from("lo")], .accept),
        PacketRule("home", [.fromOne(ofSet: Self.home)], .accept),
        PacketRule("ping and errors", [.transport(Self.icmp)], .accept),
        PacketRule("neighbours, routers, errors of IPv6", [.transport(Self.icmpV6)], .accept),
        PacketRule("who is in which group", [.transport(Self.igmp)], .accept),
        PacketRule("gossip and control", [.transport(Self.udp), .portOne(ofSet: Self.ownPorts)], .accept),
        PacketRule("gossip and control", [.transport(Self.tcp), .portOne(ofSet: Self.ownPorts)], .accept),
        PacketRule("multicast DNS", [.transport(Self.udp), .port(Self.multicastDNS)], .accept),
        PacketRule("the board's own address", [.family(.v4), .transport(Self.udp), .port(Self.dhcpClient)], .accept),
        PacketRule("home's IPv6 prefix", [.family(.v6), .transport(Self.udp), .port(Self.dhcpV6Client)], .accept),
        PacketRule("published services", [.transport(Self.tcp), .portOne(ofSet: Self.published)], .accept),
      ])
  }

  /// What passes between home and outside.
  private var forward: PacketChain {
    PacketChain(
      "forward", at: .forward, drops: true,
      [
        PacketRule("answers", [.known], .accept),
        PacketRule("of no connection", [.invalid], .drop),
        PacketRule("from home", [.fromOne(ofSet: Self.home), outside], .accept),
        // BridgeRules judge it.
        PacketRule("from containers", [.from(BridgeNetwork.name)], .accept),
        PacketRule("to containers", [.to(BridgeNetwork.name)], .accept),
      ])
  }

  /// IPv6 has addresses of its own at home.
  private var sourceTranslation: PacketChain {
    PacketChain(
      "translation", at: .sourceTranslation,
      [PacketRule("home behind one address", [.family(.v4), .fromOne(ofSet: Self.home), outside], .masquerade)])
  }

  /// What the board sends. What the kernel sends of itself belongs to no user.
  private var output: PacketChain {
    PacketChain(
      "output", at: .output, [PacketRule("containers", [.sender(containerUsers)], .jump(Self.containers))])
  }

  /// What containers send: not to home, nor to what the board does for home; but they may answer who asks from there.
  private var containersChain: PacketChain {
    let services = PacketMatch.portOne(ofSet: Self.homeServicesName)
    let homeAddress = PacketMatch.destination(
      .v4(board.homeAddress.address), prefixBits: Int(board.homeAddress.prefixLength))
    // The board's other addresses, by which it also reaches itself, serve no names; loopback is the containers' own.
    let toItself = [PacketMatch.notDestination(.loopbackV6), .to("lo")]
    return PacketChain(
      Self.containers,
      [
        PacketRule("answers", [.known], .accept),
        PacketRule("not to home", [.toOne(ofSet: Self.home)], .reject),
        PacketRule("not to home's addresses", [homeAddress], .reject),
        PacketRule("not to home's services", toItself + [.transport(Self.udp), services], .reject),
        PacketRule("not to home's services", toItself + [.transport(Self.tcp), services], .reject),
      ])
  }

  /// Whether something goes out.
  private var outside: PacketMatch { board.uplink.isEmpty ? .toNone(ofSet: Self.home) : .to(board.uplink) }
}
