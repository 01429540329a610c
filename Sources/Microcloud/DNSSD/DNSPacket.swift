/// A DNS message that is being written, up to a number of bytes. Names are compressed.
struct DNSPacket {
  /// The sections that hold records, in their order on the wire.
  enum Section: Int {
    case answer = 1
    case authority, additional
  }

  private static let headerBytes = 12
  /// What a compression pointer can reach.
  private static let reachBytes = 0x4000

  private(set) var bytes: [UInt8]
  private let maximumBytes: Int
  /// Names in SRV records stay whole in answers to plain DNS clients (RFC 6762 section 18.14).
  private let compressesServices: Bool
  /// Where a label starts that a later name may point to.
  private var labelPlaces: [UInt16] = []

  init(id: UInt16 = 0, flags: DNSMessage.Flags, maximumBytes: Int, compressesServices: Bool = true) {
    bytes = [0, 0, UInt8(flags.rawValue >> 8), UInt8(flags.rawValue & 0xFF)]
    bytes += [UInt8](repeating: 0, count: Self.headerBytes - 4)
    self.maximumBytes = maximumBytes
    self.compressesServices = compressesServices
    put(id, at: 0)
  }

  /// Whether it holds no question and no record.
  var isEmpty: Bool { bytes.count == Self.headerBytes }

  /// Says that the known answers go on in the next packet.
  mutating func setTruncated() {
    bytes[2] |= 0x02
  }

  /// Adds a question, before all records; false, and nothing is added, if there is no room.
  mutating func append(_ question: DNSQuestion) -> Bool {
    appendWhole(count: 0) { packet in
      packet.append(question.name, isCompressed: true)
      packet.append(question.type.rawValue)
      packet.append(question.questionClass.rawValue | (question.wantsUnicast ? 0x8000 : 0))
    }
  }

  /// Adds a record, after those of earlier sections; false, and nothing is added, if there is no room.
  mutating func append(_ record: DNSRecord, to section: Section) -> Bool {
    appendWhole(count: section.rawValue) { packet in
      packet.append(record.name, isCompressed: true)
      packet.append(record.type.rawValue)
      packet.append(record.recordClass.rawValue | (record.isUnique ? 0x8000 : 0))
      packet.append(UInt16(record.ttlSeconds >> 16))
      packet.append(UInt16(record.ttlSeconds & 0xFFFF))
      let length = packet.bytes.count
      packet.append(UInt16(0))
      packet.append(record.data)
      packet.put(UInt16(truncatingIfNeeded: packet.bytes.count - length - 2), at: length)
    }
  }

  /// Writes an entry and counts it, or takes back what was written if it does not fit.
  private mutating func appendWhole(count section: Int, _ write: (inout DNSPacket) -> Void) -> Bool {
    let count = UInt16(bytes[4 + 2 * section]) << 8 | UInt16(bytes[5 + 2 * section])
    let (byteCount, placeCount) = (bytes.count, labelPlaces.count)
    write(&self)
    if bytes.count > maximumBytes || count == .max {
      bytes.removeLast(bytes.count - byteCount)
      labelPlaces.removeLast(labelPlaces.count - placeCount)
      return false
    }
    put(count + 1, at: 4 + 2 * section)
    return true
  }

  private mutating func append(_ data: DNSRecordData) {
    switch data {
    case .pointer(let name): append(name, isCompressed: true)
    case .service(let priority, let weight, let port, let host):
      for number in [priority, weight, port] { append(number) }
      append(host, isCompressed: compressesServices)
    case .nextSecure(let name, let bitmap):
      append(name, isCompressed: true)
      bytes += bitmap
    case .address, .text, .other: bytes += data.uncompressed
    }
  }

  private mutating func append(_ number: UInt16) {
    bytes += [UInt8(number >> 8), UInt8(number & 0xFF)]
  }

  private mutating func put(_ number: UInt16, at place: Int) {
    bytes[place] = UInt8(number >> 8)
    bytes[place + 1] = UInt8(number & 0xFF)
  }
}

// Compression (RFC 1035 section 4.1.4).
extension DNSPacket {
  /// Writes a name, or its first labels and a pointer to where the rest of it stands already, letter for letter.
  private mutating func append(_ name: DNSName, isCompressed: Bool) {
    var label = 0
    while label < name.wire.count {
      if isCompressed, let place = place(of: name.wire[label...]) {
        append(0xC000 | place)
        return
      }
      if bytes.count < Self.reachBytes { labelPlaces.append(UInt16(bytes.count)) }
      let end = label + 1 + Int(name.wire[label])
      bytes += name.wire[label..<end]
      label = end
    }
    bytes.append(0)
  }

  private func place(of suffix: ArraySlice<UInt8>) -> UInt16? {
    labelPlaces.first { holds(suffix, at: Int($0)) }
  }

  /// Whether the name that was written at a place is exactly these labels. What is written only points back.
  private func holds(_ labels: ArraySlice<UInt8>, at start: Int) -> Bool {
    var rest = labels
    var place = start
    while place < bytes.count {
      let head = Int(bytes[place])
      if head >= 0xC0 {
        guard place + 1 < bytes.count else { return false }
        place = (head & 0x3F) << 8 | Int(bytes[place + 1])
        continue
      }
      if head == 0 { return rest.isEmpty }
      let end = place + 1 + head
      guard rest.count > head, end <= bytes.count else { return false }
      guard bytes[place..<end].elementsEqual(rest.prefix(1 + head)) else { return false }
      rest.removeFirst(1 + head)
      place = end
    }
    return false
  }
}
