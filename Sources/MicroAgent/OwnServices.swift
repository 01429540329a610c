import Basics
import Microcloud

/// What this node offers to its neighbours: the services of its running containers, and those that run beside them.
public struct OwnServices: Equatable, Sendable {
  /// A service, and whose it is.
  public struct Entry: Equatable, Sendable {
    public var publication: Publication
    /// The container's name; nil: it runs beside.
    public var container: String?
    /// Where there is no room for all, those with higher numbers are dropped first: the container's id, or 0.
    public var order: UInt64

    public init(_ publication: Publication, container: String? = nil, order: UInt64 = 0) {
      self.publication = publication
      self.container = container
      self.order = order
    }
  }

  /// The most services that run beside containers.
  public static let maximumBeside = 16

  /// In the order in which they were published.
  public private(set) var beside: [Publication]
  private var contained: [Entry] = []

  public init(beside: [Publication] = []) {
    self.beside = beside
  }

  /// All of them, in the order in which they are told of.
  public var entries: [Entry] { beside.map { Entry($0) } + contained }

  // MARK: Changes

  /// Those of the containers that run, in any order. Whether anything is new.
  public mutating func setContained(_ entries: [Entry]) -> Bool {
    let sorted = entries.sorted { $0.order < $1.order }
    defer { contained = sorted }
    return sorted != contained
  }

  /// Adds a service that runs beside, or changes its description.
  public mutating func publish(_ publication: Publication) throws(RequestError) {
    if let index = beside.firstIndex(where: { $0.isNamed(publication.name) }) {
      beside[index] = publication
    } else if beside.count == Self.maximumBeside {
      throw RequestError(.noRoom, "publish \(publication.name): at most \(Self.maximumBeside): unpublish one first")
    } else {
      beside.append(publication)
    }
  }

  /// Takes back a service that runs beside.
  public mutating func unpublish(_ name: String) throws(RequestError) {
    if let index = beside.firstIndex(where: { $0.isNamed(name) }) {
      beside.remove(at: index)
    } else if let entry = contained.first(where: { $0.publication.isNamed(name) }) {
      throw RequestError(
        .conflict, "unpublish \(name): it is published by container \(entry.container ?? ""): stop or remove that")
    } else {
      throw RequestError(.notFound, "unpublish \(name): nothing is published under that name here")
    }
  }

  // MARK: Telling

  /// The value of the tag in a membership, and which of `entries` had no room in it.
  public func tag(
    _ agent: MicroagentEntry, node: String, address: IPAddress, microcloud: String
  ) -> (value: String, dropped: [Int]) {
    let own = agent.service(node: node, address: "\(address)", microcloud: microcloud)
    // Of a board that nobody has claimed, only itself is told.
    let ranked =
      !agent.isClaimed
      ? []
      : entries.map { entry in
        RankedService(
          entry.publication.service(node: node, address: address, microcloud: microcloud), order: entry.order)
      }
    let tag = ServicesTag(agent: own, services: ranked)
    return (tag.value, tag.dropped)
  }

  /// What the node answers when it is asked itself: all of it, of a board that nobody has claimed nothing.
  public func offered(by standing: NodeStanding) -> [Publication] {
    standing.servesOthers ? entries.map { $0.publication } : []
  }

  /// What multicast DNS announces. One name is one service there: where two would be called the same, all but the first
  /// are called by type and port.
  public var announced: [PublishedService] {
    var services: [PublishedService] = []
    for publication in entries.map({ $0.publication }) {
      var service = publication.announced
      if services.contains(where: { $0.type == service.type && $0.label == service.label }) {
        service.label = publication.name
      }
      services.append(service)
    }
    return services
  }

  // MARK: In the store

  public var encodedBeside: [UInt8] { CBORValue.array(beside.map { $0.value }).encoded }

  /// What was stored; what cannot be read is as if it were not there.
  public init(encodedBeside bytes: [UInt8]) {
    let values = (try? CBORDecoder.decode(bytes).arrayValue) ?? []
    self.init(beside: values.prefix(Self.maximumBeside).compactMap { try? Publication($0) })
  }
}

extension Publication {
  /// Types that a web browser can open, as DNS names them.
  private static let webTypes = ["http", "https"]

  /// The type as DNS has it: in small letters, and `http` where Cloudy's word for it was given.
  var serviceName: String {
    let lowercased = ASCII.string(type.utf8.map { ASCII.lowercased($0) })
    return lowercased == Self.cloudyWebType ? Self.webTypes[0] : lowercased
  }

  private static let cloudyWebType = ASCII.string(CloudyService.webType.utf8.map { ASCII.lowercased($0) })

  /// As Cloudy lists it. What a browser can open has Cloudy's type for that, and its own as text.
  func service(node: String, address: IPAddress, microcloud: String) -> CloudyService {
    let isWeb = Self.webTypes.contains(serviceName)
    return CloudyService(
      type: isWeb ? CloudyService.webType : type, description: description.isEmpty ? type : description,
      host: CloudyService.host(ofNode: node), address: "\(address)", port: "\(port)", microcloud: microcloud,
      text: isWeb ? serviceName : "")
  }

  var announced: PublishedService {
    PublishedService(type: serviceName, label: description.isEmpty ? name : description, port: port)
  }
}
