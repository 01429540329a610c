/// Writes CoAP messages for a byte stream (RFC 8323 section 3.2).
public enum CoAPStreamEncoder {
  /// The bytes of one message. `maximumBytes` is what the receiver takes, as its CSM says; a larger message is an error.
  public static func encode(
    _ message: CoAPMessage, maximumBytes: UInt64 = UInt64(CoAPStreamDecoder.maximumMessageBytes)
  ) throws(CoAPError) -> [UInt8] {
    if message.token.count > CoAPMessage.maximumTokenBytes { throw .tokenTooLong }
    var body: [UInt8] = []
    try message.options.encode(payload: message.payload, to: &body)
    var output: [UInt8] = []
    output.reserveCapacity(body.count + 14)
    CoAPStreamHeader.append(
      bodyBytes: UInt64(body.count), tokenBytes: message.token.count, code: message.code, to: &output)
    output += message.token
    output += body
    if UInt64(output.count) > maximumBytes { throw .messageTooLarge }
    return output
  }
}
