// Addresses as people write them.
extension IPAddress {
  /// The address that all of a text spells: `192.0.2.1` or, as RFC 4291 section 2.2 allows, `2001:db8::1`,
  /// `::ffff:192.0.2.1`; nil for anything else.
  public init?(_ text: String) {
    let bytes = Array(text.utf8)[...]
    if bytes.contains(Self.colon) {
      guard let groups = Self.groups(bytes), let address = IPAddress(networkBytes: groups[...]) else { return nil }
      self = address
    } else {
      guard let octets = Self.octets(bytes), let address = IPAddress(networkBytes: octets[...]) else { return nil }
      self = address
    }
  }

  private static let colon = UInt8(ascii: ":")

  /// Four decimal numbers with dots between; none begins with a zero that is not all of it, which could be octal.
  private static func octets(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    var octets: [UInt8] = []
    for part in ASCII.split(text, at: UInt8(ascii: ".")) {
      guard part.count == 1 || part.first != UInt8(ascii: "0"), let number = Decimal.parse(part),
        let octet = UInt8(exactly: number)
      else { return nil }
      octets.append(octet)
    }
    return octets.count == 4 ? octets : nil
  }

  /// Sixteen bytes in groups of two with colons between; one `::` stands for groups of zeros, at least one.
  private static func groups(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    let gap = text.indices.first { text[$0...].starts(with: [colon, colon]) }
    guard let gap else { return list(text, mayEndInOctets: true).flatMap { $0.count == 16 ? $0 : nil } }
    guard let head = list(text[..<gap], mayEndInOctets: false),
      let tail = list(text[(gap + 2)...], mayEndInOctets: true), head.count + tail.count <= 14
    else { return nil }
    return head + [UInt8](repeating: 0, count: 16 - head.count - tail.count) + tail
  }

  /// Groups with colons between, or none at all.
  private static func list(_ text: ArraySlice<UInt8>, mayEndInOctets: Bool) -> [UInt8]? {
    if text.isEmpty { return [] }
    let parts = ASCII.split(text, at: colon)
    var bytes: [UInt8] = []
    for (number, part) in parts.enumerated() {
      let isLast = number == parts.count - 1
      guard let next = group(part) ?? (isLast && mayEndInOctets ? octets(part) : nil) else { return nil }
      bytes += next
    }
    return bytes
  }

  /// One to four hexadecimal digits.
  private static func group(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    guard text.count <= 4, let number = UInt16(ASCII.string(text), radix: 16), text.first != UInt8(ascii: "+")
    else { return nil }
    return [UInt8(number >> 8), UInt8(number & 0xFF)]
  }
}

extension SocketAddress {
  /// `192.0.2.1:5000` or `[2001:db8::1]:5000`; nil for anything else.
  public init?(_ text: String) {
    let bytes = Array(text.utf8)[...]
    guard let colon = bytes.lastIndex(of: UInt8(ascii: ":")),
      let number = Decimal.parse(bytes[(colon + 1)...]), let port = UInt16(exactly: number)
    else { return nil }
    var host = bytes[..<colon]
    let isBracketed = host.first == UInt8(ascii: "[") && host.last == UInt8(ascii: "]")
    if isBracketed { host = host.dropFirst().dropLast() }
    guard let address = IPAddress(ASCII.string(host)), (IPFamily(address) == .v6) == isBracketed else { return nil }
    self.init(address, port: port)
  }
}
