/// An IPv4 address with the length of its network's prefix: `192.168.77.1/24`.
public struct AddressInNetwork: Hashable, Sendable {
  /// 192.0.2.1 = 0xC0000201.
  public let address: UInt32
  /// 1 to 32.
  public let prefixLength: UInt8

  /// Nil where no host can have it: the prefix is not 1 to 32 bits long, the address is not for one host (RFC 6890: below
  /// 1.0.0.0, loopback, multicast and above), or it names its network or its broadcast.
  public init?(address: UInt32, prefixLength: UInt64) {
    guard (1...32).contains(prefixLength) else { return nil }
    self.address = address
    self.prefixLength = UInt8(prefixLength)
    let firstByte = address >> 24
    guard firstByte > 0, firstByte != 127, firstByte < 224 else { return nil }
    // RFC 3021: where there is room for two hosts only, all addresses are theirs.
    if prefixLength < 31, address == network || address == network | ~mask { return nil }
  }

  /// The one that all of a text spells.
  public init?(_ text: String) {
    let parts = ASCII.split(Array(text.utf8)[...], at: UInt8(ascii: "/"))
    guard parts.count == 2, parts[1].count <= 2, let length = Decimal.parse(parts[1]),
      case .v4(let address)? = IPAddress(ASCII.string(parts[0]))
    else { return nil }
    self.init(address: address, prefixLength: length)
  }

  /// The bits that all addresses of its network have in common.
  public var mask: UInt32 { ~0 << UInt32(32 - prefixLength) }

  /// The first address of its network, which is what the network is called by.
  public var network: UInt32 { address & mask }

  /// Whether an address is one of its network.
  public func reaches(_ other: UInt32) -> Bool { other & mask == network }

  /// Whether an address is in both networks.
  public func overlaps(_ other: AddressInNetwork) -> Bool {
    reaches(other.network) || other.reaches(network)
  }
}

extension AddressInNetwork: CustomStringConvertible {
  public var description: String { "\(IPAddress.v4(address))/\(prefixLength)" }
}
