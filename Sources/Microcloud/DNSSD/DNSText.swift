import Basics

/// The data of a TXT record: strings of at most 255 bytes each, in DNS-SD `key=value` (RFC 6763 section 6).
public struct DNSText: Equatable, Sendable {
  public static let maximumStringBytes = 255
  /// The most that we publish. Any longer, and a probe with a long name would not fit into one packet.
  public static let maximumPublishedBytes = 512

  /// Each string behind its length; one empty string where there is none, as RFC 6763 section 6.1 wants it.
  let wire: [UInt8]

  /// A record that says nothing.
  public static let empty = DNSText(wire: [0])

  /// For what was checked already.
  init(wire: [UInt8]) {
    self.wire = wire
  }

  /// A record of these strings.
  public init(strings: [[UInt8]]) throws(DNSError) {
    var wire: [UInt8] = []
    for string in strings {
      if string.count > Self.maximumStringBytes { throw .textTooLong }
      wire.append(UInt8(string.count))
      wire += string
    }
    if wire.count > Self.maximumPublishedBytes { throw .textTooLong }
    self.wire = wire.isEmpty ? [0] : wire
  }

  /// The same of texts.
  public init(_ strings: [String]) throws(DNSError) {
    try self.init(strings: strings.map { Array($0.utf8) })
  }

  /// The data of a record that came: strings that end where the record does. No byte at all counts as one empty string.
  init(data: ArraySlice<UInt8>) throws(DNSError) {
    var place = data.startIndex
    while place < data.endIndex {
      place += 1 + Int(data[place])
    }
    if place != data.endIndex { throw .badData(type: DNSType.txt.rawValue) }
    wire = data.isEmpty ? [0] : Array(data)
  }

  /// The strings that are not empty.
  public var strings: [[UInt8]] {
    var strings: [[UInt8]] = []
    var place = 0
    while place < wire.count {
      let end = place + 1 + Int(wire[place])
      if end > place + 1 { strings.append(Array(wire[place + 1..<end])) }
      place = end
    }
    return strings
  }

  /// The value of the first string with this key, whose case does not matter (RFC 6763 section 6.4); empty where there is
  /// no `=`, nil where there is no such key.
  public subscript(key: String) -> [UInt8]? {
    let wanted = key.utf8.map { ASCII.lowercased($0) }
    for string in strings {
      let name = string.prefix { $0 != UInt8(ascii: "=") }
      if name.map({ ASCII.lowercased($0) }) == wanted { return Array(string.dropFirst(name.count + 1)) }
    }
    return nil
  }
}
