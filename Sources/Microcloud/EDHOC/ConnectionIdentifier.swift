/// A name that one side gives a connection, for the other to call it by (C_I and C_R, RFC 9528 section 3.3): later the
/// recipient ID of who chose it and the sender ID of the other in OSCORE.
public struct ConnectionIdentifier: Equatable, Hashable, Sendable {
  /// Up to `EDHOCLimits.connectionIdentifierBytes`, or none.
  public let bytes: [UInt8]

  /// Nil if there are too many bytes.
  public init?(_ bytes: [UInt8]) {
    guard bytes.count <= EDHOCLimits.connectionIdentifierBytes else { return nil }
    self.bytes = bytes
  }

  init?(_ item: CBORValue) {
    guard let bytes = CompactIdentifier.bytes(item) else { return nil }
    self.init(bytes)
  }

  /// As it stands in messages, and in front of them over CoAP.
  var encoded: [UInt8] { CompactIdentifier.encoded(bytes) }
}
