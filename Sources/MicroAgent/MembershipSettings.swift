import Basics
import Microcloud

/// What the configuration says about one of a node's memberships.
public struct MembershipSettings: Equatable, Sendable {
  /// Whether the node is to be in it at all.
  public var isOn: Bool
  /// Port, timing and kind of address.
  public var profile: RegistrationProfile
  /// As they were given: with port 0 where none was.
  private var givenContacts: [SocketAddress] = []
  /// Where others are told to reach the node; nil: it is guessed (`AdvertiseAddress`).
  public var advertised: IPAddress?

  init(_ profile: RegistrationProfile, isOn: Bool, contacts: [SocketAddress] = []) {
    self.profile = profile
    self.isOn = isOn
    givenContacts = contacts
  }

  /// The most contacts that are configured.
  public static let maximumContacts = 16

  /// Members to ask to be taken in.
  public var contacts: [SocketAddress] {
    givenContacts.map { $0.port == 0 ? SocketAddress($0.address, port: profile.port) : $0 }
  }

  /// Takes the setting of this name, after the membership's own; returns what is wrong with it, and what would be right.
  mutating func set(_ name: String, _ setting: Setting) -> String? {
    switch name {
    case "port":
      guard let port = Decimal.parse(setting.value).flatMap({ UInt16(exactly: $0) }), port != 0 else {
        return setting.wrong("give a port, as \(profile.port)")
      }
      profile.port = port
    case "family":
      switch setting.value {
      case "ipv4": profile.family = .v4
      case "ipv6": profile.family = .v6
      default: return setting.wrong("give ipv4 or ipv6")
      }
    case "profile":
      switch setting.value {
      case "lan": profile.membership = .lan
      case "wan": profile.membership = .wan
      case "local": profile.membership = .local
      default: return setting.wrong("give lan, wan or local")
      }
    case "contacts":
      let words = setting.words
      let contacts = words.compactMap { Self.contact($0) }
      guard contacts.count == words.count, (1...Self.maximumContacts).contains(words.count) else {
        return setting.wrong("give 1 to \(Self.maximumContacts) addresses, as 192.0.2.1 or [2001:db8::1]:7946")
      }
      givenContacts = contacts
    case "advertise":
      guard let address = IPAddress(setting.value), address.canBeAdvertised else {
        return setting.wrong("give an address that others can reach, as 192.0.2.1")
      }
      advertised = address
    default: return setting.unknown
    }
    return nil
  }

  /// What is wrong with the settings together; nil: nothing.
  func problem(_ membership: String) -> ConfigurationConflict? {
    let name = profile.family == .v4 ? "ipv4" : "ipv6"
    if let advertised, IPFamily(advertised) != profile.family {
      let line = "\(membership)-advertise is no \(name) address: set \(membership)-family, or another address"
      return ConfigurationConflict(["\(membership)-advertise"], line)
    }
    if isOn, givenContacts.contains(where: { IPFamily($0.address) != profile.family }) {
      let line = "\(membership)-contacts has one that is no \(name) address: set \(membership)-family, or remove it"
      return ConfigurationConflict(["\(membership)-contacts", "\(membership)-family"], line)
    }
    return nil
  }

  private static func contact(_ text: String) -> SocketAddress? {
    if let address = IPAddress(text) { return SocketAddress(address, port: 0) }
    return SocketAddress(text).flatMap { $0.port == 0 ? nil : $0 }
  }
}
