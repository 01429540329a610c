/// message_1 (RFC 9528 section 5.2.1): nobody has proven anything yet.
struct EDHOCMessage1 {
  let method: EDHOCMethod
  let suites: [Int64]
  /// The initiator's ephemeral key, x alone.
  let key: [UInt8]
  let connection: ConnectionIdentifier

  func encoded(items: [AuthorizationItem]) -> [UInt8] {
    CBORValue.integer(method.rawValue).encoded + EDHOCSuite.item(of: suites).encoded + CBORValue.bytes(key).encoded
      + connection.encoded + AuthorizationItem.encode(items)
  }

  /// Reads up to the authorization data, which are left in `reader`.
  init(_ reader: inout EDHOCReader) throws(EDHOCError) {
    guard let number = try reader.item().integerValue, let suites = EDHOCSuite.suites(try reader.item()) else {
      throw .malformed
    }
    key = try reader.bytes()
    guard let connection = ConnectionIdentifier(try reader.item()) else { throw .malformed }
    guard let method = EDHOCMethod(rawValue: number) else { throw .unsupportedMethod }
    self.method = method
    self.suites = suites
    self.connection = connection
  }

  init(method: EDHOCMethod, suites: [Int64], key: [UInt8], connection: ConnectionIdentifier) {
    self.method = method
    self.suites = suites
    self.key = key
    self.connection = connection
  }
}
