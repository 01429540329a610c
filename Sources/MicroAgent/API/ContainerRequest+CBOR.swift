import Microcloud

extension ContainerRequest {
  /// The message that carries the request; what has its default is left out.
  public var value: CBORValue {
    let standard = ContainerRequest()
    var map = CBORMap()
    if !name.isEmpty { map[.name] = .text(name) }
    if manifest.isEmpty {
      map[.root] = .text(root)
    } else {
      map[.image] = .text(image)
      map[.manifest] = .bytes(manifest)
    }
    map[.command] = .array(command.map { .text($0) })
    if !environment.isEmpty { map[.environment] = .array(environment.map { .text($0) }) }
    if workingDirectory != standard.workingDirectory { map[.workingDirectory] = .text(workingDirectory) }
    if user != 0 { map[.user] = .unsigned(UInt64(user)) }
    if group != 0 { map[.group] = .unsigned(UInt64(group)) }
    if !hostname.isEmpty { map[.hostname] = .text(hostname) }
    if readOnlyRoot { map[.readOnlyRoot] = true }
    if network != .none { map[.network] = .text(network.description) }
    if !ports.isEmpty { map[.ports] = .array(ports.map { $0.value }) }
    if rates.upload != 0 { map[.uploadBits] = .unsigned(rates.upload) }
    if rates.download != 0 { map[.downloadBits] = .unsigned(rates.download) }
    if !userNamespace { map[.userNamespace] = false }
    if !mounts.isEmpty { map[.mounts] = .array(mounts.map { $0.value }) }
    map[.memoryBytes] = .unsigned(budget.memoryBytes)
    map[.processes] = .unsigned(budget.processes)
    map[.cpuMillis] = .unsigned(budget.cpuMillis)
    if budget.diskBytes != 0 { map[.diskBytes] = .unsigned(budget.diskBytes) }
    if budget.logBytes != standard.budget.logBytes { map[.logBytes] = .unsigned(budget.logBytes) }
    if restart != .no { map[.restart] = .text(restart.description) }
    if removesWhenEnded { map[.removesWhenEnded] = true }
    if graceMilliseconds != standard.graceMilliseconds { map[.graceMilliseconds] = .unsigned(graceMilliseconds) }
    if !publications.isEmpty { map[.publications] = .array(publications.map { $0.value }) }
    if anyISA { map[.anyISA] = true }
    if let health { map[.healthCheck] = health.value }
    if let lease { map[.lease] = .unsigned(lease) }
    if stopSignal != standard.stopSignal { map[.endsWith] = .unsigned(stopSignal) }
    return .map(map)
  }

  /// Reads what `value` writes. Keys that are not known are refused.
  public init(_ value: CBORValue) throws(RequestError) {
    self.init()
    let reader = try APIMapReader(value)
    try reader.refuseKeys { key in
      switch key {
      case .source, .target, .readOnly: false
      case .publications, .lease, .anyISA, .image, .manifest, .endsWith, .ports, .uploadBits, .downloadBits,
        .diskBytes, .healthCheck:
        true
      default: key.rawValue <= APIKey.graceMilliseconds.rawValue
      }
    }
    try reader.text(.name, into: &name)
    try reader.text(.root, into: &root)
    try reader.text(.image, into: &image)
    if let found = value[.manifest] { manifest = try reader.need(found.bytesValue, .manifest, "a SHA-256 of 32 bytes") }
    try reader.unsigned(.endsWith, into: &stopSignal)
    try reader.texts(.command, into: &command)
    try reader.texts(.environment, into: &environment)
    try reader.text(.workingDirectory, into: &workingDirectory)
    try reader.identifier(.user, into: &user)
    try reader.identifier(.group, into: &group)
    try reader.text(.hostname, into: &hostname)
    try reader.flag(.readOnlyRoot, into: &readOnlyRoot)
    try reader.flag(.userNamespace, into: &userNamespace)
    try reader.unsigned(.logBytes, into: &budget.logBytes)
    try reader.flag(.removesWhenEnded, into: &removesWhenEnded)
    try reader.flag(.anyISA, into: &anyISA)
    try reader.unsigned(.graceMilliseconds, into: &graceMilliseconds)
    if let found = value[.lease] { lease = try reader.need(found.unsignedValue, .lease, "a lease's number") }
    if let found = value[.healthCheck] { health = try HealthCheck(found) }
    if let found = value[.network] {
      network = try reader.need(found.textValue.flatMap { Network($0) }, .network, "\"none\", \"host\" or \"bridge\"")
    }
    try reader.unsigned(.uploadBits, into: &rates.upload)
    try reader.unsigned(.downloadBits, into: &rates.download)
    if let found = value[.ports] {
      for item in try reader.need(found.arrayValue, .ports, "an array of maps") {
        ports.append(try PublishedPort(item))
      }
    }
    try readChangeable(reader)
    if let found = value[.mounts] {
      for item in try reader.need(found.arrayValue, .mounts, "an array of maps") { mounts.append(try Mount(item)) }
    }
    if let found = value[.publications] {
      for item in try reader.need(found.arrayValue, .publications, "an array of maps") {
        publications.append(try Publication(item))
      }
    }
  }

  /// Reads what can be changed while a container is there.
  mutating func readChangeable(_ reader: APIMapReader) throws(RequestError) {
    try reader.unsigned(.memoryBytes, into: &budget.memoryBytes)
    try reader.unsigned(.processes, into: &budget.processes)
    try reader.unsigned(.cpuMillis, into: &budget.cpuMillis)
    try reader.unsigned(.diskBytes, into: &budget.diskBytes)
    if let found = reader.value[.restart] {
      let policy = found.textValue.flatMap { RestartPolicy($0) }
      restart = try reader.need(policy, .restart, "\"no\", \"on-failure\", \"on-failure:N\" or \"always\"")
    }
  }
}

extension ContainerRequest.Mount {
  var value: CBORValue {
    var map = CBORMap()
    map[.source] = .text(source)
    map[.target] = .text(target)
    if readOnly { map[.readOnly] = true }
    return .map(map)
  }

  init(_ value: CBORValue) throws(RequestError) {
    self.init(source: "", target: "", readOnly: false)
    let reader = try APIMapReader(value)
    try reader.refuseKeys { $0 == .source || $0 == .target || $0 == .readOnly }
    try reader.text(.source, into: &source)
    try reader.text(.target, into: &target)
    try reader.flag(.readOnly, into: &readOnly)
  }
}

extension PublishedPort {
  /// TCP is left out.
  var value: CBORValue {
    var map = CBORMap()
    map[.port] = .unsigned(UInt64(port))
    map[.targetPort] = .unsigned(UInt64(target))
    if transport != .tcp { map[.transport] = .text(transport.description) }
    return .map(map)
  }

  init(_ value: CBORValue) throws(RequestError) {
    let reader = try APIMapReader(value)
    try reader.refuseKeys { $0 == .port || $0 == .targetPort || $0 == .transport }
    func port(_ key: APIKey) throws(RequestError) -> UInt16 {
      try reader.need(value[key]?.unsignedValue.flatMap { UInt16(exactly: $0) }, key, "a port")
    }
    self.init(port: try port(.port), target: try port(.targetPort))
    if let found = value[.transport] {
      transport = try reader.need(found.textValue.flatMap { Transport($0) }, .transport, "\"tcp\" or \"udp\"")
    }
  }
}

extension ContainerRequest.Network: CustomStringConvertible {
  public var description: String {
    switch self {
    case .none: "none"
    case .host: "host"
    case .bridge: "bridge"
    }
  }

  public init?(_ text: String) {
    switch text {
    case "none": self = .none
    case "host": self = .host
    case "bridge": self = .bridge
    default: return nil
    }
  }
}
