import Basics
import Netlink

/// What containers in the network `bridge` may send and what reaches them, as rules of the kernel's packet filter.
///
/// Two tables: one judges what comes into the bridge's ports, where nobody speaks but as himself; the other what goes
/// between the bridge, the board and everybody else. A container is in them as elements of their sets alone.
public struct BridgeRules: Equatable, Sendable {
  public var network: BridgeNetwork
  public var settings: BridgeSettings
  /// What is kept from containers: the networks that the board is itself in, unless it is a gateway between home and them.
  public var kept: [IPPrefix]
  /// The interfaces of the owner's home.
  public var home: [String]
  /// Where names are asked for.
  public var nameServers: [IPAddress]
  /// Which packets were passed on before there were containers; of the others nothing but theirs is.
  public var forwardedBefore: BridgeNetwork.Forwarding

  public init(
    _ network: BridgeNetwork, _ settings: BridgeSettings, kept: [IPPrefix], home: [String], nameServers: [IPAddress],
    forwardedBefore: BridgeNetwork.Forwarding
  ) {
    (self.network, self.settings, self.kept, self.home) = (network, settings, kept, home)
    (self.nameServers, self.forwardedBefore) = (nameServers, forwardedBefore)
  }

  /// The name of both tables.
  public static let table = "microagent-bridge"
  private static let published = "published"
  private static let publishedV6 = "published6"
  private static let ports = "ports"
  private static let senders = "senders"
  private static let sendersV6 = "senders6"
  private static let outward = "outward"
  private static let sender = "sender"
  private static let homeSet = "home"

  private static let icmp: UInt8 = 1
  private static let tcp: UInt8 = 6
  private static let udp: UInt8 = 17
  private static let icmpV6: UInt8 = 58
  private static let names: UInt16 = 53
  // Types of Ethernet (IEEE 802).
  private static let typeV4: UInt16 = 0x0800
  private static let typeARP: UInt16 = 0x0806
  private static let typeV6: UInt16 = 0x86DD

  /// Both tables, with these containers in them.
  @inline(never)
  public func tables(_ members: [BridgeMember]) -> [PacketRules] {
    var tables = elements(members)
    if !home.isEmpty { tables[0].sets.append(PacketSet(Self.homeSet, .interfaces(home))) }
    tables[0].chains = [destinationTranslation, input, outwardChain, forward, sourceTranslation]
    tables[1].chains = [senderChain, portChain]
    return tables
  }

  /// No more than the tables' names, for their removal.
  public static var noTables: [PacketRules] {
    [PacketRules(table: table), PacketRules(table: table, family: .bridge)]
  }

  /// What of the tables is about these containers.
  @inline(never)
  public func elements(_ members: [BridgeMember]) -> [PacketRules] {
    var tables = Self.noTables
    let place: [PacketField] = [.transport, .port]
    tables[0].sets = [
      PacketSet(
        Self.published, .map(place, to: [.v4, .port], members.flatMap { ways(to: $0, network.address(of: $0.place)) })),
      PacketSet(
        Self.publishedV6,
        .map(place, to: [.v6, .port], members.flatMap { ways(to: $0, network.addressV6(of: $0.place)) })),
    ]
    let rows = members.map { row($0, network.address(of: $0.place)) }
    let rowsV6 = members.compactMap { member in network.addressV6(of: member.place).map { row(member, $0) } }
    tables[1].sets = [
      PacketSet(Self.ports, .interfaces(members.map { $0.link })),
      PacketSet(Self.senders, .rows([.interface, .hardware, .v4], rows)),
      PacketSet(Self.sendersV6, .rows([.interface, .hardware, .v6], rowsV6)),
    ]
    return tables
  }

  private func ways(to member: BridgeMember, _ address: IPAddress?) -> [PacketMapping] {
    guard let address else { return [] }
    return member.ports.map { port in
      PacketMapping(
        PacketField.row([port.transport.rawValue], PacketField.port(port.port)),
        PacketField.row(address.networkBytes, PacketField.port(port.target)))
    }
  }

  private func row(_ member: BridgeMember, _ address: IPAddress) -> [UInt8] {
    PacketField.row(
      PacketField.interface(member.link), BridgeNetwork.hardware(of: member.place), address.networkBytes)
  }

  // MARK: Ports of the bridge

  private var portChain: PacketChain {
    PacketChain("port", at: .port, [PacketRule("containers", [.fromOne(ofSet: Self.ports)], .jump(Self.sender))])
  }

  private var senderChain: PacketChain {
    PacketChain(
      Self.sender,
      [
        PacketRule("who has it", [.type(Self.typeARP), .senderOne(ofSet: Self.senders, .arp)], .accept),
        PacketRule("as itself", [.type(Self.typeV4), .senderOne(ofSet: Self.senders, .v4)], .accept),
        PacketRule("as itself", [.type(Self.typeV6), .senderOne(ofSet: Self.sendersV6, .v6)], .accept),
        PacketRule("as somebody else", [], .drop),
      ])
  }

  // MARK: The board

  private var fromContainers: PacketMatch { .from(BridgeNetwork.name) }

  private var destinationTranslation: PacketChain {
    PacketChain(
      "published", at: .destinationTranslation,
      [
        PacketRule("published ports", [.forThisMachine], .translate(map: Self.published, .v4)),
        PacketRule("published ports", [.forThisMachine], .translate(map: Self.publishedV6, .v6)),
      ])
  }

  private var input: PacketChain {
    PacketChain(
      "input", at: .input,
      [
        PacketRule("answers", [.known], .accept),
        PacketRule("ping", [fromContainers, .transport(Self.icmp)], .accept),
        PacketRule("ping and neighbours", [fromContainers, .transport(Self.icmpV6)], .accept),
        PacketRule("nothing of the board's own", [fromContainers], .reject),
      ])
  }

  private var forward: PacketChain {
    let toContainers = PacketMatch.to(BridgeNetwork.name)
    var rules = [
      PacketRule("answers", [.known], .accept),
      PacketRule("published ports", [toContainers, .translated], .accept),
      PacketRule("each other", [fromContainers, toContainers], settings.areTogether ? .accept : .reject),
      PacketRule("from containers", [fromContainers], .jump(Self.outward)),
      PacketRule("not to containers", [toContainers], .drop),
    ]
    for (family, forwarding): (IPFamily, BridgeNetwork.Forwarding) in [(.v4, .v4), (.v6, .v6)]
    where !forwardedBefore.contains(forwarding) {
      rules.append(PacketRule("nobody else's", [.family(family)], .drop))
    }
    return PacketChain("forward", at: .forward, rules)
  }

  private var outwardChain: PacketChain {
    var rules: [PacketRule] = []
    for server in nameServers {
      let there = PacketMatch.destination(server, prefixBits: server.networkBytes.count * 8)
      for transport in [Self.udp, Self.tcp] {
        rules.append(PacketRule("names", [there, .transport(transport), .port(Self.names)], .accept))
      }
    }
    for prefix in settings.reach {
      rules.append(PacketRule("allowed", [.destination(prefix.address, prefixBits: Int(prefix.bits))], .accept))
    }
    if !home.isEmpty { rules.append(PacketRule("not to home", [.toOne(ofSet: Self.homeSet)], .reject)) }
    for prefix in kept {
      rules.append(
        PacketRule("not to where the board is", [.destination(prefix.address, prefixBits: Int(prefix.bits))], .reject))
    }
    return PacketChain(Self.outward, rules + [PacketRule("everywhere else", [], .accept)])
  }

  /// Addresses that are not private are known outside (a super node's): they stay.
  private var sourceTranslation: PacketChain {
    let all = [IPPrefix(network.address)] + (network.addressV6.map { [$0] } ?? [])
    return PacketChain(
      "translation", at: .sourceTranslation,
      all.filter { $0.address.isPrivate }.map { prefix in
        PacketRule(
          "containers behind the board's address",
          [.source(prefix.address, prefixBits: Int(prefix.bits)), .notTo(BridgeNetwork.name)], .masquerade)
      })
  }
}
