import Basics

/// The figures of multicast DNS (RFC 6762).
public enum MDNS {
  public static let port: UInt16 = 5353
  public static let groupV4 = IPAddress.v4(0xE000_00FB)
  public static let groupV6 = IPAddress.v6(high: 0xFF02_0000_0000_0000, low: 0xFB)
  /// The largest packet that we send: an Ethernet frame less the headers of IPv6 and UDP (section 17).
  static let maximumSentBytes = 1452
  /// For how long records with a host's name in them may be believed, and all others (section 10).
  static let hostTTLSeconds: UInt32 = 120
  static let otherTTLSeconds: UInt32 = 4500
}

/// An address of ours on an interface.
public struct InterfaceAddress: Hashable, Sendable {
  public let address: IPAddress
  /// How many of its first bits all neighbours share.
  public let prefixBits: UInt8

  public init(_ address: IPAddress, prefixBits: UInt8) {
    self.address = address
    self.prefixBits = prefixBits
  }

  /// Whether another address begins with the same bits.
  func isNeighbour(_ other: IPAddress) -> Bool {
    let (own, other) = (address.networkBytes, other.networkBytes)
    if own.count != other.count { return false }
    for bit in 0..<min(Int(prefixBits), own.count * 8) where (own[bit / 8] ^ other[bit / 8]) & 0x80 >> (bit % 8) != 0 {
      return false
    }
    return true
  }
}

extension IPAddress {
  /// fe80::/10: means something only together with an interface.
  var isLinkLocalV6: Bool {
    if case .v6(let high, _) = self { high >> 54 == 0xFE80 >> 6 } else { false }
  }
}

// IPv4 and IPv6 of one interface are two links of their own (RFC 6762 section 20).
extension IPFamily {
  /// Where all others on this link listen.
  func group(interface: UInt32) -> SocketAddress {
    switch self {
    case .v4: SocketAddress(MDNS.groupV4, port: MDNS.port)
    case .v6: SocketAddress(MDNS.groupV6, port: MDNS.port, scope: interface)
    }
  }
}

/// A network interface and our addresses on it.
struct MDNSInterface: Sendable {
  /// More addresses than this of one interface or host are not published.
  static let maximumAddresses = 16

  let index: UInt32
  /// In the order in which they are said: Serf agents use the last one of a packet, and cannot use one that needs to be
  /// told the interface too.
  let addresses: [InterfaceAddress]

  init(index: UInt32, addresses: [InterfaceAddress]) {
    self.index = index
    let kept = Array(addresses.prefix(Self.maximumAddresses))
    let linkLocal = kept.filter { $0.address.isLinkLocalV6 }
    let other = kept.filter { !$0.address.isLinkLocalV6 }
    self.addresses =
      linkLocal + other.filter { IPFamily($0.address) == .v6 } + other.filter { IPFamily($0.address) == .v4 }
  }

  /// Whether nothing differs but the order of the addresses, which a kernel may list in any.
  func isSame(as other: MDNSInterface) -> Bool {
    index == other.index && addresses.count == other.addresses.count
      && addresses.allSatisfy { other.addresses.contains($0) }
  }

  /// The links that it has: those with an address of ours.
  var families: [IPFamily] {
    [IPFamily.v4, .v6].filter { family in addresses.contains { IPFamily($0.address) == family } }
  }

  /// Whether an address can only be a neighbour's, so that a unicast packet from it counts (RFC 6762 section 11).
  func isOnLink(_ address: IPAddress) -> Bool {
    address.isLinkLocalV6 || addresses.contains { $0.isNeighbour(address) }
  }
}

extension Instant {
  /// The earlier of two deadlines, of which either may be absent.
  static func earlier(_ left: Instant?, _ right: Instant?) -> Instant? {
    guard let left, let right else { return left ?? right }
    return min(left, right)
  }
}
