import Basics

/// A node, and where it was seen.
public struct DirectoryNode: Equatable, Sendable {
  public var name: String
  public var address: String
  public var sources: DirectorySources
  public var isAlive: Bool
  /// What it says as an agent; nil if it is none, as Cloudy's own nodes.
  public var agent: MicroagentEntry?
  public var microcloud: String
  /// How many services it says it offers, itself not counted.
  public var serviceCount: Int
  /// In percent.
  public var quality: UInt8
}

/// Lists the nodes of all memberships, the ones of the best quality first.
public struct NodeSearch: Sendable {
  /// The most nodes that are listed; the best ones stay.
  public static let maximumResults = 256

  private var rows = DirectoryRows<DirectoryNode>(limit: maximumResults)

  public init() {}

  /// A member whose tag is broken is listed as one that says nothing.
  public mutating func add(_ member: DirectoryMember, in directory: ServiceDirectory) {
    var services: [CloudyService] = []
    do throws(ServicesTagError) { services = try ServiceDirectory.services(of: member) } catch {}
    let own = MicroagentEntry.service(among: services)
    let agent = own.flatMap { MicroagentEntry(text: $0.text) }
    rows.add(
      DirectoryNode(
        name: CloudyText.shown(member.name.bytes), address: member.address.description,
        sources: DirectorySources(member.kind), isAlive: member.isAlive, agent: agent,
        microcloud: (own ?? services.first)?.microcloud ?? "",
        serviceCount: services.count { $0.type != MicroagentEntry.type },
        quality: directory.quality(of: member)))
  }

  /// The nodes, best first, and whether there were more.
  public mutating func finish() -> (nodes: [DirectoryNode], isCut: Bool) {
    let (rows, isCut) = rows.finish()
    return (rows, isCut)
  }
}

extension DirectoryNode: DirectoryRow {
  /// An agent is the same in two memberships if it has the same name and key there.
  func isSame(as other: DirectoryNode) -> Bool {
    guard let agent, let otherAgent = other.agent else { return false }
    return name == other.name && agent.fingerprint == otherAgent.fingerprint
  }

  func precedes(_ other: DirectoryNode) -> Bool {
    if quality != other.quality { return quality > other.quality }
    if isAlive != other.isAlive { return isAlive }
    if name != other.name { return name.precedes(other.name) }
    return sources.rawValue > other.sources.rawValue
  }
}
