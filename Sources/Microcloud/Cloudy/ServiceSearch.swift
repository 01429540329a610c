import Basics

/// A service, and where it was found.
public struct DirectoryService: Equatable, Sendable {
  public var service: CloudyService
  public var node: String
  public var sources: DirectorySources
  /// Of its node, in percent; nil if it was only heard of by multicast DNS.
  public var quality: UInt8?
  /// Whether its type is what was asked for, not only something in it.
  let isOfType: Bool
  /// What is the same wherever it was heard of. Multicast DNS has descriptions as they were written, the tags of others
  /// have them cleaned.
  let identity: [UInt8]

  init(service: CloudyService, node: String, sources: DirectorySources, quality: UInt8?, isOfType: Bool) {
    self.service = service
    self.node = node
    self.sources = sources
    self.quality = quality
    self.isOfType = isOfType
    let cleaned = service.cleaned
    identity = [node, cleaned.type, cleaned.address, cleaned.port, cleaned.description].reduce(into: []) {
      $0 += $1.utf8
      $0.append(0)
    }
  }
}

/// Searches for services: those whose type, description, host, text or node has a text in it, in any case. Those whose
/// type is exactly that text come first, then the ones of better quality.
public struct ServiceSearch: Sendable {
  /// The most services that are found; the best ones stay.
  public static let maximumResults = 256

  private let text: [UInt8]
  private var rows = DirectoryRows<DirectoryService>(limit: maximumResults)
  /// How many members say something that cannot be read.
  public private(set) var brokenTags = 0

  /// With an empty text, for all services.
  public init(_ text: String) {
    self.text = text.utf8.map { ASCII.lowercased($0) }
  }

  /// Looks through what a member offers. Those that are gone offer nothing.
  public mutating func add(_ member: DirectoryMember, in directory: ServiceDirectory) {
    guard member.isAlive else { return }
    let services: [CloudyService]
    do throws(ServicesTagError) {
      services = try ServiceDirectory.services(of: member)
    } catch {
      brokenTags += 1
      return
    }
    add(services, of: member, in: directory)
  }

  /// Looks through what a member offers, as it said when it was asked itself.
  public mutating func add(_ services: [CloudyService], of member: DirectoryMember, in directory: ServiceDirectory) {
    let node = CloudyText.shown(member.name.bytes)
    let quality = directory.quality(of: member)
    for service in services { add(service, node: node, sources: DirectorySources(member.kind), quality: quality) }
  }

  /// Looks at what multicast DNS found.
  public mutating func add(_ found: DiscoveredService) {
    let label = found.name.parent.firstLabel
    let node = CloudyText.shown(found.host.firstLabel.utf8)
    let service = CloudyService(
      type: CloudyText.shown(label.utf8.drop { $0 == UInt8(ascii: "_") }),
      description: CloudyText.shown(found.name.firstLabel.utf8), host: CloudyText.shown(found.host.description.utf8),
      address: found.addresses.first.map { $0.address.description } ?? "",
      port: found.addresses.first.map { "\($0.port)" } ?? "",
      microcloud: CloudyText.shown(found.text["microcloud"] ?? []),
      text: CloudyText.shown(Array(found.text.strings.joined(separator: [ASCII.space]))))
    add(service, node: node, sources: .link, quality: nil)
  }

  /// What was found, best first, and whether there was more.
  public mutating func finish() -> (services: [DirectoryService], isCut: Bool) {
    let (rows, isCut) = rows.finish()
    return (rows, isCut)
  }

  private mutating func add(_ service: CloudyService, node: String, sources: DirectorySources, quality: UInt8?) {
    guard [service.type, service.description, service.host, service.text, node].contains(where: { matches($0) }) else {
      return
    }
    // What a browser can open has Cloudy's type, and its own as text.
    let types = service.type == CloudyService.webType ? [service.type, service.text] : [service.type]
    let isOfType = !text.isEmpty && types.contains { $0.utf8.map { ASCII.lowercased($0) } == text }
    rows.add(
      DirectoryService(service: service, node: node, sources: sources, quality: quality, isOfType: isOfType))
  }

  private func matches(_ string: String) -> Bool {
    let bytes = string.utf8.map { ASCII.lowercased($0) }
    guard bytes.count >= text.count else { return false }
    return (0...bytes.count - text.count).contains { bytes[$0...].starts(with: text) }
  }
}

extension DirectoryService: DirectoryRow {
  func isSame(as other: DirectoryService) -> Bool { identity == other.identity }

  func precedes(_ other: DirectoryService) -> Bool {
    if isOfType != other.isOfType { return isOfType }
    if quality != other.quality { return quality.map { Int($0) } ?? -1 > other.quality.map { Int($0) } ?? -1 }
    if node != other.node { return node.precedes(other.node) }
    if service.type != other.service.type { return service.type.precedes(other.service.type) }
    if service.address != other.service.address { return service.address.precedes(other.service.address) }
    if service.port != other.service.port { return service.port.precedes(other.service.port) }
    return service.description.precedes(other.service.description)
  }
}
