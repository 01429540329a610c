/// What an EDHOC exchange may cost. All are far above what our own messages need.
public enum EDHOCLimits {
  /// Of a message, in bytes: it fits a CoAP message without blocks.
  public static let messageBytes = 1024
  /// Of a connection identifier, in bytes: what OSCORE has room for with nonces of 13 bytes (RFC 8613 section 3.3).
  public static let connectionIdentifierBytes = 7
  /// Of a key identifier (`kid`), in bytes.
  public static let keyIdentifierBytes = 64
  /// Cipher suites that a message names.
  public static let suites = 16
  /// Items of external authorization data in one message.
  public static let authorizationItems = 8
  /// Of a peer's words on an error, in bytes; what is longer is cut.
  public static let diagnosticBytes = 128
  /// What decoding the name in front of a message may cost, with all that follows it.
  static let body = CBORLimits(depth: 0, items: 1, inputBytes: messageBytes + 1 + connectionIdentifierBytes)
  /// What decoding one item of a message may cost.
  static let item = CBORLimits(depth: 8, items: 64, inputBytes: messageBytes)
}
