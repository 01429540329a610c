import Microcloud

/// Where the neighbours hear of something that this node offers.
public enum PublicationStanding: UInt8, Equatable, Sendable {
  case announced
  /// The tag `services` is full of others.
  case noRoom
  /// No microcloud has taken us in yet.
  case onLink
  /// Nobody has claimed the board, which therefore does nothing for others.
  case unclaimed
  /// Its container does not run.
  case notRunning

  /// One line for a person.
  public var line: String {
    switch self {
    case .announced: "by gossip and mDNS"
    case .noRoom: "by mDNS; not in the tag: no room, found by asking this node"
    case .onLink: "by mDNS; not by gossip: in no microcloud yet"
    case .unclaimed: "not announced: nobody has claimed this board"
    case .notRunning: "not announced: its container does not run"
    }
  }
}

/// Something that this node offers, and what the neighbours know of it.
public struct PublicationStatus: Equatable, Sendable {
  public var publication: Publication
  /// The name of the container that offers it; nil: it runs beside them.
  public var container: String?
  public var standing: PublicationStanding

  public init(_ publication: Publication, container: String?, standing: PublicationStanding) {
    self.publication = publication
    self.container = container
    self.standing = standing
  }

  /// As GET /publications lists it.
  public var value: CBORValue {
    var map = publication.entries
    if let container { map[.container] = .text(container) }
    map[.announced] = .text(standing.line)
    return .map(map)
  }
}
