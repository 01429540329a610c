import Basics

/// A table of nf_tables: which packets may come, go and pass.
public struct PacketRules: Equatable, Sendable {
  public var table: String
  public var sets: [PacketSet] = []
  public var chains: [PacketChain] = []

  /// - Parameter table: its name; it judges IPv4 and IPv6 alike (family `inet`).
  public init(table: String) {
    self.table = table
  }
}

/// Values that a rule can look up under a name.
public struct PacketSet: Equatable, Sendable {
  public enum Elements: Equatable, Sendable {
    case interfaces([String])
    case ports([UInt16])
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
  /// It belongs to what is known already: a connection in either direction, or an error about one.
  case known
  /// It belongs to no connection that could be.
  case invalid
  /// A process with a user of this range sent it. Of what the kernel itself sends this is never true.
  case sender(ClosedRange<UInt32>)
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
}
