import Basics
import Netlink

/// A container in the network `bridge`.
public struct BridgeMember: Equatable, Sendable {
  public let id: UInt64
  public let place: UInt16
  public let ports: [PublishedPort]
  public let rates: BridgeRates

  public init(id: UInt64, place: UInt16, ports: [PublishedPort], rates: BridgeRates = BridgeRates()) {
    (self.id, self.place, self.ports, self.rates) = (id, place, ports, rates)
  }

  /// What its link is called on the board.
  public var link: String { BridgeNetwork.link(of: id, at: place) }

  /// What makes it a member: its link on the board, a port of the bridge of this index, and the other end in the network
  /// namespace of its process. The number of the request that a kernel without IPv6 refuses is 2.
  @inline(never)
  public func joinRequests(bridge: UInt32, _ network: BridgeNetwork, process: Int32) -> LinkRequests {
    var requests = LinkRequests()
    let hardware = BridgeNetwork.hardware(of: place)
    requests.addPair(
      link, bridge: bridge, peer: BridgeNetwork.inside, hardware: hardware, namespaceOf: process)
    requests.isolate(port: link)
    requests.giveNoAddress(to: link)
    for address in network.addresses(of: place) { requests.add(neighbour: address, hardware: hardware, on: bridge) }
    requests.setUp(link)
    return requests
  }

  public static let optionalOfJoining: [UInt32] = [2]

  /// What is done inside, where the link has this index. Each address stands alone, so that all packets go to the board.
  @inline(never)
  public func insideRequests(_ network: BridgeNetwork, index: UInt32) -> LinkRequests {
    var requests = LinkRequests()
    requests.setUp(BridgeNetwork.inside)
    let routers = [IPAddress.v4(network.address.address)] + (network.addressV6.map { [$0.address] } ?? [])
    for (address, router) in zip(network.addresses(of: place), routers) {
      requests.add(address, prefixBits: UInt8(address.networkBytes.count * 8), to: index)
      requests.addDefaultRoute(by: router, on: index)
    }
    if rates.upload > 0 { requests.limit(BridgeNetwork.inside, index: index, bitsPerSecond: rates.upload) }
    return requests
  }

  /// What is done to its link on the board, which has this index.
  @inline(never)
  public func outsideRequests(index: UInt32) -> LinkRequests {
    var requests = LinkRequests()
    if rates.download > 0 { requests.limit(link, index: index, bitsPerSecond: rates.download) }
    return requests
  }

  /// What of it the kernel does not forget with its namespace.
  @inline(never)
  public func leaveRequests(bridge: UInt32, _ network: BridgeNetwork) -> LinkRequests {
    var requests = LinkRequests()
    for address in network.addresses(of: place) { requests.delete(neighbour: address, on: bridge) }
    return requests
  }

  /// Lines of its /etc/hosts.
  @inline(never)
  public func hosts(_ name: String, _ network: BridgeNetwork) -> String {
    var text = "127.0.0.1\tlocalhost\n"
    if network.addressV6 != nil { text += "::1\tlocalhost\n" }
    for address in network.addresses(of: place) { text += "\(address)\t\(name)\n" }
    return text
  }
}

/// How much a container in the network `bridge` may send and be sent, in bits a second; 0: without limit.
public struct BridgeRates: Hashable, Sendable {
  public var upload: UInt64 = 0
  public var download: UInt64 = 0

  public init() {}

  static let least: UInt64 = 8000
  static let most: UInt64 = 10_000_000_000

  var problem: String? {
    for rate in [upload, download] where rate != 0 && !(Self.least...Self.most).contains(rate) {
      return "rate \(rate): use \(Self.least) to \(Self.most) bits a second"
    }
    return nil
  }
}

extension LinkRequests {
  /// What makes the bridge, as the next agent is to find it.
  public static func bridge(_ label: BridgeNetwork.Label) -> LinkRequests {
    var requests = LinkRequests()
    requests.addBridge(BridgeNetwork.name, hardware: BridgeNetwork.hardwareOfBridge)
    requests.label(BridgeNetwork.name, label.text)
    return requests
  }

  /// What it is then given, as it has this index.
  public static func addresses(of network: BridgeNetwork, bridge index: UInt32) -> LinkRequests {
    var requests = LinkRequests()
    requests.add(.v4(network.address.address), prefixBits: network.address.prefixLength, to: index)
    if let v6 = network.addressV6 { requests.add(v6.address, prefixBits: v6.bits, to: index) }
    requests.setUp(BridgeNetwork.name)
    return requests
  }
}

/// The name servers that containers are told of.
public enum NameServers {
  public static let maximumFileBytes = 16 * 1024

  /// Those of a resolv.conf(5) that are reached from elsewhere than the board itself, at most three as everywhere.
  @inline(never)
  public static func parse(_ text: [UInt8]) -> [IPAddress] {
    var found: [IPAddress] = []
    for line in ASCII.split(text[...], at: ASCII.newline) {
      let words = ASCII.words(line)
      guard words.count >= 2, words[0].elementsEqual("nameserver".utf8),
        let address = IPAddress(ASCII.string(words[1])),
        !address.isOnlyHere, found.count < BridgeSettings.maximumNameServers
      else { continue }
      found.append(address)
    }
    return found
  }

  /// A resolv.conf(5).
  public static func text(_ servers: [IPAddress]) -> String {
    servers.map { "nameserver \($0)\n" }.joined()
  }
}

extension IPAddress {
  /// Loopback, or link-local: it means something else elsewhere.
  fileprivate var isOnlyHere: Bool {
    switch self {
    case .v4(let number): number >> 24 == 127 || number == 0 || number >> 16 == 0xA9FE
    case .v6(let high, _): high == 0 || high >> 54 == 0x3FA
    }
  }

  /// Of RFC 1918, 6598 or 4193: nobody outside could answer it.
  var isPrivate: Bool {
    switch self {
    case .v4(let number):
      number >> 24 == 10 || number >> 20 == 0xAC1 || number >> 16 == 0xC0A8 || number >> 22 == 0x191
    case .v6(let high, _): high >> 57 == 0x7E
    }
  }
}
