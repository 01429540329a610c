import Basics
import Microcloud

/// Something that has happened on the node, for whoever wants to look back or to be told.
public struct NodeEvent: Equatable, Sendable {
  public enum Kind: String, CaseIterable, Equatable, Sendable {
    case containerStarted = "container start"
    case containerEnded = "container end"
    /// It met its memory budget and was ended as a whole.
    case containerOutOfMemory = "container oom"
    case containerRemoved = "container remove"
    /// Its health check has found that.
    case containerHealthy = "container healthy"
    case containerUnhealthy = "container unhealthy"
    case leaseGranted = "lease grant"
    case leaseConfirmed = "lease confirm"
    case leaseOver = "lease over"
    /// With all that was in it.
    case leaseRemoved = "lease remove"
    case memberJoined = "member join"
    case memberLeft = "member leave"
    case memberFailed = "member fail"
    /// Everything waited for memory: no leases are given for a while.
    case memoryShort = "memory short"
  }

  /// The longest name of a member that is kept, in bytes: other people choose it.
  public static let maximumNameBytes = 128
  /// The longest detail, as why a container did not start, in bytes.
  public static let maximumDetailBytes = 256

  public let kind: Kind
  /// What it happened to: a container's or member's name, a lease's number; empty: the node.
  public let name: String
  /// How or why, for people; empty: nothing is to be said.
  public let detail: String
  /// In whose lease it happened (`Principal.holder`); nil: it is the owner's own affair.
  public let holder: [UInt8]?

  public init(_ kind: Kind, name: String = "", detail: String = "", holder: [UInt8]? = nil) {
    self.kind = kind
    self.name = Self.cut(name, to: Self.maximumNameBytes)
    self.detail = Self.cut(detail, to: Self.maximumDetailBytes)
    self.holder = holder
  }

  private static func cut(_ text: String, to count: Int) -> String {
    text.utf8.count <= count ? text : ASCII.string(text.utf8.prefix(count))
  }

  /// Whether a principal is told of it.
  public func isFor(_ principal: Principal) -> Bool {
    Permission.seesAll(principal) || holder == principal.holder
  }
}

/// An event, and when it happened.
public struct NumberedEvent: Equatable, Sendable {
  /// One more than the event before it.
  public let number: UInt64
  /// Since 1970.
  public let seconds: UInt64
  public let event: NodeEvent

  /// As it is answered.
  public var value: CBORValue {
    var map = CBORMap()
    map[.id] = .unsigned(number)
    map[.atSeconds] = .unsigned(seconds)
    map[.event] = .text(event.kind.rawValue)
    if !event.name.isEmpty { map[.name] = .text(event.name) }
    if !event.detail.isEmpty { map[.reason] = .text(event.detail) }
    return .map(map)
  }
}

extension NumberedEvent {
  /// As it is kept, in as few bytes as are needed; the number is known by its place.
  var record: [UInt8] {
    let kind = NodeEvent.Kind.allCases.firstIndex(of: event.kind) ?? 0
    let holder = event.holder.map { CBORValue.bytes($0) } ?? .null
    return CBORValue.array([
      .unsigned(seconds), .unsigned(UInt64(kind)), .text(event.name), .text(event.detail), holder,
    ]).encoded
  }

  /// nil: it is no record of an event.
  init?(number: UInt64, record: ArraySlice<UInt8>) {
    guard let fields = (try? CBORDecoder.decode(Array(record)))?.arrayValue, fields.count == 5,
      let seconds = fields[0].unsignedValue, let kind = fields[1].unsignedValue,
      let name = fields[2].textValue, let detail = fields[3].textValue, kind < UInt64(NodeEvent.Kind.allCases.count)
    else { return nil }
    let event = NodeEvent(NodeEvent.Kind.allCases[Int(kind)], name: name, detail: detail, holder: fields[4].bytesValue)
    self.init(number: number, seconds: seconds, event: event)
  }
}
