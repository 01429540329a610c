import Basics
import Microcloud

/// The answers to GET /nodes and GET /services. Rows that a message has no room for are left out, the last ones first.
public enum DirectoryAnswer {
  /// The most bytes that all rows take together.
  static let maximumBytes = CoAPStreamDecoder.maximumMessageBytes - 1024

  /// What `NodeSearch` found.
  public static func value(of found: (nodes: [DirectoryNode], isCut: Bool)) -> CBORValue {
    let (rows, isCut) = fitting(found.nodes.lazy.map { $0.value })
    var map = CBORMap()
    map[.nodes] = .array(rows)
    map[.isCut] = .bool(isCut || found.isCut)
    return .map(map)
  }

  /// What `ServiceSearch` found.
  /// - Parameter brokenTags: how many nodes say something that cannot be read.
  public static func value(of found: (services: [DirectoryService], isCut: Bool), brokenTags: Int) -> CBORValue {
    let (rows, isCut) = fitting(found.services.lazy.map { $0.value })
    var map = CBORMap()
    map[.services] = .array(rows)
    map[.isCut] = .bool(isCut || found.isCut)
    map[.brokenTags] = .unsigned(UInt64(max(0, brokenTags)))
    return .map(map)
  }

  private static func fitting(_ rows: some Sequence<CBORValue>) -> (rows: [CBORValue], isCut: Bool) {
    var fitting: [CBORValue] = []
    var bytes = 0
    for row in rows {
      bytes += row.encoded.count
      if bytes > maximumBytes { return (fitting, true) }
      fitting.append(row)
    }
    return (fitting, false)
  }
}

extension DirectoryNode {
  /// What is known of a node, and of an agent what it says of itself.
  var value: CBORValue {
    var map = CBORMap()
    map[.name] = .text(name)
    map[.address] = .text(address)
    map[.sources] = sources.value
    map[.isAlive] = .bool(isAlive)
    if !microcloud.isEmpty { map[.microcloud] = .text(microcloud) }
    map[.quality] = .unsigned(UInt64(quality))
    map[.serviceCount] = .unsigned(UInt64(max(0, serviceCount)))
    if let agent {
      if let isa = agent.isa { map[.isa] = .text(isa.rawValue) }
      map[.fingerprint] = .text(agent.fingerprint)
      map[.memoryFreeBytes] = .unsigned(UInt64(agent.freeMemoryMiB) << 20)
      map[.coapPort] = .unsigned(UInt64(agent.coapPort))
      map[.standing] = (agent.isClaimed ? NodeStanding.claimed : .unclaimed).value
    }
    return .map(map)
  }
}

extension DirectoryService {
  /// What a node says of a service. Texts that are empty, and a port that is no number, are left out.
  var value: CBORValue {
    var map = CBORMap()
    map[.type] = .text(service.type)
    map[.node] = .text(node)
    map[.sources] = sources.value
    if let quality { map[.quality] = .unsigned(UInt64(quality)) }
    let texts: [(APIKey, String)] = [
      (.description, service.description), (.host, service.host), (.address, service.address),
      (.microcloud, service.microcloud), (.text, service.text),
    ]
    for (key, text) in texts where !text.isEmpty { map[key] = .text(text) }
    if let port = Decimal.parse(service.port).flatMap({ UInt16(exactly: $0) }) { map[.port] = .unsigned(UInt64(port)) }
    return .map(map)
  }
}

extension DirectorySources {
  var value: CBORValue {
    var names: [CBORValue] = []
    if contains(.link) { names.append("link") }
    if contains(.public) { names.append(MembershipKind.public.value) }
    if contains(.microcloud) { names.append(MembershipKind.microcloud.value) }
    return .array(names)
  }
}

extension MembershipKind {
  var value: CBORValue {
    switch self {
    case .public: "public"
    case .microcloud: "microcloud"
    }
  }
}

extension NodeStanding {
  var value: CBORValue {
    switch self {
    case .unclaimed: "unclaimed"
    case .claimed: "claimed"
    }
  }
}
