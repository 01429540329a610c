import Microcloud

extension ImageRecord {
  /// What stands in the store beside the columns: layers and defaults. It is read back by `content`.
  public var content: [UInt8] {
    var map = CBORMap()
    defaults.add(to: &map)
    map[.layers] = .array(layers.flatMap { [.bytes($0.digest), .unsigned($0.sizeBytes)] })
    if !notices.isEmpty { map[.notices] = .array(layers.map { .array($0.notices.map { .text($0) }) }) }
    map[.firstID] = .unsigned(UInt64(firstHostID))
    return CBORValue.map(map).encoded
  }

  /// Reads what `content` writes; nil: it makes no sense.
  public static func content(_ bytes: [UInt8]) -> (layers: [Layer], defaults: ImageDefaults, firstHostID: UInt32)? {
    guard let value = try? CBORDecoder.decode(bytes), let items = value[.layers]?.arrayValue, items.count % 2 == 0,
      let firstHostID = value[.firstID]?.unsignedValue.flatMap({ UInt32(exactly: $0) })
    else { return nil }
    let notices = value[.notices]?.arrayValue ?? []
    var layers: [Layer] = []
    for index in stride(from: 0, to: items.count, by: 2) {
      guard let digest = items[index].bytesValue, let size = items[index + 1].unsignedValue else { return nil }
      let lines = layers.count < notices.count ? notices[layers.count].arrayValue ?? [] : []
      layers.append(Layer(digest: digest, sizeBytes: size, notices: lines.compactMap { $0.textValue }))
    }
    return (layers, ImageDefaults(value), firstHostID)
  }

  /// The image as it is told.
  ///
  /// - Parameters:
  ///   - usedBy: the containers that were made of it.
  ///   - isWhole: with what containers of it do by default.
  public func value(usedBy containers: [String], isWhole: Bool) -> CBORValue {
    var map = CBORMap()
    map[.name] = .text(name)
    map[.manifest] = .bytes(manifest)
    map[.holder] = .bytes(holder)
    map[.sizeBytes] = .unsigned(sizeBytes)
    map[.createdSeconds] = .unsigned(createdSeconds)
    map[.usedBy] = .array(containers.map { .text($0) })
    if isWhole {
      defaults.add(to: &map)
      map[.layers] = .array(layers.map { .bytes($0.digest) })
      if !notices.isEmpty { map[.notices] = .array(notices.map { .text($0) }) }
    }
    return .map(map)
  }
}

extension ImageDefaults {
  /// What is empty is left out.
  func add(to map: inout CBORMap) {
    if !entrypoint.isEmpty { map[.entrypoint] = .array(entrypoint.map { .text($0) }) }
    if !command.isEmpty { map[.command] = .array(command.map { .text($0) }) }
    if !environment.isEmpty { map[.environment] = .array(environment.map { .text($0) }) }
    if !workingDirectory.isEmpty { map[.workingDirectory] = .text(workingDirectory) }
    if !user.isEmpty { map[.runsAs] = .text(user) }
    if let account {
      map[.userID] = .unsigned(UInt64(account.user))
      map[.groupID] = .unsigned(UInt64(account.group))
    }
    if !stopSignal.isEmpty { map[.stopSignal] = .text(stopSignal) }
    if let health { map[.healthCheck] = health.value }
  }

  /// Reads what `add` writes.
  public init(_ value: CBORValue) {
    self.init()
    entrypoint = Self.texts(value[.entrypoint])
    command = Self.texts(value[.command])
    environment = Self.texts(value[.environment])
    workingDirectory = value[.workingDirectory]?.textValue ?? ""
    user = value[.runsAs]?.textValue ?? ""
    if let user = Self.id(value[.userID]), let group = Self.id(value[.groupID]) {
      account = Account(user: user, group: group)
    }
    stopSignal = value[.stopSignal]?.textValue ?? ""
    health = value[.healthCheck].flatMap { try? HealthCheck($0) }
  }

  private static func id(_ value: CBORValue?) -> UInt32? {
    value?.unsignedValue.flatMap { UInt32(exactly: $0) }
  }

  private static func texts(_ value: CBORValue?) -> [String] {
    value?.arrayValue?.compactMap { $0.textValue } ?? []
  }
}
