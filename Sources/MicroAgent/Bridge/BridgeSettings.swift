import Basics

/// What the configuration says about the network `bridge` of containers.
public struct BridgeSettings: Equatable, Sendable {
  /// The board's address there, and by its prefix those of containers; nil: the first of `usualAddresses` that is free.
  public var address: AddressInNetwork?
  /// The same of IPv6; nil: containers have none.
  public var addressV6: IPPrefix?
  /// Name servers; none: those of the board.
  public var nameServers: [IPAddress] = []
  /// What containers reach though it is kept from them.
  public var reach: [IPPrefix] = []
  /// Whether containers reach each other.
  public var areTogether = false

  public init() {}

  /// Private addresses (RFC 1918) that homes and community networks seldom have.
  public static let usualAddresses = ["172.29.77.1/24", "192.168.229.1/24", "10.229.77.1/24"].compactMap {
    AddressInNetwork($0)
  }

  public static let maximumNameServers = 3
  public static let maximumReach = 16
  /// Room for containers, and no more than their names can say (`BridgeNetwork`).
  private static let prefixLengths: ClosedRange<UInt8> = 16...30
  private static let prefixLengthsV6: ClosedRange<UInt8> = 48...120

  /// Whether a setting is one of these.
  static func has(_ name: String) -> Bool {
    switch name {
    case "container-address", "container-address6", "container-dns", "container-reach", "containers-together": true
    default: false
    }
  }

  /// Takes one setting; returns what is wrong with it, and what would be right.
  mutating func set(_ setting: Setting) -> String? {
    switch setting.name {
    case "container-address":
      guard let found = AddressInNetwork(setting.value), Self.prefixLengths.contains(found.prefixLength) else {
        return setting.wrong("give the board's address among its containers, as \(Self.usualAddresses[0])")
      }
      address = found
    case "container-address6":
      guard let found = IPPrefix(setting.value), Self.isHost(found), Self.prefixLengthsV6.contains(found.bits) else {
        return setting.wrong("give the board's address among its containers, as fd77:1::1/64")
      }
      addressV6 = found
    case "container-dns":
      let found = setting.words.compactMap { IPAddress($0) }
      guard found.count == setting.words.count, (1...Self.maximumNameServers).contains(found.count) else {
        return setting.wrong("give 1 to \(Self.maximumNameServers) addresses, as 192.0.2.53")
      }
      nameServers = found
    case "container-reach":
      let found = setting.words.compactMap { IPPrefix($0) }
      guard found.count == setting.words.count, (1...Self.maximumReach).contains(found.count) else {
        return setting.wrong("give 1 to \(Self.maximumReach) networks or addresses, as 192.168.1.0/24")
      }
      reach = found
    case "containers-together":
      guard setting.value == "on" || setting.value == "off" else { return setting.wrong("give on or off") }
      areTogether = setting.value == "on"
    default: return setting.unknown
    }
    return nil
  }

  /// An IPv6 address of one host that is no network's first.
  private static func isHost(_ prefix: IPPrefix) -> Bool {
    guard case .v6(let high, let low) = prefix.address else { return false }
    let isUnicast = high >> 56 != 0xFF && high >> 54 != 0x3FA && high != 0
    return isUnicast && low & 0xFFFF != 0
  }
}
