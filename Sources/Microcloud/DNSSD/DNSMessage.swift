/// A DNS message (RFC 1035 section 4.1) as multicast DNS uses it (RFC 6762 section 18).
public struct DNSMessage: Equatable, Sendable {
  /// The largest message that is read: what RFC 6762 section 17 allows at most, headers below included.
  public static let maximumBytes = 9000
  /// More questions and records than this in one message are refused. A packet of 9000 bytes with as many known answers as
  /// fit has about 220.
  public static let maximumRecords = 256

  /// What stands beside the identifier.
  public struct Flags: RawRepresentable, Equatable, Sendable {
    public let rawValue: UInt16

    public init(rawValue: UInt16) {
      self.rawValue = rawValue
    }

    public static let query = Flags(rawValue: 0)
    /// A query whose known answers go on in the next packet (the TC bit).
    public static let truncatedQuery = Flags(rawValue: 0x0200)
    /// A response; those of multicast DNS are all authoritative.
    public static let response = Flags(rawValue: 0x8400)

    public var isResponse: Bool { rawValue & 0x8000 != 0 }
    public var isTruncated: Bool { rawValue & 0x0200 != 0 }
    /// Neither another operation than a query nor an error: all that multicast DNS heeds.
    public var isPlain: Bool { rawValue & 0x780F == 0 }
  }

  /// Zero but in queries that do not come from port 5353, and their answers.
  public var id: UInt16
  public var flags: Flags
  public var questions: [DNSQuestion]
  /// In a query: what the asker knows already.
  public var answers: [DNSRecord]
  /// In a probe: what the asker wants to own.
  public var authorities: [DNSRecord]
  public var additionals: [DNSRecord]

  public init(
    id: UInt16 = 0, flags: Flags = .query, questions: [DNSQuestion] = [], answers: [DNSRecord] = [],
    authorities: [DNSRecord] = [], additionals: [DNSRecord] = []
  ) {
    self.id = id
    self.flags = flags
    self.questions = questions
    self.answers = answers
    self.authorities = authorities
    self.additionals = additionals
  }

  /// The message on the wire.
  public func encoded() throws(DNSError) -> [UInt8] {
    var packet = DNSPacket(id: id, flags: flags, maximumBytes: Self.maximumBytes)
    for question in questions where !packet.append(question) { throw .messageTooLarge }
    for record in answers where !packet.append(record, to: .answer) { throw .messageTooLarge }
    for record in authorities where !packet.append(record, to: .authority) { throw .messageTooLarge }
    for record in additionals where !packet.append(record, to: .additional) { throw .messageTooLarge }
    return packet.bytes
  }
}
