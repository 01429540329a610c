import Basics

/// A network interface of this machine and the addresses on it.
public struct NetworkInterface: Equatable, Sendable {
  /// What the kernel says of an interface (netdevice(7)).
  public struct Flags: OptionSet, Equatable, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) {
      self.rawValue = rawValue
    }

    /// It is switched on.
    public static let up = Flags(rawValue: 1)
    public static let loopback = Flags(rawValue: 1 << 3)
    public static let pointToPoint = Flags(rawValue: 1 << 4)
    /// It is connected.
    public static let running = Flags(rawValue: 1 << 6)
    public static let multicast = Flags(rawValue: 1 << 12)
  }

  public struct Address: Equatable, Sendable {
    /// How far an address reaches.
    public struct Scope: RawRepresentable, Equatable, Sendable {
      public let rawValue: UInt8

      public init(rawValue: UInt8) {
        self.rawValue = rawValue
      }

      public static let global = Scope(rawValue: 0)
      public static let site = Scope(rawValue: 200)
      public static let link = Scope(rawValue: 253)
      public static let host = Scope(rawValue: 254)
    }

    /// What the kernel says of an address (linux/if_addr.h).
    public struct Flags: OptionSet, Equatable, Sendable {
      public let rawValue: UInt32

      public init(rawValue: UInt32) {
        self.rawValue = rawValue
      }

      /// Made up for a while, so that we are not known by it.
      public static let temporary = Flags(rawValue: 1)
      /// Another machine has it.
      public static let duplicate = Flags(rawValue: 1 << 3)
      /// Not for anything new.
      public static let deprecated = Flags(rawValue: 1 << 5)
      /// It is not known yet whether another machine has it.
      public static let tentative = Flags(rawValue: 1 << 6)
    }

    public var address: IPAddress
    /// How many of its first bits all neighbours share.
    public var prefixBits: UInt8
    public var scope: Scope
    public var flags: Flags

    public init(address: IPAddress, prefixBits: UInt8, scope: Scope, flags: Flags) {
      self.address = address
      self.prefixBits = prefixBits
      self.scope = scope
      self.flags = flags
    }

    /// Whether it is ours to use.
    public var isUsable: Bool { flags.isDisjoint(with: [.tentative, .duplicate]) }
  }

  public let index: UInt32
  public internal(set) var name: String
  public internal(set) var flags: Flags
  /// In the order in which the kernel told of them.
  public internal(set) var addresses: [Address] = []

  public init(index: UInt32, name: String, flags: Flags, addresses: [Address] = []) {
    self.index = index
    self.name = name
    self.flags = flags
    self.addresses = addresses
  }
}
