/// A link in CoRE link format (RFC 6690): a target and what is said of it. `/.well-known/core` is a list of them.
public struct CoRELink: Equatable, Sendable {
  public struct Attribute: Equatable, Sendable {
    public let name: String
    /// Nil: the attribute is there without a value, as `obs`.
    public let value: String?

    public init(_ name: String, _ value: String? = nil) {
      self.name = name
      self.value = value
    }
  }

  /// Where it leads: `/offer`.
  public let target: String
  public let attributes: [Attribute]

  public init(_ target: String, _ attributes: [Attribute] = []) {
    self.target = target
    self.attributes = attributes
  }

  /// The value of the first attribute of this name.
  public subscript(_ name: String) -> String? {
    attributes.first { $0.name == name }?.value
  }

  /// What a link leads to, in words: `rt`, `if`, `rel` and the like hold several, divided by spaces.
  public static func resource(
    _ target: String, type: String, contentFormat: CoAPContentFormat? = nil, isObservable: Bool = false
  ) -> CoRELink {
    var attributes = [Attribute("rt", type)]
    if let contentFormat { attributes.append(Attribute("ct", "\(contentFormat.rawValue)")) }
    if isObservable { attributes.append(Attribute("obs")) }
    return CoRELink(target, attributes)
  }
}

// Writing and choosing.
extension CoRELink {
  /// The links as the payload of a response, format 40.
  public static func encode(_ links: [CoRELink]) -> [UInt8] {
    var output: [UInt8] = []
    for link in links {
      if !output.isEmpty { output.append(UInt8(ascii: ",")) }
      link.encode(to: &output)
    }
    return output
  }

  private func encode(to output: inout [UInt8]) {
    output.append(UInt8(ascii: "<"))
    output += target.utf8
    output.append(UInt8(ascii: ">"))
    for attribute in attributes {
      output.append(UInt8(ascii: ";"))
      output += attribute.name.utf8
      guard let value = attribute.value else { continue }
      output.append(UInt8(ascii: "="))
      Self.encode(value, to: &output)
    }
  }

  /// Numbers as they are, all else in quotes.
  private static func encode(_ value: String, to output: inout [UInt8]) {
    if !value.isEmpty, value.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) {
      output += value.utf8
      return
    }
    output.append(UInt8(ascii: "\""))
    for byte in value.utf8 {
      if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { output.append(UInt8(ascii: "\\")) }
      output.append(byte)
    }
    output.append(UInt8(ascii: "\""))
  }

  /// Whether a link is what a query asks for (section 4.1): `rt=offer`, `href=/containers*`. What is not `NAME=VALUE` asks for
  /// nothing.
  public func matches(_ query: String) -> Bool {
    let bytes = Array(query.utf8)
    guard let equals = bytes.firstIndex(of: UInt8(ascii: "=")) else { return true }
    let name = String(decoding: bytes[..<equals], as: UTF8.self)
    let wanted = bytes[(equals + 1)...]
    if name == "href" { return Self.matches(Array(target.utf8)[...], wanted) }
    let hasWords = name == "rt" || name == "if" || name == "rel" || name == "rev"
    return attributes.contains { attribute in
      guard attribute.name == name else { return false }
      let value = Array((attribute.value ?? "").utf8)
      if !hasWords { return Self.matches(value[...], wanted) }
      return value.split(separator: UInt8(ascii: " ")).contains { Self.matches($0, wanted) }
    }
  }

  private static func matches(_ value: ArraySlice<UInt8>, _ wanted: ArraySlice<UInt8>) -> Bool {
    wanted.last == UInt8(ascii: "*") ? value.starts(with: wanted.dropLast()) : value.elementsEqual(wanted)
  }
}
