import Crypto

extension EDHOCSession {
  /// Our end of the security context that the session is for (RFC 9528 appendix A.1).
  /// - Parameter principal: whom the peer's requests count as coming from.
  public func oscoreContext(principal: UInt32 = 0) throws(EDHOCError) -> OSCOREContext {
    let (masterSecret, masterSalt) = try oscoreKeys()
    guard let sender = OSCOREIdentifier(peerConnection.bytes[...]),
      let recipient = OSCOREIdentifier(ownConnection.bytes[...])
    else { throw .tooLarge }
    do throws(OSCOREError) {
      return try OSCOREContext(
        masterSecret: masterSecret, masterSalt: masterSalt.bytes, senderID: sender, recipientID: recipient,
        principal: principal)
    } catch {
      if case .failed(let cause) = error { throw .crypto(cause) }
      throw .sameConnectionIdentifiers
    }
  }
}
