import Basics

/// What extended headers say of entries (POSIX.1-2001 pax); what they do not say is nil.
struct PaxRecords: Equatable {
  var path: [UInt8]?
  var linkPath: [UInt8]?
  var user: UInt32?
  var group: UInt32?
  var sizeBytes: UInt64?
  var modified: TarTime?
  var attributes: [TarEntry.Attribute] = []

  private static let attributePrefix = "SCHILY.xattr."
  private static let sparsePrefix = "GNU.sparse."

  /// Takes the records of one extended header over those that are there: `LENGTH KEY=VALUE` and a newline each, where the
  /// length is the whole record's. An empty value takes back what a global header said.
  mutating func add(_ data: [UInt8]) throws(TarError.Reason) {
    var rest = data[...]
    while !rest.isEmpty {
      guard let blank = rest.firstIndex(of: ASCII.space), let length = Decimal.parse(rest[rest.startIndex..<blank]),
        length <= UInt64(rest.count)
      else { throw .invalidExtension }
      let end = rest.startIndex + Int(length)
      guard end > blank + 1, rest[end - 1] == ASCII.newline else { throw .invalidExtension }
      try add(record: rest[(blank + 1)..<(end - 1)])
      rest = rest[end...]
    }
  }

  private mutating func add(record: ArraySlice<UInt8>) throws(TarError.Reason) {
    guard let equals = record.firstIndex(of: UInt8(ascii: "=")), equals > record.startIndex else {
      throw .invalidExtension
    }
    let key = record[record.startIndex..<equals]
    let value = Array(record[(equals + 1)...])
    if key.elementsEqual("path".utf8) {
      path = value.isEmpty ? nil : value
    } else if key.elementsEqual("linkpath".utf8) {
      linkPath = value.isEmpty ? nil : value
    } else if key.elementsEqual("uid".utf8) {
      user = try Self.id(value)
    } else if key.elementsEqual("gid".utf8) {
      group = try Self.id(value)
    } else if key.elementsEqual("size".utf8) {
      sizeBytes = try Self.number(value, limit: UInt64(TarReader.maximumEntryBytes))
    } else if key.elementsEqual("mtime".utf8) {
      modified = try Self.time(value)
    } else if key.starts(with: Self.attributePrefix.utf8) {
      try setAttribute(Array(key.dropFirst(Self.attributePrefix.utf8.count)), value)
    } else if key.starts(with: Self.sparsePrefix.utf8) {
      throw .sparse
    }
  }

  private mutating func setAttribute(_ name: [UInt8], _ value: [UInt8]) throws(TarError.Reason) {
    if name.isEmpty || name.contains(0) || name.count > TarLimits.nameBytes { throw .invalidExtension }
    attributes.removeAll { $0.name == name }
    if attributes.count == TarLimits.attributes { throw .tooManyAttributes }
    attributes.append(TarEntry.Attribute(name: name, value: value))
  }

  private static func id(_ value: [UInt8]) throws(TarError.Reason) -> UInt32? {
    try number(value, limit: UInt64(UInt32.max) - 1).map { UInt32($0) }
  }

  private static func number(_ value: [UInt8], limit: UInt64) throws(TarError.Reason) -> UInt64? {
    if value.isEmpty { return nil }
    guard let number = Decimal.parse(value), number <= limit else { throw .invalidNumber }
    return number
  }

  /// Seconds with a sign and decimals, of which nine count.
  private static func time(_ value: [UInt8]) throws(TarError.Reason) -> TarTime? {
    if value.isEmpty { return nil }
    let isNegative = value.first == UInt8(ascii: "-")
    let parts = ASCII.split(value[...].dropFirst(isNegative ? 1 : 0), at: UInt8(ascii: "."))
    guard parts.count <= 2, let whole = Decimal.parse(parts[0]), let seconds = Int64(exactly: whole) else {
      throw .invalidNumber
    }
    var nanoseconds: UInt32 = 0
    if parts.count == 2, !parts[1].isEmpty {
      let digits = parts[1].prefix(9)
      guard parts[1].allSatisfy({ (0x30...0x39).contains($0) }), let number = Decimal.parse(digits) else {
        throw .invalidNumber
      }
      nanoseconds = UInt32(number)
      for _ in digits.count..<9 { nanoseconds *= 10 }
    }
    guard isNegative else { return TarTime(seconds: seconds, nanoseconds: nanoseconds) }
    // Nanoseconds count forward, from the whole second before.
    if nanoseconds == 0 { return TarTime(seconds: -seconds) }
    return TarTime(seconds: -seconds - 1, nanoseconds: 1_000_000_000 - nanoseconds)
  }
}
