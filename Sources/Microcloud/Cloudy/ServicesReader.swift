import Basics

/// Reads the list of services that a Cloudy node publishes: JSON (RFC 8259), an array of objects of short texts.
///
/// Keys in any order, unknown ones are passed over; a number or a word counts as its text. A list that ends too early
/// or is no list is refused as a whole.
struct ServicesReader {
  /// How deep what is passed over may be nested.
  static let maximumDepth = 8

  private let start: Int
  private var rest: ArraySlice<UInt8>

  static func read(_ text: [UInt8]) throws(ServicesTagError) -> [CloudyService] {
    var reader = ServicesReader(start: text.startIndex, rest: text[...])
    return try reader.list()
  }

  private mutating func list() throws(ServicesTagError) -> [CloudyService] {
    var services: [CloudyService] = []
    try expect("[")
    if !takes("]") {
      repeat {
        if services.count == ServicesTag.maximumServices { throw .tooMany }
        if next == UInt8(ascii: "{") { services.append(try service()) } else { try skip(depth: 1) }
      } while takes(",")
      try expect("]")
    }
    if next != nil { throw malformed }
    return services
  }

  private mutating func service() throws(ServicesTagError) -> CloudyService {
    var service = CloudyService.empty
    try expect("{")
    if takes("}") { return service }
    repeat {
      let key = try string()
      try expect(":")
      if key.count == 1, service[key[0]] != nil, let value = try scalar() {
        service[key[0]] = CloudyText.shown(value)
      } else {
        try skip(depth: 2)
      }
    } while takes(",")
    try expect("}")
    return service
  }

  /// A string, or the text of a number or word; nil if an array or object follows.
  private mutating func scalar() throws(ServicesTagError) -> [UInt8]? {
    switch next {
    case UInt8(ascii: "\""): return try string()
    case UInt8(ascii: "["), UInt8(ascii: "{"): return nil
    default: return Array(try word())
    }
  }

  /// Passes over a value, whatever it is.
  private mutating func skip(depth: Int) throws(ServicesTagError) {
    if depth > Self.maximumDepth { throw .tooDeep }
    switch next {
    case UInt8(ascii: "\""): _ = try string()
    case UInt8(ascii: "["):
      try expect("[")
      if takes("]") { return }
      repeat { try skip(depth: depth + 1) } while takes(",")
      try expect("]")
    case UInt8(ascii: "{"):
      try expect("{")
      if takes("}") { return }
      repeat {
        _ = try string()
        try expect(":")
        try skip(depth: depth + 1)
      } while takes(",")
      try expect("}")
    default: _ = try word()
    }
  }

  // MARK: Words and strings

  /// A number, `true`, `false` or `null`: what they spell does not matter here.
  private mutating func word() throws(ServicesTagError) -> ArraySlice<UInt8> {
    let word = rest.prefix { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."): true
      default: false
      }
    }
    if word.isEmpty { throw malformed }
    rest = rest.dropFirst(word.count)
    return word
  }

  /// A string's bytes. Control characters are taken as they are, though JSON wants them escaped.
  private mutating func string() throws(ServicesTagError) -> [UInt8] {
    try expect("\"")
    var bytes: [UInt8] = []
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "\""): return bytes
      case UInt8(ascii: "\\"): try appendEscaped(to: &bytes)
      default: bytes.append(byte)
      }
    }
    throw malformed
  }

  /// What a backslash stands before.
  private mutating func appendEscaped(to bytes: inout [UInt8]) throws(ServicesTagError) {
    switch rest.popFirst() {
    case UInt8(ascii: "\""): bytes.append(UInt8(ascii: "\""))
    case UInt8(ascii: "\\"): bytes.append(UInt8(ascii: "\\"))
    case UInt8(ascii: "/"): bytes.append(UInt8(ascii: "/"))
    case UInt8(ascii: "b"): bytes.append(0x08)
    case UInt8(ascii: "f"): bytes.append(0x0C)
    case UInt8(ascii: "n"): bytes.append(0x0A)
    case UInt8(ascii: "r"): bytes.append(0x0D)
    case UInt8(ascii: "t"): bytes.append(0x09)
    case UInt8(ascii: "u"): bytes += String(Character(try escapedScalar())).utf8
    default: throw malformed
    }
  }

  /// Four hexadecimal digits, or two times four for a character beyond U+FFFF. Half of such a pair is U+FFFD.
  private mutating func escapedScalar() throws(ServicesTagError) -> Unicode.Scalar {
    let first = try fourDigits()
    if first & 0xFC00 == 0xD800, rest.starts(with: [UInt8(ascii: "\\"), UInt8(ascii: "u")]) {
      let before = rest
      rest = rest.dropFirst(2)
      let second = try fourDigits()
      if second & 0xFC00 == 0xDC00 {
        return Unicode.Scalar(0x10000 + (first & 0x3FF) << 10 + second & 0x3FF) ?? "\u{FFFD}"
      }
      rest = before
    }
    return Unicode.Scalar(first) ?? "\u{FFFD}"
  }

  private mutating func fourDigits() throws(ServicesTagError) -> UInt32 {
    var number: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = rest.popFirst(), let digit = Hexadecimal.value(of: byte) else { throw malformed }
      number = number << 4 | UInt32(digit)
    }
    return number
  }

  // MARK: Marks

  private var malformed: ServicesTagError { .malformed(offset: rest.startIndex - start) }

  /// The next byte that is no white space.
  private var next: UInt8? {
    mutating get {
      while let byte = rest.first, ASCII.isBlank(byte) { rest.removeFirst() }
      return rest.first
    }
  }

  private mutating func takes(_ mark: Unicode.Scalar) -> Bool {
    guard next == UInt8(ascii: mark) else { return false }
    rest.removeFirst()
    return true
  }

  private mutating func expect(_ mark: Unicode.Scalar) throws(ServicesTagError) {
    guard takes(mark) else { throw malformed }
  }
}
