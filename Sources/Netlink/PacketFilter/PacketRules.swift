import Basics

/// A table of nf_tables: which packets may come, go and pass.
public struct PacketRules: Equatable, Sendable {
  /// Which packets a table judges (enum nfproto).
  public enum Family: UInt8, Equatable, Sendable {
    /// IPv4 and IPv6 alike.
    case inet = 1
    /// What comes into the ports of bridges.
    case bridge = 7
  }

  public var table: String
  public var family: Family
  public var sets: [PacketSet] = []
  public var chains: [PacketChain] = []

  /// - Parameter table: its name, within the family.
  public init(table: String, family: Family = .inet) {
    self.table = table
    self.family = family
  }
}

/// Values that a rule can look up under a name.
public struct PacketSet: Equatable, Sendable {
  public struct Elements: Equatable, Sendable {
    /// What each is found by.
    let key: [PacketField]
    /// What is found under it; none: it is no map.
    let value: [PacketField]
    let mappings: [PacketMapping]

    public var isEmpty: Bool { mappings.isEmpty }

    public static func interfaces(_ names: [String]) -> Elements {
      rows([.interface], names.map { PacketField.interface($0) })
    }

    public static func ports(_ ports: [UInt16]) -> Elements {
      rows([.port], ports.map { PacketField.port($0) })
    }

    /// Several fields in a row, each padded with zeros to four bytes.
    public static func rows(_ key: [PacketField], _ rows: [[UInt8]]) -> Elements {
      Elements(key: key, value: [], mappings: rows.map { PacketMapping($0, []) })
    }

    /// Rows, each with what is found under it.
    public static func map(_ key: [PacketField], to value: [PacketField], _ mappings: [PacketMapping]) -> Elements {
      Elements(key: key, value: value, mappings: mappings)
    }
  }

  public let name: String
  public let elements: Elements

  /// Of elements, so that their message stays below the 64 KiB that an attribute can have; those beyond are left out.
  public static let maximumElements = 1024

  public init(_ name: String, _ elements: Elements) {
    self.name = name
    self.elements = elements
  }
}

/// What a row of a set consists of.
public enum PacketField: Equatable, Sendable {
  case interface, hardware, v4, v6, transport, port
}

/// An element of a map.
public struct PacketMapping: Equatable, Sendable {
  public let key: [UInt8]
  public let value: [UInt8]

  public init(_ key: [UInt8], _ value: [UInt8]) {
    (self.key, self.value) = (key, value)
  }
}

/// Rules that are gone through in order until one decides.
public struct PacketChain: Equatable, Sendable {
  /// Where the kernel enters a chain: type, hook and priority.
  public enum Hook: Equatable, Sendable {
    /// What is for this machine.
    case input
    /// What passes through it.
    case forward
    /// What it sends.
    case output
    /// The first packet of a connection, on its way out: where it seems to come from.
    case sourceTranslation
    /// The first packet of a connection, before it is known where it goes: where it is really for.
    case destinationTranslation
    /// What comes into a port of a bridge, before the bridge learns from it.
    case port
  }

  public let name: String
  /// Nil: it is only jumped to.
  public let hook: Hook?
  /// What becomes of a packet that no rule decides on.
  public let drops: Bool
  public let rules: [PacketRule]

  public init(_ name: String, at hook: Hook? = nil, drops: Bool = false, _ rules: [PacketRule]) {
    self.name = name
    self.hook = hook
    self.drops = drops
    self.rules = rules
  }
}

/// What becomes of a packet of which all this is true.
public struct PacketRule: Equatable, Sendable {
  /// For people: why. `nft list ruleset` shows it, and so does the line that tells why the kernel refused it.
  public let comment: String
  public let matches: [PacketMatch]
  public let verdict: PacketVerdict

  public init(_ comment: String, _ matches: [PacketMatch], _ verdict: PacketVerdict) {
    self.comment = comment
    self.matches = matches
    self.verdict = verdict
  }
}

/// Something that may be true of a packet.
public enum PacketMatch: Equatable, Sendable {
  /// The interface that it comes by, or goes out by.
  case from(String)
  case to(String)
  case fromOne(ofSet: String)
  case toOne(ofSet: String)
  case toNone(ofSet: String)
  case family(IPFamily)
  /// TCP, UDP and so on, by number.
  case transport(UInt8)
  /// Where it goes, after `transport`.
  case port(UInt16)
  case portOne(ofSet: String)
  case destination(IPAddress, prefixBits: Int)
  case notDestination(IPAddress)
  case source(IPAddress, prefixBits: Int)
  case notTo(String)
  /// It is for an address of this machine.
  case forThisMachine
  /// It belongs to a connection of which the kernel has changed the destination.
  case translated
  /// The type in its Ethernet header.
  case type(UInt16)
  /// The interface that it comes by, its hardware's address and its own, which says it is from there, are in a set of rows.
  case senderOne(ofSet: String, PacketSender)
  /// It belongs to what is known already: a connection in either direction, or an error about one.
  case known
  /// It belongs to no connection that could be.
  case invalid
  /// A process with a user of this range sent it. Of what the kernel itself sends this is never true.
  case sender(ClosedRange<UInt32>)
}

/// Where a packet says whom it is from.
public enum PacketSender: Equatable, Sendable {
  case arp, v4, v6
}

/// What becomes of a packet.
public enum PacketVerdict: Equatable, Sendable {
  case accept
  /// Counted, and gone.
  case drop
  /// Counted, and the sender is told that it is not allowed.
  case reject
  /// Gone through another chain, and back if none of its rules decides.
  case jump(String)
  /// It seems to come from the address of the interface that it goes out by.
  case masquerade
  /// It goes where a map of transport and port to address and port says; the next rule's where it says nothing.
  case translate(map: String, IPFamily)
}
