import Basics

extension SerfMessage {
  /// A question to all members that pass its filters; answers go straight to who asks.
  public struct Query: Equatable, Sendable {
    /// Most agents refuse to send more than this, encoded.
    public static let customaryMaximumBytes = 1024

    public struct Flags: OptionSet, Equatable, Sendable {
      public let rawValue: UInt32

      public init(rawValue: UInt32) {
        self.rawValue = rawValue
      }

      /// Say that the query has come, before and apart from the answer.
      public static let wantsAcknowledgement = Flags(rawValue: 1)
      /// Do not pass it on.
      public static let isNotRebroadcast = Flags(rawValue: 2)
    }

    /// Of the clock of queries.
    public var time: LamportTime
    public var id: UInt32
    /// Where answers go; nil if it is said in no form that we know.
    public var source: SocketAddress?
    /// `.none` from Serf 0.8.
    public var sourceNode: NodeName
    /// Who answers: members that pass all of these.
    public var filters: [QueryFilter]
    public var flags: Flags
    /// Through how many other members an answer is to be sent as well.
    public var relayFactor: UInt8
    /// How long answers are waited for; what a stranger says may be negative or absurd.
    public var timeoutNanoseconds: Int64
    /// Names that start with `_serf_` are the agents' own.
    public var name: String
    public var payload: [UInt8]

    public init(
      time: LamportTime, id: UInt32, source: SocketAddress?, sourceNode: NodeName, filters: [QueryFilter] = [],
      flags: Flags = [], relayFactor: UInt8 = 0, timeoutNanoseconds: Int64, name: String, payload: [UInt8] = []
    ) {
      self.time = time
      self.id = id
      self.source = source
      self.sourceNode = sourceNode
      self.filters = filters
      self.flags = flags
      self.relayFactor = relayFactor
      self.timeoutNanoseconds = timeoutNanoseconds
      self.name = name
      self.payload = payload
    }
  }
}

/// One condition on who answers a query.
public enum QueryFilter: Equatable, Sendable {
  /// Only these members.
  case nodes([NodeName])
  /// Only members with a tag whose value the expression matches somewhere; a tag that is missing has the value "".
  case tag(name: String, expression: String)
  /// A condition of a kind that we do not know, as it came: we do not answer.
  case unknown([UInt8])
}

/// What a member knows of another one, as it says in a conflict of names.
public struct MemberRecord: Equatable, Sendable {
  /// How Serf sees the member.
  public enum Status: UInt8, Sendable {
    case unknown = 0
    case alive = 1
    case leaving = 2
    case left = 3
    case failed = 4
  }

  public var name: NodeName
  public var address: SocketAddress
  public var tags: Tags
  public var status: Status
  public var versions: ProtocolVersions

  public init(name: NodeName, address: SocketAddress, tags: Tags, status: Status, versions: ProtocolVersions) {
    self.name = name
    self.address = address
    self.tags = tags
    self.status = status
    self.versions = versions
  }
}
