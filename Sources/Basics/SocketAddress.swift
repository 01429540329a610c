/// An IPv4 or IPv6 address.
public enum IPAddress: Hashable, Sendable {
  /// Its 32 bits, as the number 192.0.2.1 = 0xC0000201.
  case v4(UInt32)
  /// Its 128 bits as two halves, the first one first.
  case v6(high: UInt64, low: UInt64)

  /// 0.0.0.0: on this host, any address.
  public static let anyV4 = IPAddress.v4(0)
  /// `::`
  public static let anyV6 = IPAddress.v6(high: 0, low: 0)
  public static let loopbackV4 = IPAddress.v4(0x7F00_0001)
  public static let loopbackV6 = IPAddress.v6(high: 0, low: 1)

  /// The address of 4 or 16 bytes in network order; nil for any other count.
  public init?(networkBytes bytes: ArraySlice<UInt8>) {
    switch bytes.count {
    case 4: self = .v4(UInt32(BigEndian.number(bytes)))
    case 16: self = .v6(high: BigEndian.number(bytes.prefix(8)), low: BigEndian.number(bytes.suffix(8)))
    default: return nil
    }
  }

  /// 4 or 16 bytes in network order.
  public var networkBytes: [UInt8] {
    switch self {
    case .v4(let address): return Array(BigEndian.bytes(UInt64(address)).suffix(4))
    case .v6(let high, let low): return BigEndian.bytes(high) + BigEndian.bytes(low)
    }
  }
}

extension IPAddress: CustomStringConvertible {
  /// `192.0.2.1`, or IPv6 as RFC 5952 writes it: `2001:db8::1`.
  public var description: String {
    let bytes = networkBytes
    if bytes.count == 4 { return "\(bytes[0]).\(bytes[1]).\(bytes[2]).\(bytes[3])" }
    let groups = (0..<8).map { UInt16(bytes[2 * $0]) << 8 | UInt16(bytes[2 * $0 + 1]) }
    let zeros = Self.longestZeros(groups)
    if zeros.isEmpty { return Self.join(groups[...]) }
    return Self.join(groups[..<zeros.lowerBound]) + "::" + Self.join(groups[zeros.upperBound...])
  }

  private static func join(_ groups: ArraySlice<UInt16>) -> String {
    var text = ""
    for group in groups {
      if !text.isEmpty { text += ":" }
      text += String(group, radix: 16)
    }
    return text
  }

  /// The first longest run of at least two zero groups (RFC 5952 section 4.2); empty if there is none.
  private static func longestZeros(_ groups: [UInt16]) -> Range<Int> {
    var longest = 0..<0
    var start = 0
    for index in 0...groups.count where index == groups.count || groups[index] != 0 {
      if index - start > max(longest.count, 1) { longest = start..<index }
      start = index + 1
    }
    return longest
  }
}

/// Where a datagram comes from or goes to: an address, a port, and the interface where the address needs one.
public struct SocketAddress: Hashable, Sendable {
  public var address: IPAddress
  public var port: UInt16
  /// The interface index a link-local IPv6 address belongs to; 0: none.
  public var scope: UInt32

  public init(_ address: IPAddress, port: UInt16, scope: UInt32 = 0) {
    self.address = address
    self.port = port
    self.scope = scope
  }
}

extension SocketAddress: CustomStringConvertible {
  /// `192.0.2.1:5000`, `[fe80::1%2]:5000`
  public var description: String {
    switch address {
    case .v4: return "\(address):\(port)"
    case .v6: return scope == 0 ? "[\(address)]:\(port)" : "[\(address)%\(scope)]:\(port)"
    }
  }
}
