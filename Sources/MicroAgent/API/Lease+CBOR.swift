import Microcloud

extension Resources {
  /// Adds each to a map; what is 0 is left out but for memory.
  func add(to map: inout CBORMap) {
    map[.memoryBytes] = .unsigned(memoryBytes)
    if cpuMillis != 0 { map[.cpuMillis] = .unsigned(cpuMillis) }
    if diskBytes != 0 { map[.diskBytes] = .unsigned(diskBytes) }
    if processes != 0 { map[.processes] = .unsigned(processes) }
    if containers != 0 { map[.containers] = .unsigned(containers) }
  }

  /// A map of them alone.
  public var value: CBORValue {
    var map = CBORMap()
    add(to: &map)
    return .map(map)
  }

  static func has(_ key: APIKey) -> Bool {
    key == .memoryBytes || key == .cpuMillis || key == .diskBytes || key == .processes || key == .containers
  }

  mutating func read(_ reader: APIMapReader) throws(RequestError) {
    try reader.unsigned(.memoryBytes, into: &memoryBytes)
    try reader.unsigned(.cpuMillis, into: &cpuMillis)
    try reader.unsigned(.diskBytes, into: &diskBytes)
    try reader.unsigned(.processes, into: &processes)
    try reader.unsigned(.containers, into: &containers)
  }
}

extension LeaseRequest {
  /// The message that asks for it.
  public var value: CBORValue {
    var map = CBORMap()
    add(to: &map)
    return .map(map)
  }

  func add(to map: inout CBORMap) {
    map[.requestID] = .bytes(requestID)
    size.add(to: &map)
    map[.durationSeconds] = .unsigned(durationSeconds)
    map[.priority] = .unsigned(UInt64(priority))
  }

  /// Reads what `value` writes. Keys that are not known are refused.
  public init(_ value: CBORValue) throws(RequestError) {
    self.init()
    let reader = try APIMapReader(value)
    try reader.refuseKeys { key in
      Resources.has(key) || key == .requestID || key == .durationSeconds || key == .priority
    }
    try size.read(reader)
    try reader.unsigned(.durationSeconds, into: &durationSeconds)
    if let found = value[.requestID] { requestID = try reader.need(found.bytesValue, .requestID, "8 to 16 bytes") }
    if let found = value[.priority] {
      priority = try reader.need(found.unsignedValue.flatMap { UInt8(exactly: $0) }, .priority, "a number, 0 to 7")
    }
  }
}

extension LeaseChange {
  /// The message that asks for it.
  public var value: CBORValue {
    var map = CBORMap()
    if let durationSeconds { map[.durationSeconds] = .unsigned(durationSeconds) }
    if let generation { map[.generation] = .unsigned(UInt64(generation)) }
    return .map(map)
  }

  /// Reads what `value` writes. Keys that are not known are refused.
  init(_ value: CBORValue) throws(RequestError) {
    self.init()
    let reader = try APIMapReader(value)
    try reader.refuseKeys { $0 == .durationSeconds || $0 == .generation }
    if let found = value[.durationSeconds] {
      durationSeconds = try reader.need(found.unsignedValue, .durationSeconds, "a number of seconds")
    }
    if let found = value[.generation] {
      let number = found.unsignedValue.flatMap { UInt32(exactly: $0) }
      generation = try reader.need(number, .generation, "a number of at most 32 bits")
    }
  }
}

extension LeaseStatus {
  /// The lease as its holder is told of it.
  public var value: CBORValue {
    var map = CBORMap()
    map[.id] = .unsigned(lease.id)
    map[.phase] = .text(lease.phase.description)
    if let end = lease.end { map[.reason] = .text(end.description) }
    map[.holder] = .bytes(lease.holder)
    lease.request.add(to: &map)
    map[.used] = used.value
    map[.remainingSeconds] = .unsigned(remainingMilliseconds / 1000)
    map[.generation] = .unsigned(UInt64(lease.generation))
    map[.createdSeconds] = .unsigned(lease.createdSeconds)
    if isDraining { map[.isDraining] = true }
    return .map(map)
  }
}
