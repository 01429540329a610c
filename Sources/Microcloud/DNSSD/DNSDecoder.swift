import Basics

/// Reads a DNS message that a stranger sent. What it takes of memory is bounded by `DNSMessage.maximumRecords` names and
/// the bytes that are there.
public struct DNSDecoder {
  private let bytes: [UInt8]
  private var place = 0

  /// The one message that `bytes` is; bytes after its last record are an error.
  public static func decode(_ bytes: [UInt8]) throws(DNSError) -> DNSMessage {
    if bytes.count > DNSMessage.maximumBytes { throw .messageTooLarge }
    var decoder = DNSDecoder(bytes: bytes)
    return try decoder.message()
  }

  private init(bytes: [UInt8]) {
    self.bytes = bytes
  }

  private mutating func message() throws(DNSError) -> DNSMessage {
    var message = DNSMessage(id: try number16(), flags: DNSMessage.Flags(rawValue: try number16()))
    let counts = [Int(try number16()), Int(try number16()), Int(try number16()), Int(try number16())]
    if counts.reduce(0, +) > DNSMessage.maximumRecords { throw .tooManyRecords }
    for _ in 0..<counts[0] { message.questions.append(try question()) }
    message.answers = try records(counts[1])
    message.authorities = try records(counts[2])
    message.additionals = try records(counts[3])
    if place < bytes.count { throw .trailingBytes }
    return message
  }

  private mutating func question() throws(DNSError) -> DNSQuestion {
    let name = try name()
    let type = DNSType(rawValue: try number16())
    let classBits = try number16()
    return DNSQuestion(name, type, DNSClass(rawValue: classBits), wantsUnicast: classBits & 0x8000 != 0)
  }

  private mutating func records(_ count: Int) throws(DNSError) -> [DNSRecord] {
    var records: [DNSRecord] = []
    for _ in 0..<count { records.append(try record()) }
    return records
  }

  private mutating func record() throws(DNSError) -> DNSRecord {
    let name = try name()
    let type = DNSType(rawValue: try number16())
    let classBits = try number16()
    let ttl = UInt32(try number16()) << 16 | UInt32(try number16())
    let count = Int(try number16())
    guard count <= bytes.count - place else { throw .truncated }
    let end = place + count
    let data = try data(type, end: end)
    if place != end { throw .badData(type: type.rawValue) }
    return DNSRecord(
      name, data, ttlSeconds: ttl, isUnique: classBits & 0x8000 != 0, recordClass: DNSClass(rawValue: classBits))
  }

  private mutating func data(_ type: DNSType, end: Int) throws(DNSError) -> DNSRecordData {
    switch type {
    case .a, .aaaa:
      let address = IPAddress(networkBytes: take(upTo: end))
      guard let address, DNSRecordData.address(address).type == type else { throw .badData(type: type.rawValue) }
      return .address(address)
    case .ptr: return .pointer(try name())
    case .srv:
      return .service(
        priority: try number16(), weight: try number16(), port: try number16(), host: try name())
    case .txt: return .text(try DNSText(data: take(upTo: end)))
    case .nsec:
      let next = try name()
      guard place <= end else { throw .badData(type: type.rawValue) }
      let bitmap = take(upTo: end)
      guard Self.isBitmap(bitmap) else { throw .badData(type: type.rawValue) }
      return .nextSecure(next, bitmap: Array(bitmap))
    default: return .other(type, Array(take(upTo: end)))
    }
  }

  /// Blocks of window, length (1 to 32) and bits, the windows in order (RFC 4034 section 4.1.2).
  private static func isBitmap(_ bitmap: ArraySlice<UInt8>) -> Bool {
    var rest = bitmap
    var previous = -1
    while let window = rest.popFirst() {
      guard let count = rest.popFirst(), (1...32).contains(count), Int(window) > previous, rest.count >= Int(count)
      else { return false }
      previous = Int(window)
      rest.removeFirst(Int(count))
    }
    return true
  }

  private mutating func take(upTo end: Int) -> ArraySlice<UInt8> {
    defer { place = end }
    return bytes[place..<end]
  }

  private mutating func number16() throws(DNSError) -> UInt16 {
    guard bytes.count - place >= 2 else { throw .truncated }
    defer { place += 2 }
    return UInt16(bytes[place]) << 8 | UInt16(bytes[place + 1])
  }
}

// Names and their compression (RFC 1035 section 4.1.4).
extension DNSDecoder {
  /// Reads the name that starts here. A pointer must lead to before the part of the name that it ends, so that every step
  /// goes back and none can come twice.
  private mutating func name() throws(DNSError) -> DNSName {
    var wire: [UInt8] = []
    wire.reserveCapacity(DNSName.maximumBytes)
    var position = place
    var earliest = place
    var hasJumped = false
    while true {
      guard position < bytes.count else { throw .truncated }
      let head = bytes[position]
      switch head >> 6 {
      case 0:
        position += 1
        if head == 0 {
          if !hasJumped { place = position }
          // A name may be kept for long: it gets no more memory than it needs.
          var exact: [UInt8] = []
          exact.reserveCapacity(wire.count)
          exact += wire
          return DNSName(wire: exact)
        }
        guard Int(head) <= bytes.count - position else { throw .truncated }
        guard wire.count + 1 + Int(head) < DNSName.maximumBytes else { throw .nameTooLong }
        wire += bytes[position - 1..<position + Int(head)]
        position += Int(head)
      case 3:
        guard position + 1 < bytes.count else { throw .truncated }
        if !hasJumped { place = position + 2 }
        hasJumped = true
        position = Int(head & 0x3F) << 8 | Int(bytes[position + 1])
        guard position < earliest else { throw .forwardPointer }
        earliest = position
      default: throw .reservedLabel
      }
    }
  }
}
