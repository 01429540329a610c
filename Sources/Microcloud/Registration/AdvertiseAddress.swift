import Basics

/// An address of this machine that might be advertised, with what the kernel says of it and of its interface.
public struct AdvertiseCandidate: Equatable, Sendable {
  public struct Flags: OptionSet, Equatable, Sendable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) {
      self.rawValue = rawValue
    }

    /// The interface is switched on and connected.
    public static let isRunning = Flags(rawValue: 1)
    public static let isPointToPoint = Flags(rawValue: 2)
    /// The address is made up for a while, or on its way out.
    public static let isTemporary = Flags(rawValue: 4)
    /// The kernel's routing table has the default route through this interface.
    public static let hasDefaultRoute = Flags(rawValue: 8)
    /// The kernel takes this address as its own to reach one of the contacts.
    public static let reachesContacts = Flags(rawValue: 16)
  }

  public var address: IPAddress
  public var interface: UInt32
  public var interfaceName: String
  public var flags: Flags

  public init(_ address: IPAddress, interface: UInt32, named interfaceName: String, flags: Flags) {
    self.address = address
    self.interface = interface
    self.interfaceName = interfaceName
    self.flags = flags
  }
}

/// Chooses the address at which others are told to reach us.
///
/// 1. One that was set is taken as it is: a router may forward from it.
/// 2. The one that is advertised stays while the machine has it and somebody has reached us there, or nothing is better.
/// 3. Otherwise one that leads to contacts goes before one with the default route, and that before others; then one that
///    lasts before one that is temporary, a network before a point-to-point link, the lower interface and address.
/// 4. An IPv4 address of the link alone does only while there is no other (RFC 3927 section 1.9).
///
/// Private ranges are as good as any: all of Guifi is in 10/8. Loopback and IPv6's link-local addresses, interfaces that are
/// down and those that lead to containers do not count.
public enum AdvertiseAddress {
  /// The address to advertise; nil: there is none.
  ///
  /// - Parameters:
  ///   - current: the one that is advertised now.
  ///   - isConfirmed: whether others have reached us there.
  public static func choose(
    among candidates: [AdvertiseCandidate], family: IPFamily, configured: IPAddress?, current: IPAddress?,
    isConfirmed: Bool
  ) -> IPAddress? {
    if let configured { return configured }
    let usable = candidates.filter { isUsable($0, family) }
    let best = usable.max { precedes($1, $0) }
    guard let kept = usable.first(where: { $0.address == current }), let best else { return best?.address }
    let isAsWide = !kept.address.isLinkLocalV4 || best.address.isLinkLocalV4
    return isConfirmed && isAsWide || rank(kept) >= rank(best) ? kept.address : best.address
  }

  private static func isUsable(_ candidate: AdvertiseCandidate, _ family: IPFamily) -> Bool {
    IPFamily(candidate.address) == family && candidate.flags.contains(.isRunning)
      && candidate.address.canBeAdvertised && !isForContainers(candidate.interfaceName)
  }

  /// Whether a candidate is better than another one.
  private static func precedes(_ left: AdvertiseCandidate, _ right: AdvertiseCandidate) -> Bool {
    if rank(left) != rank(right) { return rank(left) > rank(right) }
    if left.interface != right.interface { return left.interface < right.interface }
    return left.address.networkBytes.lexicographicallyPrecedes(right.address.networkBytes)
  }

  private static func rank(_ candidate: AdvertiseCandidate) -> Int {
    let flags = candidate.flags
    return (candidate.address.isLinkLocalV4 ? 0 : 16) + (flags.contains(.reachesContacts) ? 8 : 0)
      + (flags.contains(.hasDefaultRoute) ? 4 : 0)
      + (flags.contains(.isTemporary) ? 0 : 2) + (flags.contains(.isPointToPoint) ? 0 : 1)
  }

  /// Names that container engines give to their bridges and to the board's ends of containers' links. A router's own
  /// bridge, `br-lan`, is none; Docker's are `br-` and 12 hexadecimal digits.
  private static let containerPrefixes = [
    "veth", "docker", "lxcbr", "lxdbr", "virbr", "cni", "podman", "flannel", "incusbr", "vnet", "microagent",
  ]
  private static let dockerBridge = "br-"
  private static let dockerDigits = 12

  /// Whether an interface of this name leads to containers, not to neighbours.
  public static func isForContainers(_ name: String) -> Bool {
    if containerPrefixes.contains(where: { name.utf8.starts(with: $0.utf8) }) { return true }
    guard name.utf8.starts(with: dockerBridge.utf8) else { return false }
    let digits = name.utf8.dropFirst(dockerBridge.utf8.count)
    return digits.count == dockerDigits
      && digits.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
  }
}

extension IPAddress {
  /// 169.254/16: one that a machine has given itself, for neighbours on the same link (RFC 3927).
  var isLinkLocalV4: Bool {
    if case .v4(let number) = self { number >> 16 == 0xA9FE } else { false }
  }

  /// Whether others can reach a machine there: no loopback, multicast or reserved address, and none that says nothing without
  /// an interface, as those of IPv6's links.
  public var canBeAdvertised: Bool {
    switch self {
    case .v4(let number):
      let first = number >> 24
      return first != 0 && first != 127 && first < 224
    case .v6(let high, let low):
      // `::`, loopback and the IPv4 addresses that are written as IPv6 all begin with 80 zero bits.
      return !isLinkLocalV6 && high >> 56 != 0xFF && (high != 0 || low >> 48 != 0)
    }
  }
}
