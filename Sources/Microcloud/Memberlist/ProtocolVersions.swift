/// Which versions of a protocol a member understands, and which one it speaks.
public struct VersionRange: Hashable, Sendable {
  public var minimum: UInt8
  public var maximum: UInt8
  public var current: UInt8

  public init(minimum: UInt8, maximum: UInt8, current: UInt8) {
    self.minimum = minimum
    self.maximum = maximum
    self.current = current
  }
}

/// The field `Vsn`: the versions of memberlist's protocol, and of the protocol carried by it, which is Serf's.
public struct ProtocolVersions: Hashable, Sendable {
  /// Gossip, probes and push/pull.
  public var memberlist: VersionRange
  /// Intents, events, queries and tags.
  public var serf: VersionRange

  public init(memberlist: VersionRange, serf: VersionRange) {
    self.memberlist = memberlist
    self.serf = serf
  }

  /// What we say of ourselves. All peers from 2015 to now accept it, and none sends us checksums, relays or negative
  /// acknowledgements because of it. Agents that are not told otherwise speak Serf's version 5, and refuse a push/pull
  /// with a member that does not understand it; those of 2015 refuse one that speaks it.
  public static let ours = ProtocolVersions(
    memberlist: VersionRange(minimum: 1, maximum: 2, current: 2),
    serf: VersionRange(minimum: 2, maximum: 5, current: 4))

  /// The versions of these bytes, of which there have to be 6; more are passed over.
  public init?(bytes: some Collection<UInt8>) {
    let six = Array(bytes.prefix(6))
    if six.count < 6 { return nil }
    memberlist = VersionRange(minimum: six[0], maximum: six[1], current: six[2])
    serf = VersionRange(minimum: six[3], maximum: six[4], current: six[5])
  }

  /// As they stand on the wire: minimum, maximum and current of each.
  public var bytes: [UInt8] {
    [memberlist, serf].flatMap { [$0.minimum, $0.maximum, $0.current] }
  }

  /// Whether an alive message may say so; peers pass over one that says otherwise.
  public var isValid: Bool {
    memberlist.minimum > 0 && memberlist.maximum > 0 && memberlist.minimum <= memberlist.maximum
  }
}
