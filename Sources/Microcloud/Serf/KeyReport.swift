import Basics

/// What is to be done with a cluster's keys.
public enum KeyCommand: Equatable, Sendable {
  case install([UInt8])
  case use([UInt8])
  case remove([UInt8])
  case list

  /// The query that asks for it.
  var query: (name: String, payload: [UInt8]) {
    switch self {
    case .install(let key): ("_serf_install-key", SerfMessage.keyRequest(key: key).encoded)
    case .use(let key): ("_serf_use-key", SerfMessage.keyRequest(key: key).encoded)
    case .remove(let key): ("_serf_remove-key", SerfMessage.keyRequest(key: key).encoded)
    case .list: ("_serf_list-keys", SerfMessage.keyRequest(key: []).encoded)
    }
  }

  /// What a query asks for; nil if it is about other things, or has no key where one is needed.
  init?(_ query: SerfMessage.Query) {
    func key() -> [UInt8]? {
      do throws(GossipError) {
        guard case .keyRequest(let key) = try SerfMessage.decode(query.payload[...]) else { return nil }
        return key
      } catch {
        return nil
      }
    }
    switch query.name {
    case "_serf_install-key": if let key = key() { self = .install(key) } else { return nil }
    case "_serf_use-key": if let key = key() { self = .use(key) } else { return nil }
    case "_serf_remove-key": if let key = key() { self = .remove(key) } else { return nil }
    case "_serf_list-keys": self = .list
    default: return nil
    }
  }
}

/// What came of a command to all members about keys: what `serf keys` shows.
public struct KeyReport: Equatable, Sendable {
  /// The most refusals that are kept, and how long each may be; more are only counted.
  public static let maximumRefusals = 16
  public static let maximumRefusalBytes = 128
  /// The longest key as base64 text.
  private static let maximumKeyTextBytes = 44

  public struct Refusal: Equatable, Sendable {
    public let node: NodeName
    public let reason: String
  }

  public struct KeyCount: Equatable, Sendable {
    /// In base64.
    public let key: String
    /// How many members have it.
    public var members: Int
  }

  /// How many members there were when they were asked.
  public let memberCount: Int
  public private(set) var responseCount = 0
  public private(set) var refusalCount = 0
  public private(set) var refusals: [Refusal] = []
  /// After `list`: the keys in all keyrings, and those that are primary somewhere.
  public private(set) var keys: [KeyCount] = []
  public private(set) var primaryKeys: [KeyCount] = []

  init(memberCount: Int) {
    self.memberCount = memberCount
  }

  /// Whether every member has done it.
  public var isSuccess: Bool { responseCount >= memberCount && refusalCount == 0 }
  var isComplete: Bool { responseCount >= memberCount }

  /// Counts a member's answer.
  mutating func add(_ payload: [UInt8], from node: NodeName) {
    responseCount += 1
    do throws(GossipError) {
      guard case .keyResponse(let response) = try SerfMessage.decode(payload[...]) else {
        return refuse(node, "no answer about keys")
      }
      if !response.isSuccess { refuse(node, response.message) }
      for key in response.keys { Self.count(key, in: &keys) }
      Self.count(response.primaryKey, in: &primaryKeys)
    } catch {
      refuse(node, error.description)
    }
  }

  private mutating func refuse(_ node: NodeName, _ reason: String) {
    refusalCount += 1
    guard refusals.count < Self.maximumRefusals else { return }
    refusals.append(
      Refusal(node: node, reason: String(decoding: reason.utf8.prefix(Self.maximumRefusalBytes), as: UTF8.self)))
  }

  private static func count(_ key: String, in counts: inout [KeyCount]) {
    guard !key.isEmpty, key.utf8.count <= maximumKeyTextBytes else { return }
    if let index = counts.firstIndex(where: { $0.key == key }) {
      counts[index].members += 1
    } else if counts.count < SerfMessage.KeyResponse.maximumKeys {
      counts.append(KeyCount(key: key, members: 1))
    }
  }
}
