import Basics
import Crypto
import Microcloud

/// What the configuration says about the node as others see it: its name and owner, its microcloud, and the open cluster of
/// Cloudy nodes.
public struct NodeSettings: Equatable, Sendable {
  /// Empty: the host's name.
  public var name = ""
  /// The owner's public key; nil: the board is nobody's alone.
  public var owner: P256.PublicKey?
  /// The key with which the microcloud signs who its members and owners are; nil: nobody is one by a credential.
  public var microcloudKey: P256.PublicKey?
  /// Where the node is asked for whatever does not fit into gossip.
  public var coapPort: UInt16 = usualCoAPPort
  /// The interfaces that lead to neighbours; none: all but those of containers.
  public var interfaces: [String] = []
  /// Where the node's links are registered (RFC 9176); nil: nowhere.
  public var resourceDirectory: DirectoryRegistration.Place? = .anywhere
  public var microcloud = MembershipSettings(.microcloud, isOn: true)
  /// Nil: one in reach that takes anybody (`MicrocloudChoice`).
  public var microcloudName: String?
  /// What the microcloud's gossip is sealed with, the first one, and opened with, all of them. None: it is open.
  public var gossipKeys: Keyring?
  public var publicCluster = MembershipSettings(.cloudy, isOn: false, contacts: cloudyContacts)

  public init() {}

  /// RFC 7252 section 6.1.
  private static let usualCoAPPort: UInt16 = 5683

  /// Where Cloudy's own nodes in Guifi find each other.
  static let cloudyContacts = ["10.139.40.22:5000", "10.139.40.122:5000"].compactMap { SocketAddress($0) }

  private static let maximumInterfaces = 16
  /// Of a public key: a compressed point of P-256 (SEC 1 section 2.3.3).
  private static let keyBytes = 33

  /// Whether it talks to other machines at all.
  public var isAmongOthers: Bool { microcloud.isOn || publicCluster.isOn }

  /// Whoever put a key onto the board has claimed it: for the key's owner, or for those whom the microcloud names.
  public var standing: NodeStanding { owner == nil && microcloudKey == nil ? .unclaimed : .claimed }

  /// Takes one setting; returns what is wrong with it, and what would be right.
  mutating func set(_ setting: Setting) -> String? {
    switch setting.name {
    case "name": return setName(setting)
    case "owner":
      owner = Self.key(setting.value)
      if owner == nil { return setting.wrong(Self.keyAdvice + "`microctl key` prints") }
    case "microcloud-key":
      microcloudKey = Self.key(setting.value)
      if microcloudKey == nil { return setting.wrong(Self.keyAdvice + "`microctl microcloud create` printed") }
    case "coap-port":
      guard let port = Decimal.parse(setting.value).flatMap({ UInt16(exactly: $0) }), port != 0 else {
        return setting.wrong("give a port, as 5683")
      }
      coapPort = port
    case "interfaces":
      let names = setting.words
      guard (1...Self.maximumInterfaces).contains(names.count),
        names.allSatisfy({ $0.utf8.count <= BoardSettings.maximumInterfaceBytes })
      else { return setting.wrong("give the names of interfaces, as eth0") }
      interfaces = names
    case "gossip-key":
      let keys = setting.words.map { Base64.decode(Array($0.utf8)) ?? [] }
      guard let keyring = Keyring(keys: keys) else {
        return "gossip-key: give 16, 24 or 32 random bytes in base64, as `serf keygen` makes them; at most "
          + "\(GossipCipher.maximumKeys) keys, the one to seal with first"
      }
      gossipKeys = keyring
    case "resource-directory": return setResourceDirectory(setting)
    case "microcloud": return setMicrocloud(setting)
    case "public":
      guard setting.value == "on" || setting.value == "off" else { return setting.wrong("give on or off") }
      publicCluster.isOn = setting.value == "on"
    default: return setMembership(setting)
    }
    return nil
  }

  private static func key(_ text: String) -> P256.PublicKey? {
    guard let bytes = Hexadecimal.bytes(text.utf8), bytes.count == keyBytes else { return nil }
    return try? P256.PublicKey(bytes)
  }

  private static let keyAdvice = "give a public key of P-256: 66 hexadecimal digits, 02 or 03 first, as "

  private mutating func setName(_ setting: Setting) -> String? {
    let bytes = Array(setting.value.utf8)
    guard let first = bytes.first, let last = bytes.last, bytes.count <= NodeNaming.maximumHostBytes,
      ASCII.isLetterOrDigit(first), ASCII.isLetterOrDigit(last),
      bytes.allSatisfy({ ASCII.isLetterOrDigit($0) || $0 == UInt8(ascii: "-") })
    else { return setting.wrong("use letters, digits and '-', at most \(NodeNaming.maximumHostBytes)") }
    name = setting.value
    return nil
  }

  private mutating func setResourceDirectory(_ setting: Setting) -> String? {
    switch setting.value {
    case "find": resourceDirectory = .anywhere
    case "off": resourceDirectory = nil
    default:
      let plain = IPAddress(setting.value).map { SocketAddress($0, port: Self.usualCoAPPort) }
      let address = plain ?? SocketAddress(setting.value)
      guard let address, address.port != 0 else {
        return setting.wrong("give find, off, or an address, as 192.0.2.1 or [2001:db8::1]:5683")
      }
      resourceDirectory = .at(address)
    }
    return nil
  }

  private mutating func setMicrocloud(_ setting: Setting) -> String? {
    microcloud.isOn = setting.value != "off"
    if !microcloud.isOn { return nil }
    guard MicrocloudName.isValid(setting.value) else {
      return setting.wrong("use letters, digits and '-', at most \(MicrocloudName.maximumBytes); or off")
    }
    microcloudName = setting.value
    return nil
  }

  /// `microcloud-port`, `public-port` and so on.
  private mutating func setMembership(_ setting: Setting) -> String? {
    let bytes = setting.name.utf8
    if bytes.starts(with: "microcloud-".utf8) {
      return microcloud.set(ASCII.string(bytes.dropFirst(11)), setting)
    }
    if bytes.starts(with: "public-".utf8) {
      return publicCluster.set(ASCII.string(bytes.dropFirst(7)), setting)
    }
    return setting.unknown
  }

  /// What is wrong with the settings together; nil: nothing.
  var problem: ConfigurationConflict? {
    if gossipKeys != nil, microcloudName == nil {
      let line = "gossip-key needs a microcloud: name the one that it belongs to"
      return ConfigurationConflict(["gossip-key"], line)
    }
    if microcloud.isOn, publicCluster.isOn, microcloud.profile.port == publicCluster.profile.port {
      let line = "microcloud-port and public-port are the same: give each its own"
      return ConfigurationConflict(["microcloud-port", "public-port"], line)
    }
    return microcloud.problem("microcloud") ?? publicCluster.problem("public")
  }
}
