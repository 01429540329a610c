import Basics

/// What the configuration says about the system below the agent, where the agent is the main program of a board: its
/// network, its clock and who may log in. The board's scripts do what is said here (`shellText`).
public struct BoardSettings: Equatable, Sendable {
  /// The address on the uplink; nil: what DHCP gives.
  public var network: AddressInNetwork?
  /// Where packets to everywhere else go; nil: what DHCP says, or nowhere.
  public var router: IPAddress?
  /// Name servers; none: what DHCP says.
  public var nameServers: [IPAddress] = []
  /// The interface that leads to the neighbours; empty: the first one that is not of the home side.
  public var uplink = ""
  /// The interfaces that lead to the owner's home, for which the board is the gateway; none: it is a host.
  public var home: [String] = []
  /// The board's address on the home side, and which addresses are given there.
  public var homeAddress = AddressInNetwork(address: 0xC0A8_4D01, prefixLength: 24)!
  /// Whether containers that share the board's network reach the home side.
  public var isHomeOpen = false
  /// Where the time is asked for; none: where DHCP says.
  public var timeServers: [IPAddress] = []
  /// Type and key of who may log in over the network, as in authorized_keys (sshd(8)) but for the comment; empty: nobody.
  public var loginKey = ""

  public init() {}

  /// The interfaces that the home side has in the kernel: those that are set, and the bridge that joins several.
  public var homeInterfaces: [String] { home.isEmpty ? [] : home + [Self.homeBridge] }

  /// cross/image/system/etc/board/gateway makes it.
  private static let homeBridge = "br-home"

  public static let maximumNameServers = 3
  public static let maximumTimeServers = 4
  public static let maximumHomeInterfaces = 8
  /// Of an interface's name (netdevice(7)).
  public static let maximumInterfaceBytes = 15
  /// A home's DHCP server needs room for addresses, and containers' networks some beside it.
  private static let homePrefixLengths: ClosedRange<UInt8> = 8...29

  /// Whether a setting is one of these.
  static func has(_ name: String) -> Bool {
    switch name {
    case "network", "router", "dns", "uplink", "home", "home-address", "home-open", "ntp", "ssh-key": true
    default: false
    }
  }

  /// Takes one setting; returns what is wrong with it, and what would be right.
  mutating func set(_ setting: Setting) -> String? {
    switch setting.name {
    case "network":
      network = AddressInNetwork(setting.value)
      if network == nil, setting.value != "dhcp" { return setting.wrong("give dhcp, or an address as 192.168.1.7/24") }
    case "router":
      router = Self.hostAddress(setting.value)
      if router == nil { return setting.wrong("give an IPv4 address, as 192.168.1.1") }
    case "dns": return Self.setAddresses(&nameServers, setting, most: Self.maximumNameServers)
    case "ntp": return Self.setAddresses(&timeServers, setting, most: Self.maximumTimeServers)
    case "uplink":
      guard Self.isInterface(setting.value) else { return setting.wrong("give the name of an interface, as eth0") }
      uplink = setting.value
    case "home":
      let names = setting.words
      guard (1...Self.maximumHomeInterfaces).contains(names.count), names.allSatisfy(Self.isInterface) else {
        return setting.wrong("give the names of 1 to \(Self.maximumHomeInterfaces) interfaces, as eth1 eth2")
      }
      home = names
    case "home-address":
      guard let address = AddressInNetwork(setting.value), Self.homePrefixLengths.contains(address.prefixLength) else {
        return setting.wrong("give the board's address there, as 192.168.77.1/24")
      }
      homeAddress = address
    case "home-open":
      guard setting.value == "on" || setting.value == "off" else { return setting.wrong("give on or off") }
      isHomeOpen = setting.value == "on"
    case "ssh-key":
      guard let key = Self.loginKey(setting.value) else {
        return setting.wrong("give the one line of a public key, as id_ed25519.pub has it")
      }
      loginKey = key
    default: return setting.unknown
    }
    return nil
  }

  /// What is wrong with the settings together; nil: nothing.
  var problem: ConfigurationConflict? {
    if let router, let problem = self.problem(of: router) { return ConfigurationConflict(["router"], problem) }
    if home.contains(uplink) {
      return ConfigurationConflict(["home"], "home has \(uplink), which is the uplink: an interface is on one side")
    }
    if !home.isEmpty, let network, network.overlaps(homeAddress) {
      let line = "home-address \(homeAddress) is in the uplink's network, too: give one that is not, as 10.77.0.1/24"
      return ConfigurationConflict(["home-address", "home"], line)
    }
    return nil
  }

  private func problem(of router: IPAddress) -> String? {
    guard let network else { return "router needs an address: set network, or remove it, for DHCP tells the router" }
    if case .v4(let address) = router, network.reaches(address), address != network.address { return nil }
    return "router \(router) cannot be reached from \(network): give another one in its network"
  }

  private static func hostAddress(_ text: String) -> IPAddress? {
    AddressInNetwork(text + "/32").map { .v4($0.address) }
  }

  private static func setAddresses(_ list: inout [IPAddress], _ setting: Setting, most: Int) -> String? {
    let words = setting.words
    let addresses = words.compactMap { hostAddress($0) }
    guard addresses.count == words.count, (1...most).contains(words.count) else {
      return setting.wrong("give 1 to \(most) IPv4 addresses, as 192.0.2.53")
    }
    list = addresses
    return nil
  }

  /// Plain characters only: scripts and packet filters are given it.
  static func isInterface(_ name: String) -> Bool {
    guard let first = name.utf8.first, name.utf8.count <= maximumInterfaceBytes else { return false }
    return ASCII.isLetterOrDigit(first)
      && name.utf8.allSatisfy {
        ASCII.isLetterOrDigit($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ".")
      }
  }

  /// Type and key of `TYPE BASE64 COMMENT`: nothing else may stand there, so that it gives no options and is no script. The
  /// key says its type, too (RFC 4253 section 6.6).
  private static func loginKey(_ text: String) -> String? {
    let words = ASCII.words(Array(text.utf8)[...])
    guard words.count >= 2, let key = Base64.decode(words[1]), key.count > 4 + words[0].count else { return nil }
    let type = words[0]
    guard BigEndian.number(key[..<4]) == UInt64(type.count), key[4..<(4 + type.count)] == type,
      ["ssh-", "ecdsa-", "sk-"].contains(where: { type.starts(with: $0.utf8) }),
      type.allSatisfy({
        ASCII.isLetterOrDigit($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "@") || $0 == UInt8(ascii: ".")
      })
    else { return nil }
    return ASCII.string(type) + " " + ASCII.string(words[1])
  }
}
