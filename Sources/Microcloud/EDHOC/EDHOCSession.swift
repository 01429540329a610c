import Crypto

/// What a completed exchange leaves: a secret of both sides, and their names for the connection. It lives in memory only;
/// after a restart another exchange makes another one.
public struct EDHOCSession {
  /// By what we call the connection to the peer.
  public let peerConnection: ConnectionIdentifier
  /// By what the peer calls it to us.
  public let ownConnection: ConnectionIdentifier
  /// PRK_out and PRK_exporter (RFC 9528 section 4.1.3).
  private(set) var secret: Secret
  private(set) var exporter: Secret

  /// Of OSCORE's master salt, in bytes (RFC 9528 appendix A.1).
  static let oscoreSaltBytes = 8

  init(
    _ secret: Secret, transcript: [UInt8], own: ConnectionIdentifier, peer: ConnectionIdentifier
  ) throws(EDHOCError) {
    ownConnection = own
    peerConnection = peer
    self.secret = try EDHOCSuite.expand(secret, .session, context: transcript)
    exporter = try EDHOCSuite.expand(self.secret, .exporter, context: [])
  }

  /// Keys for an application (EDHOC_Exporter, RFC 9528 section 4.2.1).
  /// - Parameters:
  ///   - label: registered with IANA; 32768 to 65535 are for private use.
  ///   - context: no two uses share label and context.
  ///   - count: at most `HKDF.maximumBytes`.
  public func exported(_ label: UInt16, context: [UInt8] = [], count: Int) throws(EDHOCError) -> Secret {
    try EDHOCSuite.expand(exporter, Int64(label), context: context, count: count)
  }

  /// What an OSCORE context is made of (RFC 9528 appendix A.1), with AES-CCM-16-64-128 and HKDF of SHA-256. We send as
  /// `peerConnection`, and receive as `ownConnection`.
  public func oscoreKeys() throws(EDHOCError) -> (masterSecret: Secret, masterSalt: Secret) {
    (try exported(0, count: AESCCM.keyBytes), try exported(1, count: Self.oscoreSaltBytes))
  }

  /// Replaces the secret by one from which it cannot be computed (EDHOC_KeyUpdate, RFC 9528 appendix H). Both sides do it
  /// with the same context. Keys that were exported before are others' to forget.
  public mutating func update(context: [UInt8]) throws(EDHOCError) {
    let new = try EDHOCSuite.expand(secret, .keyUpdate, context: context)
    exporter = try EDHOCSuite.expand(new, .exporter, context: [])
    secret = new
  }
}
