import Basics

/// What Serf agents say through memberlist: in user messages, each member passing it on, and in the payloads of the
/// internal queries.
public enum SerfMessage: Equatable, Sendable {
  /// A member is about to leave, or is to be forgotten.
  case leave(Leave)
  /// A member is there to stay.
  case join(Join)
  case userEvent(UserEvent)
  case query(Query)
  /// Sent straight to who asked.
  case queryResponse(QueryResponse)
  /// The answer to the query `_serf_conflict`: what the answering member knows under that name, if anything.
  case conflictResponse(MemberRecord?)
  /// The payload of `_serf_install-key`, `_serf_use-key`, `_serf_remove-key` and `_serf_list-keys`; the last has no key.
  case keyRequest(key: [UInt8])
  case keyResponse(KeyResponse)
  /// A message that the receiver is to pass on to another member.
  case relay(Relay)
}

extension SerfMessage {
  public struct Leave: Equatable, Sendable {
    public var time: LamportTime
    public var node: NodeName
    /// Whether to forget the member at once, not only to show it as left.
    public var prunes: Bool

    public init(time: LamportTime, node: NodeName, prunes: Bool = false) {
      self.time = time
      self.node = node
      self.prunes = prunes
    }
  }

  public struct Join: Equatable, Sendable {
    public var time: LamportTime
    public var node: NodeName

    public init(time: LamportTime, node: NodeName) {
      self.time = time
      self.node = node
    }
  }

  public struct UserEvent: Equatable, Sendable {
    /// Most agents refuse to send more than this in name and payload, or encoded.
    public static let customaryMaximumBytes = 512

    /// Of the clock of events.
    public var time: LamportTime
    public var name: String
    public var payload: [UInt8]
    /// Whether an agent may hand several events of this name to its handler as one.
    public var coalesces: Bool

    public init(time: LamportTime, name: String, payload: [UInt8], coalesces: Bool) {
      self.time = time
      self.name = name
      self.payload = payload
      self.coalesces = coalesces
    }
  }

  public struct QueryResponse: Equatable, Sendable {
    /// Most agents refuse to send more than this, encoded.
    public static let customaryMaximumBytes = 1024

    /// The query's; this and the number have to match.
    public var time: LamportTime
    public var id: UInt32
    public var from: NodeName
    /// Whether this only says that the query has come.
    public var isAcknowledgement: Bool
    public var payload: [UInt8]

    public init(time: LamportTime, id: UInt32, from: NodeName, isAcknowledgement: Bool, payload: [UInt8] = []) {
      self.time = time
      self.id = id
      self.from = from
      self.isAcknowledgement = isAcknowledgement
      self.payload = payload
    }
  }

  public struct KeyResponse: Equatable, Sendable {
    /// The most keys that we take from a peer.
    public static let maximumKeys = 64

    /// Whether it was done. Without encryption it never is.
    public var isSuccess: Bool
    /// Why not.
    public var message: String
    /// The keyring in base64, as `_serf_list-keys` wants it.
    public var keys: [String]
    /// The key that seals, in base64.
    public var primaryKey: String

    public init(isSuccess: Bool, message: String, keys: [String] = [], primaryKey: String = "") {
      self.isSuccess = isSuccess
      self.message = message
      self.keys = keys
      self.primaryKey = primaryKey
    }
  }

  public struct Relay: Equatable, Sendable {
    public var destination: SocketAddress
    /// `.none` from Serf 0.8.
    public var destinationName: NodeName
    /// The Serf message to pass on, encoded.
    public var message: [UInt8]

    public init(destination: SocketAddress, destinationName: NodeName, message: [UInt8]) {
      self.destination = destination
      self.destinationName = destinationName
      self.message = message
    }
  }
}

/// The first byte of a Serf message, of Serf's part of a push/pull, and of an internal query's payload.
enum SerfMessageType: UInt8 {
  case leave = 0
  case join = 1
  /// Streams only: `SerfStateEntry` to a reader.
  case pushPull = 2
  case userEvent = 3
  case query = 4
  case queryResponse = 5
  case conflictResponse = 6
  case keyRequest = 7
  case keyResponse = 8
  case relay = 9
}
