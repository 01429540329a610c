import Basics

/// Reads JSON (RFC 8259) that strangers sent: memory grows with the input, within `JSONLimits`.
///
/// Exactly the grammar: no comments, no comma too many, no byte order mark. Refused besides what is malformed is what
/// readers understand differently, so that who signed or checked a document and we never see two: the same name twice in an
/// object, text that is not UTF-8, and half of a surrogate pair.
public struct JSONReader {
  private let bytes: ArraySlice<UInt8>
  private let limits: JSONLimits
  private var position: Int
  private var values = 0

  /// The one value that `bytes` is, white space around it left out.
  public static func read(
    _ bytes: ArraySlice<UInt8>, limits: JSONLimits = .standard
  ) throws(JSONError) -> JSONValue {
    if bytes.count > limits.inputBytes { throw JSONError(.tooLarge, offset: limits.inputBytes) }
    var reader = JSONReader(bytes: bytes, limits: limits, position: bytes.startIndex)
    let value = try reader.value(depth: 0)
    reader.skipBlanks()
    if reader.position < bytes.endIndex { throw reader.error(.trailingBytes) }
    return value
  }

  /// The same of an array.
  public static func read(_ bytes: [UInt8], limits: JSONLimits = .standard) throws(JSONError) -> JSONValue {
    try read(bytes[...], limits: limits)
  }

  private init(bytes: ArraySlice<UInt8>, limits: JSONLimits, position: Int) {
    self.bytes = bytes
    self.limits = limits
    self.position = position
  }

  private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
    if values == limits.values { throw error(.tooManyValues) }
    values += 1
    switch try next() {
    case UInt8(ascii: "{"): return .object(try object(depth: try deeper(depth)))
    case UInt8(ascii: "["): return .array(try array(depth: try deeper(depth)))
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "-"), 0x30...0x39: return .number(try number())
    default: throw error(.unexpectedByte)
    }
  }

  private func deeper(_ depth: Int) throws(JSONError) -> Int {
    if depth == limits.depth { throw error(.tooDeep) }
    return depth + 1
  }

  private mutating func array(depth: Int) throws(JSONError) -> [JSONValue] {
    position += 1
    if try takes("]") { return [] }
    var elements: [JSONValue] = []
    repeat { elements.append(try value(depth: depth)) } while try takes(",")
    try expect("]")
    return elements
  }

  private mutating func object(depth: Int) throws(JSONError) -> [JSONValue.Member] {
    let start = position
    position += 1
    if try takes("}") { return [] }
    var members: [JSONValue.Member] = []
    repeat {
      guard try next() == UInt8(ascii: "\"") else { throw error(.unexpectedByte) }
      let name = try string()
      try expect(":")
      members.append(JSONValue.Member(name: name, value: try value(depth: depth)))
    } while try takes(",")
    try expect("}")
    if hasDuplicate(members) { throw JSONError(.duplicateName, offset: start - bytes.startIndex) }
    return members
  }

  /// Whether two names are the same bytes, once escapes are undone.
  private func hasDuplicate(_ members: [JSONValue.Member]) -> Bool {
    if members.count < 2 { return false }
    var names = members.map { Array($0.name.utf8) }
    names.sort { $0.lexicographicallyPrecedes($1) }
    return zip(names, names.dropFirst()).contains { $0 == $1 }
  }

  private mutating func word(_ spelling: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
    for index in 0..<spelling.utf8CodeUnitCount {
      guard position < bytes.endIndex else { throw error(.truncated) }
      guard bytes[position] == spelling.utf8Start[index] else { throw error(.unexpectedByte) }
      position += 1
    }
    return value
  }
}

// Numbers (section 6).
extension JSONReader {
  private mutating func number() throws(JSONError) -> String {
    let start = position
    _ = takesByte("-")
    if peek() == UInt8(ascii: "0") { position += 1 } else { try digits() }
    if takesByte(".") { try digits() }
    if takesByte("e") || takesByte("E") {
      if !takesByte("+") { _ = takesByte("-") }
      try digits()
    }
    return ASCII.string(bytes[start..<position])
  }

  /// One digit or more.
  private mutating func digits() throws(JSONError) {
    let start = position
    while let byte = peek(), (0x30...0x39).contains(byte) { position += 1 }
    guard position == start else { return }
    if position == bytes.endIndex { throw error(.truncated) }
    throw error(.invalidNumber)
  }
}

// Strings (section 7).
extension JSONReader {
  private mutating func string() throws(JSONError) -> String {
    let start = position
    position += 1
    var text: [UInt8] = []
    while true {
      guard let byte = peek() else { throw error(.truncated) }
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        guard let string = String(validating: text, as: UTF8.self) else {
          throw JSONError(.invalidText, offset: start - bytes.startIndex)
        }
        return string
      case UInt8(ascii: "\\"): try appendEscaped(to: &text)
      case 0..<0x20: throw error(.controlCharacter)
      default:
        text.append(byte)
        position += 1
      }
    }
  }

  private mutating func appendEscaped(to text: inout [UInt8]) throws(JSONError) {
    let start = position
    position += 1
    guard let byte = peek() else { throw error(.truncated) }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0C)
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "u"):
      guard let scalar = try escapedScalar() else { throw JSONError(.invalidEscape, offset: start - bytes.startIndex) }
      text += UTF8.encode(scalar).map { Array($0) } ?? []
    default: throw JSONError(.invalidEscape, offset: start - bytes.startIndex)
    }
  }

  /// Four digits, or twice four for what is beyond U+FFFF; nil: half of such a pair.
  private mutating func escapedScalar() throws(JSONError) -> Unicode.Scalar? {
    let first = try fourDigits()
    guard first & 0xFC00 == 0xD800 else { return Unicode.Scalar(first) }
    guard takesByte("\\"), takesByte("u") else { return nil }
    let second = try fourDigits()
    guard second & 0xFC00 == 0xDC00 else { return nil }
    return Unicode.Scalar(0x10000 + (first & 0x3FF) << 10 + second & 0x3FF)
  }

  private mutating func fourDigits() throws(JSONError) -> UInt32 {
    var number: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = peek() else { throw error(.truncated) }
      guard let digit = Hexadecimal.value(of: byte) else { throw error(.invalidEscape) }
      number = number << 4 | UInt32(digit)
      position += 1
    }
    return number
  }
}

// Bytes and marks.
extension JSONReader {
  private func error(_ reason: JSONError.Reason) -> JSONError {
    JSONError(reason, offset: position - bytes.startIndex)
  }

  private func peek() -> UInt8? {
    position < bytes.endIndex ? bytes[position] : nil
  }

  private mutating func skipBlanks() {
    while let byte = peek(), byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { position += 1 }
  }

  /// The next byte that is no white space; it stays.
  private mutating func next() throws(JSONError) -> UInt8 {
    skipBlanks()
    guard let byte = peek() else { throw error(.truncated) }
    return byte
  }

  private mutating func takes(_ mark: Unicode.Scalar) throws(JSONError) -> Bool {
    guard try next() == UInt8(ascii: mark) else { return false }
    position += 1
    return true
  }

  private mutating func expect(_ mark: Unicode.Scalar) throws(JSONError) {
    guard try takes(mark) else { throw error(.unexpectedByte) }
  }

  private mutating func takesByte(_ mark: Unicode.Scalar) -> Bool {
    guard peek() == UInt8(ascii: mark) else { return false }
    position += 1
    return true
  }
}
