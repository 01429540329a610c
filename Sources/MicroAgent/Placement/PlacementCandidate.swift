import Microcloud

/// A node on which a container could be placed, as gossip tells of it: a hint, nothing of it is proven.
public struct PlacementCandidate: Equatable, Sendable {
  public var name: String
  /// It is the node that was asked for its neighbours.
  public var isOwn = false
  public var isAlive = true
  /// Somebody owns the board: one that nobody does gives nothing to others.
  public var isClaimed = true
  /// nil: it does not say.
  public var isa: ISALevel?
  /// How much it has to offer, in coarse steps, and as it was some minutes ago.
  public var freeMemoryBytes: UInt64 = 0
  /// How much it was there, and how near it is: 0 to 100.
  public var quality: UInt64 = 0

  public init(name: String) {
    self.name = name
  }

  /// Reads an item of the answer to GET /nodes; nil where the node is no agent, and cannot be asked.
  public init?(_ value: CBORValue) {
    guard let name = value[.name]?.textValue, value[.coapPort] != nil, value[.fingerprint] != nil else { return nil }
    self.name = name
    isAlive = value[.isAlive]?.boolValue ?? false
    isClaimed = value[.standing]?.textValue == "claimed"
    isa = value[.isa]?.textValue.flatMap { ISALevel(rawValue: $0) }
    freeMemoryBytes = value[.memoryFreeBytes]?.unsignedValue ?? 0
    quality = min(100, value[.quality]?.unsignedValue ?? 0)
  }
}

extension ISALevel {
  /// Programs of a lower level run on a processor of a higher one.
  var rank: Int {
    switch self {
    case .i586NoLock: 0
    case .geode: 1
    case .i686SSE2: 2
    case .amd64: 3
    }
  }
}
