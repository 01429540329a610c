/// Why a text is not a list of links that we take.
public enum CoRELinkError: Error, Equatable, Sendable {
  case malformed
  case tooMany
}

extension CoRELink {
  /// The most links read, and the most attributes of one.
  public static let maximumCount = 256
  public static let maximumAttributes = 16
  /// The longest text read.
  public static let maximumBytes = 64 * 1024

  /// Reads links, as a directory or a node lists them.
  public static func decode(_ bytes: [UInt8]) throws(CoRELinkError) -> [CoRELink] {
    guard bytes.count <= maximumBytes else { throw .tooMany }
    var reader = CoRELinkReader(rest: bytes[...])
    var links: [CoRELink] = []
    reader.skipBlanks()
    while !reader.rest.isEmpty {
      guard links.count < maximumCount else { throw .tooMany }
      links.append(try reader.link())
      if reader.rest.isEmpty { break }
      try reader.expect(",")
      if reader.rest.isEmpty { throw .malformed }
    }
    return links
  }
}

/// Reads from the front of a text.
private struct CoRELinkReader {
  var rest: ArraySlice<UInt8>

  mutating func skipBlanks() {
    while let byte = rest.first, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { rest.removeFirst() }
  }

  mutating func expect(_ character: Unicode.Scalar) throws(CoRELinkError) {
    guard rest.popFirst() == UInt8(ascii: character) else { throw .malformed }
    skipBlanks()
  }

  mutating func link() throws(CoRELinkError) -> CoRELink {
    guard rest.popFirst() == UInt8(ascii: "<"), let end = rest.firstIndex(of: UInt8(ascii: ">")) else {
      throw .malformed
    }
    let target = try text(rest[..<end])
    rest = rest[(end + 1)...]
    skipBlanks()
    var attributes: [CoRELink.Attribute] = []
    while rest.first == UInt8(ascii: ";") {
      guard attributes.count < CoRELink.maximumAttributes else { throw .tooMany }
      try expect(";")
      attributes.append(try attribute())
    }
    return CoRELink(target, attributes)
  }

  private mutating func attribute() throws(CoRELinkError) -> CoRELink.Attribute {
    let name = try text(take { Self.isTokenCharacter($0) && $0 != UInt8(ascii: "=") })
    if name.isEmpty { throw .malformed }
    skipBlanks()
    guard rest.first == UInt8(ascii: "=") else { return CoRELink.Attribute(name) }
    try expect("=")
    let value = rest.first == UInt8(ascii: "\"") ? try quoted() : try text(take(Self.isTokenCharacter))
    skipBlanks()
    return CoRELink.Attribute(name, value)
  }

  private mutating func take(_ isWanted: (UInt8) -> Bool) -> ArraySlice<UInt8> {
    let end = rest.firstIndex { !isWanted($0) } ?? rest.endIndex
    let taken = rest[..<end]
    rest = rest[end...]
    return taken
  }

  private mutating func quoted() throws(CoRELinkError) -> String {
    rest.removeFirst()
    var value: [UInt8] = []
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "\"") { return try text(value[...]) }
      if byte != UInt8(ascii: "\\") {
        value.append(byte)
      } else if let escaped = rest.popFirst() {
        value.append(escaped)
      }
    }
    throw .malformed
  }

  private func text(_ bytes: ArraySlice<UInt8>) throws(CoRELinkError) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else { throw .malformed }
    return text
  }

  /// What may stand outside of quotes.
  private static func isTokenCharacter(_ byte: UInt8) -> Bool {
    switch byte {
    case 0...0x20, 0x7F, UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "\""): false
    default: true
    }
  }
}
