/// One CBOR data item (RFC 8949), as decoded or to be encoded.
///
/// Two values are equal when their deterministic encodings are: the order of a map's entries does not matter, every
/// NaN equals every other, and text compares byte by byte.
public enum CBORValue: Sendable {
  /// An integer from 0 on.
  case unsigned(UInt64)
  /// The integer -1 - n.
  case negative(UInt64)
  /// A byte string.
  case bytes([UInt8])
  /// A text string; UTF-8 on the wire.
  case text(String)
  /// Items in order.
  case array([CBORValue])
  /// Items under keys, which may be of any type.
  case map(CBORMap)
  /// An item and the number that says what it means (RFC 8949 section 3.4).
  indirect case tagged(UInt64, CBORValue)
  /// False or true.
  case bool(Bool)
  /// Nothing, said on purpose.
  case null
  /// Nothing that could be encoded.
  case undefined
  /// A 16, 32 or 64 bit float; encoded in the shortest of these that holds it exactly.
  case float(Double)

  /// The integer item of `value`, unsigned or negative.
  public static func integer(_ value: Int64) -> CBORValue {
    value < 0 ? .negative(UInt64(-1 - value)) : .unsigned(UInt64(value))
  }

  /// The deterministic encoding (RFC 8949 section 4.2.1).
  public var encoded: [UInt8] {
    CBOREncoder.encode(self)
  }
}

extension CBORValue: Equatable {
  public static func == (left: CBORValue, right: CBORValue) -> Bool {
    left.encoded == right.encoded
  }
}

// What a message type asks of a value: nil if it is of another type.
extension CBORValue {
  /// An integer from 0 on.
  public var unsignedValue: UInt64? {
    if case .unsigned(let value) = self { value } else { nil }
  }

  /// An integer of either sign, or nil if it does not fit in 64 bits with sign.
  public var integerValue: Int64? {
    switch self {
    case .unsigned(let value): Int64(exactly: value)
    case .negative(let value): Int64(exactly: value).map { -1 - $0 }
    default: nil
    }
  }

  /// The bytes of a byte string.
  public var bytesValue: [UInt8]? {
    if case .bytes(let value) = self { value } else { nil }
  }

  /// The text of a text string.
  public var textValue: String? {
    if case .text(let value) = self { value } else { nil }
  }

  /// The items of an array.
  public var arrayValue: [CBORValue]? {
    if case .array(let value) = self { value } else { nil }
  }

  /// The entries of a map.
  public var mapValue: CBORMap? {
    if case .map(let value) = self { value } else { nil }
  }

  /// False or true.
  public var boolValue: Bool? {
    if case .bool(let value) = self { value } else { nil }
  }

  /// A float's value; an integer is not one.
  public var floatValue: Double? {
    if case .float(let value) = self { value } else { nil }
  }

  /// Whether it is null; `undefined` is not.
  public var isNull: Bool {
    if case .null = self { true } else { false }
  }

  /// What stands under an integer key; nil if it is absent or this is no map.
  public subscript(key key: Int) -> CBORValue? {
    mapValue?[key: key]
  }

  /// What stands under a text key; nil if it is absent or this is no map.
  public subscript(text key: String) -> CBORValue? {
    mapValue?[text: key]
  }
}

extension CBORValue: ExpressibleByIntegerLiteral, ExpressibleByStringLiteral, ExpressibleByBooleanLiteral {
  public init(integerLiteral value: Int64) {
    self = .integer(value)
  }

  public init(stringLiteral value: String) {
    self = .text(value)
  }

  public init(booleanLiteral value: Bool) {
    self = .bool(value)
  }
}

extension CBORValue: ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral {
  public init(arrayLiteral elements: CBORValue...) {
    self = .array(elements)
  }

  /// A map; of two equal keys only the first is encoded.
  public init(dictionaryLiteral elements: (CBORValue, CBORValue)...) {
    var map = CBORMap()
    for (key, value) in elements { map.append(key: key, value: value) }
    self = .map(map)
  }
}
