import Basics

/// What members of a memberlist cluster say to one another, apart from how packets and streams frame it.
///
/// Push/pull, which only streams carry, is `GossipStreamEvent` to a reader and `PushPullWriter` to a sender.
public enum MemberlistMessage: Equatable, Sendable {
  /// Are you there? Answered by `ack` with the same sequence number.
  case ping(Ping)
  /// Ask another member for me whether it is there.
  case indirectPing(IndirectPing)
  /// I am, or the one you asked me about is. Serf's payload is a `Coordinate`; none is legal.
  case ack(sequence: UInt32, payload: [UInt8])
  /// The one you asked me about did not answer.
  case nack(sequence: UInt32)
  /// A member did not answer probes.
  case suspect(Accusation)
  /// A member is there, new or changed.
  case alive(Alive)
  /// A member is gone for good, or has left.
  case dead(Accusation)
  /// A message of the protocol above: `SerfMessage`, still encoded.
  case user([UInt8])
  /// On a stream: why a peer did not do what was asked.
  case error(String)
}

extension MemberlistMessage {
  /// Who wants the answer to a probe. Left out, it is who sent the packet: we do so, as it is half of a probe's bytes, and so
  /// do peers up to memberlist 0.1.
  public struct Prober: Equatable, Sendable {
    public var address: SocketAddress
    /// `.none` if it is not said.
    public var name: NodeName

    public init(address: SocketAddress, name: NodeName) {
      self.address = address
      self.name = name
    }
  }

  public struct Ping: Equatable, Sendable {
    public var sequence: UInt32
    /// Who is meant; one that is named otherwise does not answer. `.none`: whoever gets it.
    public var node: NodeName
    public var prober: Prober?

    public init(sequence: UInt32, node: NodeName, prober: Prober? = nil) {
      self.sequence = sequence
      self.node = node
      self.prober = prober
    }
  }

  public struct IndirectPing: Equatable, Sendable {
    /// The prober's number, for the `ack` or `nack` to it.
    public var sequence: UInt32
    /// Whom to ask.
    public var target: SocketAddress
    public var node: NodeName
    /// Whether the prober wants to hear a `nack`.
    public var wantsNack: Bool
    public var prober: Prober?

    public init(
      sequence: UInt32, target: SocketAddress, node: NodeName, wantsNack: Bool, prober: Prober? = nil
    ) {
      self.sequence = sequence
      self.target = target
      self.node = node
      self.wantsNack = wantsNack
      self.prober = prober
    }
  }

  /// That a member is suspect or dead.
  public struct Accusation: Equatable, Sendable {
    /// The member's incarnation as far as the accuser knew; a newer `alive` refutes it.
    public var incarnation: UInt32
    public var node: NodeName
    /// Who says so.
    public var from: NodeName

    public init(incarnation: UInt32, node: NodeName, from: NodeName) {
      self.incarnation = incarnation
      self.node = node
      self.from = from
    }

    /// Whether a `dead` of this content says that a member has left by its own will.
    public var isDeparture: Bool { node == from }
  }

  public struct Alive: Equatable, Sendable {
    /// Raised by the member itself with each change and refutation; a higher one wins.
    public var incarnation: UInt32
    public var node: NodeName
    public var address: SocketAddress
    /// What the protocol above says of the member: `Tags`, encoded. Forwarded as it came.
    public var meta: [UInt8]
    /// Nil if fewer than 6 bytes came. Peers refuse a whole push/pull that has a member without.
    public var versions: ProtocolVersions?

    public init(
      incarnation: UInt32, node: NodeName, address: SocketAddress, meta: [UInt8], versions: ProtocolVersions?
    ) {
      self.incarnation = incarnation
      self.node = node
      self.address = address
      self.meta = meta
      self.versions = versions
    }
  }
}

/// The first byte of a message, in packets and on streams.
enum MemberlistMessageType: UInt8 {
  case ping = 0
  case indirectPing = 1
  case ack = 2
  case suspect = 3
  case alive = 4
  case dead = 5
  /// Streams only.
  case pushPull = 6
  /// Packets only: several messages.
  case compound = 7
  case user = 8
  case compressed = 9
  /// Streams only; in a packet the version of the encryption stands first.
  case encrypted = 10
  case nack = 11
  /// Packets only, and there only outermost.
  case checksummed = 12
  /// Streams only.
  case error = 13
  /// Not a message: what separates clusters that share a network. Serf agents do not use it.
  case label = 244
}
