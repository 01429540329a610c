extension CoAPContentFormat {
  /// `application/edhoc+cbor-seq`: an answer.
  public static let edhoc = CoAPContentFormat(rawValue: 64)
  /// `application/cid-edhoc+cbor-seq`: a request.
  public static let edhocRequest = CoAPContentFormat(rawValue: 65)
}

/// How EDHOC's messages go in CoAP requests to `/.well-known/edhoc` (RFC 9528 appendix A.2), and message_3 together with
/// the first request that OSCORE protects (RFC 9668). Answers carry a message as it is.
public enum EDHOCOverCoAP {
  public static let path = [".well-known", "edhoc"]

  /// What a request to the resource carries.
  public enum Request: Equatable, Sendable {
    /// message_1.
    case new([UInt8])
    /// A later message, and the responder's name for the connection that it belongs to.
    case continued(ConnectionIdentifier, [UInt8])
  }

  private static let new: UInt8 = 0xF5

  /// The body of a request.
  public static func body(_ request: Request) -> [UInt8] {
    switch request {
    case .new(let message): [new] + message
    case .continued(let connection, let message): connection.encoded + message
    }
  }

  /// What the body of a request is.
  public static func request(_ body: [UInt8]) throws(EDHOCError) -> Request {
    // The longest name takes a byte for its length.
    guard body.count <= EDHOCLimits.messageBytes + 1 + EDHOCLimits.connectionIdentifierBytes else { throw .tooLarge }
    if body.first == new {
      return .new(Array(body.dropFirst()))
    }
    do throws(CBORError) {
      let (item, message) = try CBORDecoder.decodePrefix(body[...], limits: EDHOCLimits.body)
      if let connection = ConnectionIdentifier(item), body.starts(with: connection.encoded) {
        return .continued(connection, Array(message))
      }
    } catch {}
    throw .malformed
  }

  /// The body of a request with the EDHOC option: `message3`, and what OSCORE made of the request's own body. The name of
  /// the connection stands in the OSCORE option (`kid`).
  public static func combined(message3: [UInt8], ciphertext: [UInt8]) -> [UInt8] {
    message3 + ciphertext
  }

  /// What such a body consists of. Who agreed on message_4 takes no such requests.
  public static func split(_ body: [UInt8]) throws(EDHOCError) -> (message3: [UInt8], ciphertext: [UInt8]) {
    let head = body.prefix(EDHOCLimits.messageBytes)
    do throws(CBORError) {
      let (item, rest) = try CBORDecoder.decodePrefix(head, limits: EDHOCLimits.item)
      let ciphertext = body[rest.startIndex...]
      // An OSCORE ciphertext has at least a code and a tag.
      if item.bytesValue != nil, ciphertext.count > minimumCiphertextBytes {
        return (Array(body[..<rest.startIndex]), Array(ciphertext))
      }
    } catch {}
    throw .malformed
  }

  /// What a request with the EDHOC option consists of, and the responder's name for the connection.
  public static func split(
    _ message: CoAPMessage
  ) throws(EDHOCError) -> (connection: ConnectionIdentifier, message3: [UInt8], ciphertext: [UInt8]) {
    guard let value = message.options[.oscore]?.value, let option = try? OSCOREOption(value),
      let connection = option.kid.flatMap({ ConnectionIdentifier($0.bytes) })
    else { throw .malformed }
    let (message3, ciphertext) = try split(message.payload)
    return (connection, message3, ciphertext)
  }

  // MARK: Answers

  /// The answer that brings message_2.
  public static func answer(_ message2: [UInt8], token: [UInt8]) -> CoAPMessage {
    var answer = CoAPMessage(code: .changed, token: token, payload: message2)
    answer.contentFormat = .edhoc
    return answer
  }

  /// The answer that ends an exchange, in plain (RFC 9528 section 6, RFC 9668 section 3.3.1).
  public static func answer(_ error: EDHOCError, token: [UInt8]) -> CoAPMessage {
    var answer = CoAPMessage(code: .badRequest, token: token)
    if let reply = error.reply {
      answer.contentFormat = .edhoc
      answer.payload = reply
    }
    return answer
  }

  /// Of AES-CCM-16-64-128: the tag.
  private static let minimumCiphertextBytes = 8
}
