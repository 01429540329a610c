/// One JSON value (RFC 8259 section 3).
public enum JSONValue: Sendable {
  case null
  case bool(Bool)
  /// A number as it is spelled: which of them matter, and how exactly, its reader knows (section 6 promises nothing).
  case number(String)
  case string(String)
  case array([JSONValue])
  /// Members in the order in which they stand; no name is there twice.
  case object([Member])

  /// A name and what stands under it.
  public struct Member: Sendable {
    public let name: String
    public let value: JSONValue

    public init(name: String, value: JSONValue) {
      self.name = name
      self.value = value
    }
  }
}

// What a document's reader asks of a value: nil if it is of another type.
extension JSONValue {
  public var isNull: Bool {
    if case .null = self { true } else { false }
  }

  public var boolValue: Bool? {
    if case .bool(let value) = self { value } else { nil }
  }

  public var stringValue: String? {
    if case .string(let value) = self { value } else { nil }
  }

  public var arrayValue: [JSONValue]? {
    if case .array(let values) = self { values } else { nil }
  }

  public var objectValue: [Member]? {
    if case .object(let members) = self { members } else { nil }
  }

  /// A whole number from 0 to 2^64 - 1, written as one: `1`, not `1.0` or `1e0`.
  public var unsignedValue: UInt64? {
    if case .number(let text) = self { UInt64(text) } else { nil }
  }

  /// A whole number that fits in 64 bits with sign, written as one.
  public var integerValue: Int64? {
    if case .number(let text) = self { Int64(text) } else { nil }
  }

  /// What stands under a name; nil if it is absent, or this is no object. Names compare byte by byte.
  public subscript(name: StaticString) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    let bytes = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
    return members.first { $0.name.utf8.elementsEqual(bytes) }?.value
  }
}
