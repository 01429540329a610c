/// Decodes CBOR (RFC 8949) that strangers sent: every length is checked against the bytes that are there, so memory
/// grows with the input and never with what it claims.
///
/// Accepted: every well-formed item, of indefinite length too, within `CBORLimits`. Refused besides what is malformed:
/// text that is not UTF-8, a map with the same key twice, and simple values that RFC 8949 does not assign.
public struct CBORDecoder {
  private let bytes: ArraySlice<UInt8>
  private let limits: CBORLimits
  private var position: Int
  private var items = 0

  /// The one item that `bytes` is; bytes after it are an error.
  public static func decode(
    _ bytes: ArraySlice<UInt8>, limits: CBORLimits = .standard
  ) throws(CBORError) -> CBORValue {
    let (value, rest) = try decodePrefix(bytes, limits: limits)
    if !rest.isEmpty { throw CBORError(.trailingBytes, offset: rest.startIndex - bytes.startIndex) }
    return value
  }

  /// The same of an array.
  public static func decode(_ bytes: [UInt8], limits: CBORLimits = .standard) throws(CBORError) -> CBORValue {
    try decode(bytes[...], limits: limits)
  }

  /// The item that `bytes` starts with, and the bytes after it: one step through a CBOR sequence (RFC 8742).
  public static func decodePrefix(
    _ bytes: ArraySlice<UInt8>, limits: CBORLimits = .standard
  ) throws(CBORError) -> (value: CBORValue, rest: ArraySlice<UInt8>) {
    if bytes.count > limits.inputBytes { throw CBORError(.tooLarge, offset: limits.inputBytes) }
    var decoder = CBORDecoder(bytes: bytes, limits: limits, position: bytes.startIndex)
    let value = try decoder.item(depth: 0)
    return (value, bytes[decoder.position...])
  }

  private init(bytes: ArraySlice<UInt8>, limits: CBORLimits, position: Int) {
    self.bytes = bytes
    self.limits = limits
    self.position = position
  }
}

// The head of an item: major type and argument (RFC 8949 section 3).
extension CBORDecoder {
  private struct Head {
    let major: UInt8
    let info: UInt8
    let argument: UInt64
    let start: Int

    var isIndefinite: Bool { info == 31 }
  }

  private func error(_ reason: CBORError.Reason, at place: Int) -> CBORError {
    CBORError(reason, offset: place - bytes.startIndex)
  }

  private mutating func head() throws(CBORError) -> Head {
    let start = position
    if items == limits.items { throw error(.tooManyItems, at: start) }
    items += 1
    let initial = UInt8(truncatingIfNeeded: try number(ofBytes: 1))
    let (major, info) = (initial >> 5, initial & 0x1F)
    let argument: UInt64
    switch info {
    case 0..<24: argument = UInt64(info)
    case 24...27: argument = try number(ofBytes: 1 << Int(info - 24))
    case 31 where major >= 2 && major != 6: argument = 0
    default: throw error(.reservedLength, at: start)
    }
    return Head(major: major, info: info, argument: argument, start: start)
  }

  private mutating func number(ofBytes count: Int) throws(CBORError) -> UInt64 {
    var value: UInt64 = 0
    for byte in try take(UInt64(count)) { value = value << 8 | UInt64(byte) }
    return value
  }

  private mutating func take(_ count: UInt64) throws(CBORError) -> ArraySlice<UInt8> {
    guard count <= UInt64(bytes.endIndex - position) else { throw error(.truncated, at: bytes.endIndex) }
    let start = position
    position += Int(count)
    return bytes[start..<position]
  }

  /// Steps over a break if one stands here.
  private mutating func takeBreak() throws(CBORError) -> Bool {
    guard position < bytes.endIndex else { throw error(.truncated, at: position) }
    guard bytes[position] == 0xFF else { return false }
    position += 1
    return true
  }
}

// The item after its head.
extension CBORDecoder {
  private mutating func item(depth: Int) throws(CBORError) -> CBORValue {
    let head = try head()
    switch head.major {
    case 0: return .unsigned(head.argument)
    case 1: return .negative(head.argument)
    case 2: return .bytes(Array(try string(head)))
    case 3: return .text(try text(head))
    case 4: return .array(try array(head, depth: try deeper(depth, head)))
    case 5: return .map(try map(head, depth: try deeper(depth, head)))
    case 6: return .tagged(head.argument, try item(depth: try deeper(depth, head)))
    default: return try simple(head)
    }
  }

  private func deeper(_ depth: Int, _ head: Head) throws(CBORError) -> Int {
    if depth == limits.depth { throw error(.tooDeep, at: head.start) }
    return depth + 1
  }

  private mutating func string(_ head: Head) throws(CBORError) -> ArraySlice<UInt8> {
    guard head.isIndefinite else { return try take(head.argument) }
    var joined: [UInt8] = []
    while try !takeBreak() {
      joined += try take(try chunk(of: head).argument)
    }
    return joined[...]
  }

  private mutating func text(_ head: Head) throws(CBORError) -> String {
    guard head.isIndefinite else { return try utf8(try take(head.argument), head) }
    var joined = ""
    while try !takeBreak() {
      let chunk = try chunk(of: head)
      joined += try utf8(try take(chunk.argument), chunk)
    }
    return joined
  }

  private mutating func chunk(of string: Head) throws(CBORError) -> Head {
    let chunk = try head()
    if chunk.major != string.major || chunk.isIndefinite { throw error(.wrongChunk, at: chunk.start) }
    return chunk
  }

  private func utf8(_ bytes: ArraySlice<UInt8>, _ head: Head) throws(CBORError) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else { throw error(.invalidText, at: head.start) }
    return text
  }

  private mutating func array(_ head: Head, depth: Int) throws(CBORError) -> [CBORValue] {
    var values: [CBORValue] = []
    while try hasItem(values.count, of: head) {
      values.append(try item(depth: depth))
    }
    return values
  }

  private mutating func map(_ head: Head, depth: Int) throws(CBORError) -> CBORMap {
    var map = CBORMap()
    while try hasItem(map.entries.count, of: head) {
      let key = try item(depth: depth)
      if head.isIndefinite, try takeBreak() { throw error(.oddMap, at: position - 1) }
      map.append(key: key, value: try item(depth: depth))
    }
    if map.hasDuplicateKey { throw error(.duplicateKey, at: head.start) }
    return map
  }

  /// Whether an array or map goes on after `count` elements.
  private mutating func hasItem(_ count: Int, of head: Head) throws(CBORError) -> Bool {
    head.isIndefinite ? try !takeBreak() : UInt64(count) < head.argument
  }

  private func simple(_ head: Head) throws(CBORError) -> CBORValue {
    switch head.info {
    case 20: return .bool(false)
    case 21: return .bool(true)
    case 22: return .null
    case 23: return .undefined
    case 24 where head.argument < 32: throw error(.reservedLength, at: head.start)
    case 25: return .float(CBORFloat.double(half: UInt16(truncatingIfNeeded: head.argument)))
    case 26: return .float(Double(Float(bitPattern: UInt32(truncatingIfNeeded: head.argument))))
    case 27: return .float(Double(bitPattern: head.argument))
    case 31: throw error(.misplacedBreak, at: head.start)
    default: throw error(.unknownSimpleValue, at: head.start)
    }
  }
}

extension CBORMap {
  /// Whether two keys are equal. Unsigned keys in ascending order, as our own messages have them, cost no sorting.
  fileprivate var hasDuplicateKey: Bool {
    if isAscending { return false }
    var keys = SortedMapKeys()
    for entry in entries where !keys.insert(entry.key.encoded, position: 0) { return true }
    return false
  }

  private var isAscending: Bool {
    var previous: UInt64?
    for entry in entries {
      guard let key = entry.key.unsignedValue else { return false }
      if let previous, previous >= key { return false }
      previous = key
    }
    return true
  }
}
