import Crypto

// Protecting and verifying messages (RFC 8613 section 8). Neither end looks at the other's class E options outside of the
// ciphertext.
extension OSCOREContext {
  /// The request as it is sent, and its number, which the response to it is bound to.
  public func protect(request message: CoAPMessage) throws(OSCOREError) -> (message: CoAPMessage, partialIV: UInt64) {
    var parts = try OSCOREParts(message)
    let partialIV = try takeSequence()
    let data = OSCOREAdditionalData(senderID, partialIV)
    try seal(&parts.text, senderID, partialIV, additionalData: data)
    let option = OSCOREOption(partialIV: partialIV, kidContext: idContext, kid: senderID)
    let code: CoAPCode = parts.hasObserve ? .fetch : .post
    return (parts.outer(code, token: message.token, option), partialIV)
  }

  /// The request that was protected, and its number. It is taken only once.
  func unprotect(
    request message: CoAPMessage, _ option: OSCOREOption
  ) throws(OSCOREError) -> (message: CoAPMessage, partialIV: UInt64) {
    guard let partialIV = option.partialIV else { throw .malformedOption }
    guard isNew(partialIV) else { throw .replayed }
    let data = OSCOREAdditionalData(recipientID, partialIV)
    let plaintext = try open(message.payload, recipientID, partialIV, additionalData: data)
    note(partialIV)
    let request = try OSCOREParts.join(plaintext, outer: message)
    guard request.code.isRequest else { throw .malformedPlaintext }
    return (request, partialIV)
  }

  /// The response as it is sent.
  ///
  /// - Parameters:
  ///   - partialIV: of the request.
  ///   - isNumbered: it has a number of its own. Of the responses to one request only one may go without, or a nonce would be
  ///     used twice; a notification always has one, which says which is newer.
  public func protect(
    response message: CoAPMessage, to partialIV: UInt64, isNumbered: Bool
  ) throws(OSCOREError) -> CoAPMessage {
    var parts = try OSCOREParts(message)
    let data = OSCOREAdditionalData(recipientID, partialIV)
    let number = isNumbered ? try takeSequence() : nil
    try seal(
      &parts.text, number == nil ? recipientID : senderID, number ?? partialIV, additionalData: data)
    let code: CoAPCode = parts.hasObserve ? .content : .changed
    return parts.outer(code, token: message.token, OSCOREOption(partialIV: number))
  }

  /// The response that was protected, and its own number if it has one.
  ///
  /// - Parameter partialIV: of the request.
  public func unprotect(
    response message: CoAPMessage, to partialIV: UInt64
  ) throws(OSCOREError) -> (message: CoAPMessage, partialIV: UInt64?) {
    guard let value = message.options[.oscore]?.value else { throw .malformedOption }
    let option = try OSCOREOption(value)
    let data = OSCOREAdditionalData(senderID, partialIV)
    let plaintext = try open(
      message.payload, option.partialIV == nil ? senderID : recipientID, option.partialIV ?? partialIV,
      additionalData: data)
    let response = try OSCOREParts.join(plaintext, outer: message)
    guard response.code.isResponse else { throw .malformedPlaintext }
    return (response, option.partialIV)
  }
}
