import Microcloud

extension Publication {
  /// The message that asks for it to be offered.
  public var value: CBORValue { .map(entries) }

  /// Type, port and, unless it is empty, description.
  var entries: CBORMap {
    var map = CBORMap()
    map[.type] = .text(type)
    map[.port] = .unsigned(UInt64(port))
    if !description.isEmpty { map[.description] = .text(description) }
    return map
  }

  /// Reads what `value` writes. Keys that are not known are refused.
  init(_ value: CBORValue) throws(RequestError) {
    try APIMapReader(value).refuseKeys { $0 == .type || $0 == .port || $0 == .description }
    try self.init(offered: value)
  }

  /// Reads what another node offers, which may be newer than we are: keys that are not known are passed over.
  init(offered value: CBORValue) throws(RequestError) {
    self.init(type: "", port: 0)
    let reader = try APIMapReader(value)
    try reader.text(.type, into: &type)
    try reader.text(.description, into: &description)
    if let found = value[.port] {
      port = try reader.need(found.unsignedValue.flatMap { UInt16(exactly: $0) }, .port, "a number of at most 16 bits")
    }
  }
}
