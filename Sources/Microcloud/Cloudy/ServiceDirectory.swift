import Basics

/// The memberships that a node may be in, in the order in which their word counts.
public enum MembershipKind: UInt8, Sendable {
  /// The open cluster of Cloudy nodes.
  case `public` = 1
  /// The microcloud's own.
  case microcloud = 2
}

/// Where something was heard of.
public struct DirectorySources: OptionSet, Hashable, Sendable {
  public let rawValue: UInt8

  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Multicast DNS on a network of ours.
  public static let link = DirectorySources(rawValue: 1)
  public static let `public` = DirectorySources(rawValue: 2)
  public static let microcloud = DirectorySources(rawValue: 4)

  init(_ kind: MembershipKind) { self.init(rawValue: 1 << kind.rawValue) }
}

/// A member as its table has it, lent for as long as it is looked at.
public struct DirectoryMember: Sendable {
  public var kind: MembershipKind
  public var name: NodeName
  public var address: IPAddress
  public var isAlive: Bool
  /// Whether it is this node.
  public var isSelf: Bool
  /// What it says of itself, as it came: see `Tags`.
  public var meta: [UInt8]
  /// By coordinates, or as measured; nil if it is not known.
  public var roundTripMilliseconds: UInt32?

  public init(
    kind: MembershipKind, name: NodeName, address: IPAddress, isAlive: Bool, isSelf: Bool = false, meta: [UInt8],
    roundTripMilliseconds: UInt32?
  ) {
    self.kind = kind
    self.name = name
    self.address = address
    self.isAlive = isAlive
    self.isSelf = isSelf
    self.meta = meta
    self.roundTripMilliseconds = roundTripMilliseconds
  }
}

/// Who is there and what they offer, asked for by people.
///
/// Of a peer nothing is kept but its 22 bytes of `Availability`: its tag is in the member table already, and what was
/// found by multicast DNS in that one's cache. Both are read when somebody asks, member by member, so that a search
/// through thousands of them can be spread over many turns of a loop; see `ServiceSearch` and `NodeSearch`.
public struct ServiceDirectory: Sendable {
  public var availability: Availability

  public init(availability: Availability) {
    self.availability = availability
  }

  /// How good a member is as a neighbour, in percent: the share of seven days for which it was seen alive, and how near
  /// it is by its round trip.
  ///
  ///     100 * (alive + 5) / (looked + 10) * 500 / (500 + milliseconds)
  ///
  /// in slots of six minutes, rounded. A node that is new begins at half; a day later how it began hardly counts. At
  /// half a second the round trip halves it; one that is not known counts as a quarter of a second. Who is gone has 0, and this
  /// node itself 100.
  public func quality(of member: DirectoryMember) -> UInt8 {
    guard member.isAlive else { return 0 }
    if member.isSelf { return 100 }
    let slots = availability.slots(of: member.name, in: member.kind)
    return Self.quality(alive: slots.alive, looked: slots.looked, roundTripMilliseconds: member.roundTripMilliseconds)
  }

  static func quality(alive: Int, looked: Int, roundTripMilliseconds: UInt32?) -> UInt8 {
    let dividend = 100 * UInt64(alive + 5) * 500
    let divisor = UInt64(looked + 10) * (500 + UInt64(roundTripMilliseconds ?? 250))
    return UInt8(clamping: (dividend + divisor / 2) / divisor)
  }

  /// What a member says of itself as an agent, and in which microcloud; nil if it is none, or its tag is broken.
  public static func agent(of member: DirectoryMember) -> (entry: MicroagentEntry, microcloud: String)? {
    do throws(ServicesTagError) {
      guard let own = MicroagentEntry.service(among: try services(of: member)),
        let entry = MicroagentEntry(text: own.text)
      else { return nil }
      return (entry, own.microcloud)
    } catch {
      return nil
    }
  }

  /// What a member offers; an error if its tags or the list in them are broken.
  static func services(of member: DirectoryMember) throws(ServicesTagError) -> [CloudyService] {
    let tags: Tags
    do throws(MessagePackError) {
      tags = try Tags(meta: member.meta)
    } catch {
      throw .malformed(offset: error.offset)
    }
    return try ServicesTag.decode(tags[ServicesTag.name] ?? "")
  }
}
