/// Addresses that begin alike: `192.0.2.0/24`, `2001:db8::/32`. The address may be any of them.
public struct IPPrefix: Hashable, Sendable {
  public let address: IPAddress
  /// 0 to 32, or to 128.
  public let bits: UInt8

  /// Nil where there are not so many bits.
  public init?(_ address: IPAddress, bits: UInt64) {
    guard bits <= UInt64(address.networkBytes.count * 8) else { return nil }
    (self.address, self.bits) = (address, UInt8(bits))
  }

  /// The one that all of a text spells; an address alone is a prefix of all of its bits.
  public init?(_ text: String) {
    let parts = ASCII.split(Array(text.utf8)[...], at: UInt8(ascii: "/"))
    guard parts.count <= 2, let address = IPAddress(ASCII.string(parts[0])) else { return nil }
    if parts.count == 1 {
      self.init(address, bits: UInt64(address.networkBytes.count * 8))
      return
    }
    guard parts[1].count <= 3, let bits = Decimal.parse(parts[1]) else { return nil }
    self.init(address, bits: bits)
  }

  public init(_ address: AddressInNetwork) {
    (self.address, bits) = (.v4(address.address), address.prefixLength)
  }

  /// Whether an address is one of these.
  public func contains(_ other: IPAddress) -> Bool {
    let (mine, theirs) = (address.networkBytes, other.networkBytes)
    guard mine.count == theirs.count else { return false }
    let whole = Int(bits / 8)
    if mine.prefix(whole) != theirs.prefix(whole) { return false }
    let rest = UInt8(truncatingIfNeeded: 0xFF00 >> Int(bits % 8))
    return rest == 0 || mine[whole] & rest == theirs[whole] & rest
  }

  /// Whether an address is of both.
  public func overlaps(_ other: IPPrefix) -> Bool {
    bits <= other.bits ? contains(other.address) : other.contains(address)
  }
}

extension IPPrefix: CustomStringConvertible {
  public var description: String { "\(address)/\(bits)" }
}
