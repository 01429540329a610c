import Basics

/// What a record holds, or what a question asks for (RFC 1035 section 3.2.2).
public struct DNSType: RawRepresentable, Equatable, Sendable {
  public let rawValue: UInt16

  public init(rawValue: UInt16) {
    self.rawValue = rawValue
  }

  /// An IPv4 address.
  public static let a = DNSType(rawValue: 1)
  /// Another name; in DNS-SD one instance of a type of service.
  public static let ptr = DNSType(rawValue: 12)
  public static let txt = DNSType(rawValue: 16)
  /// An IPv6 address (RFC 3596).
  public static let aaaa = DNSType(rawValue: 28)
  /// Host and port of a service (RFC 2782).
  public static let srv = DNSType(rawValue: 33)
  /// Which types a name has, and so which it lacks (RFC 4034 section 4, RFC 6762 section 6.1).
  public static let nsec = DNSType(rawValue: 47)
  /// Every type: in questions only.
  public static let any = DNSType(rawValue: 255)
}

/// The class of a record or question, without the bit that multicast DNS puts in front of it.
public struct DNSClass: RawRepresentable, Equatable, Sendable {
  public let rawValue: UInt16

  public init(rawValue: UInt16) {
    self.rawValue = rawValue & 0x7FFF
  }

  /// The only one that is in use.
  public static let internet = DNSClass(rawValue: 1)
  /// Every class: in questions only.
  public static let any = DNSClass(rawValue: 255)
}

/// What is asked.
public struct DNSQuestion: Equatable, Sendable {
  public var name: DNSName
  public var type: DNSType
  public var questionClass: DNSClass
  /// The QU bit: the answer may come by unicast (RFC 6762 section 5.4).
  public var wantsUnicast: Bool

  public init(_ name: DNSName, _ type: DNSType, _ questionClass: DNSClass = .internet, wantsUnicast: Bool = false) {
    self.name = name
    self.type = type
    self.questionClass = questionClass
    self.wantsUnicast = wantsUnicast
  }

  /// Whether a record of the internet class with this name and type is an answer.
  func asks(for type: DNSType, of name: DNSName) -> Bool {
    (self.type == type || self.type == .any) && (questionClass == .internet || questionClass == .any)
      && self.name == name
  }
}

/// A record's data, by type.
public enum DNSRecordData: Equatable, Sendable {
  /// A or AAAA.
  case address(IPAddress)
  case pointer(DNSName)
  case service(priority: UInt16, weight: UInt16, port: UInt16, host: DNSName)
  case text(DNSText)
  /// The next name, which in multicast DNS is the record's own, and the types that exist: blocks of a window's number,
  /// a length and so many bytes of bits.
  case nextSecure(DNSName, bitmap: [UInt8])
  /// Data of a type that we do not know; a compressed name in it is not understood.
  case other(DNSType, [UInt8])

  public var type: DNSType {
    switch self {
    case .address(.v4): .a
    case .address(.v6): .aaaa
    case .pointer: .ptr
    case .service: .srv
    case .text: .txt
    case .nextSecure: .nsec
    case .other(let type, _): type
    }
  }

  /// The data on the wire with no name compressed: what probes are compared by (RFC 6762 section 8.2).
  var uncompressed: [UInt8] {
    switch self {
    case .address(let address): address.networkBytes
    case .pointer(let name): name.wire + [0]
    case .service(let priority, let weight, let port, let host):
      [priority, weight, port].flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] } + host.wire + [0]
    case .text(let text): text.wire
    case .nextSecure(let name, let bitmap): name.wire + [0] + bitmap
    case .other(_, let bytes): bytes
    }
  }
}

/// A resource record (RFC 1035 section 4.1.3).
public struct DNSRecord: Equatable, Sendable {
  public var name: DNSName
  public var recordClass: DNSClass
  /// The cache-flush bit: the sender alone owns all records of this name, type and class (RFC 6762 section 10.2).
  public var isUnique: Bool
  /// For how long it may be believed; 0 takes it back.
  public var ttlSeconds: UInt32
  public var data: DNSRecordData

  public init(
    _ name: DNSName, _ data: DNSRecordData, ttlSeconds: UInt32, isUnique: Bool,
    recordClass: DNSClass = .internet
  ) {
    self.name = name
    self.recordClass = recordClass
    self.isUnique = isUnique
    self.ttlSeconds = ttlSeconds
    self.data = data
  }

  public var type: DNSType { data.type }

  /// Whether it says the same as another record, however long either may be believed.
  func says(_ data: DNSRecordData, of name: DNSName) -> Bool {
    recordClass == .internet && self.data == data && self.name == name
  }

  /// An NSEC record: of all types below 256 only these exist under the name (RFC 6762 section 6.1).
  static func only(_ types: [DNSType], at name: DNSName, ttlSeconds: UInt32) -> DNSRecord {
    var bits: [UInt8] = []
    for type in types where type.rawValue < 256 {
      let byte = Int(type.rawValue) / 8
      while bits.count <= byte { bits.append(0) }
      bits[byte] |= 0x80 >> UInt8(type.rawValue % 8)
    }
    return DNSRecord(
      name, .nextSecure(name, bitmap: bits.isEmpty ? [] : [0, UInt8(bits.count)] + bits), ttlSeconds: ttlSeconds,
      isUnique: true)
  }
}

extension DNSRecord {
  /// Whether the data of one probe comes before that of another: record by record by class, type and bytes, and a list
  /// that ends before the other (RFC 6762 sections 8.2 and 8.2.1). Both lists are sorted here.
  static func precede(_ left: [DNSRecord], _ right: [DNSRecord]) -> Bool {
    let left = left.map { $0.comparable }.sorted { $0.lexicographicallyPrecedes($1) }
    let right = right.map { $0.comparable }.sorted { $0.lexicographicallyPrecedes($1) }
    for index in 0..<min(left.count, right.count) where left[index] != right[index] {
      return left[index].lexicographicallyPrecedes(right[index])
    }
    return left.count < right.count
  }

  /// Class, type and data, whose bytes in order decide which record is the later one.
  private var comparable: [UInt8] {
    [recordClass.rawValue, type.rawValue].flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] } + data.uncompressed
  }
}
