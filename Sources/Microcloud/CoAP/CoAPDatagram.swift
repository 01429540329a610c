/// How a datagram takes part in the exchange of messages (RFC 7252 section 3).
public enum CoAPMessageType: UInt8, Sendable {
  /// Sent again until it is acknowledged or reset.
  case confirmable = 0
  case nonConfirmable = 1
  /// That a confirmable message came; may carry the response to it.
  case acknowledgement = 2
  /// That a message came and means nothing here.
  case reset = 3
}

/// A CoAP message as a datagram carries it (RFC 7252 section 3).
public struct CoAPDatagram: Equatable, Sendable {
  /// The longest datagram sent: IPv6's least MTU less its headers and UDP's. A payload of 1024 bytes fits well.
  public static let maximumSentBytes = 1280 - 40 - 8
  /// The longest datagram read.
  public static let maximumBytes = 2048
  /// Version, type, token length; code; message id.
  static let headerBytes = 4

  public var type: CoAPMessageType
  /// Which of its sender's messages it is, or of an acknowledgement or reset: which one it is about.
  public var messageID: UInt16
  public var message: CoAPMessage

  public init(_ type: CoAPMessageType, messageID: UInt16, _ message: CoAPMessage) {
    self.type = type
    self.messageID = messageID
    self.message = message
  }

  /// An empty message: an acknowledgement, a reset, or as a confirmable one a ping.
  public static func empty(_ type: CoAPMessageType, messageID: UInt16) -> CoAPDatagram {
    CoAPDatagram(type, messageID: messageID, CoAPMessage(code: .empty))
  }
}

/// Why a datagram is no message.
public struct CoAPDatagramError: Error, Equatable, Sendable {
  public let reason: CoAPError
  /// The id to reset, where the datagram was confirmable: its sender is to stop sending it again (RFC 7252 section 4.2). Nil:
  /// the datagram is to be passed over in silence.
  public let resetID: UInt16?
}

extension CoAPDatagram {
  private static let version: UInt8 = 1

  /// Reads a datagram of at most `maximumBytes`.
  public init(decoding bytes: [UInt8]) throws(CoAPDatagramError) {
    guard bytes.count >= Self.headerBytes else { throw CoAPDatagramError(reason: .truncatedHeader, resetID: nil) }
    // What another version means by the rest is not known (section 3).
    guard bytes[0] >> 6 == Self.version else { throw CoAPDatagramError(reason: .otherVersion, resetID: nil) }
    type = CoAPMessageType(rawValue: bytes[0] >> 4 & 3) ?? .reset
    messageID = UInt16(bytes[2]) << 8 | UInt16(bytes[3])
    do throws(CoAPError) {
      message = try Self.message(bytes)
      try Self.check(message.code, type)
    } catch {
      throw CoAPDatagramError(reason: error, resetID: type == .confirmable ? messageID : nil)
    }
  }

  private static func message(_ bytes: [UInt8]) throws(CoAPError) -> CoAPMessage {
    if bytes.count > maximumBytes { throw .messageTooLarge }
    let tokenBytes = Int(bytes[0] & 0xF)
    if tokenBytes > CoAPMessage.maximumTokenBytes { throw .reservedTokenLength }
    let code = CoAPCode(rawValue: bytes[1])
    if code == .empty, bytes.count != headerBytes || tokenBytes != 0 { throw .emptyMessageWithContent }
    guard bytes.count >= headerBytes + tokenBytes else { throw .truncatedHeader }
    let token = tokenBytes == 0 ? [] : Array(bytes[headerBytes..<headerBytes + tokenBytes])
    var rest = bytes[(headerBytes + tokenBytes)...]
    let options = try CoAPOptions.decode(from: &rest)
    return CoAPMessage(code: code, token: token, options: options, payload: rest.isEmpty ? [] : Array(rest))
  }

  /// Which codes go with which types (section 4.3, table 1), and that a code is none of a reserved class.
  private static func check(_ code: CoAPCode, _ type: CoAPMessageType) throws(CoAPError) {
    let isEmpty = code == .empty
    guard isEmpty || code.isRequest || code.isResponse else { throw .reservedCode }
    switch type {
    case .confirmable: break
    case .nonConfirmable: if isEmpty { throw .codeOfOtherType }
    case .acknowledgement: if code.isRequest { throw .codeOfOtherType }
    case .reset: if !isEmpty { throw .codeOfOtherType }
    }
  }

  /// The bytes to send, at most `maximumBytes` of them.
  public func encoded(maximumBytes: Int = maximumSentBytes) throws(CoAPError) -> [UInt8] {
    var output: [UInt8] = []
    output.reserveCapacity(
      Self.headerBytes + message.token.count + message.options.byteEstimate + message.payload.count)
    try encode(to: &output)
    if output.count > maximumBytes { throw .messageTooLarge }
    return output
  }

  /// Appends the datagram.
  public func encode(to output: inout [UInt8]) throws(CoAPError) {
    if message.token.count > CoAPMessage.maximumTokenBytes { throw .tokenTooLong }
    output.append(Self.version << 6 | type.rawValue << 4 | UInt8(message.token.count))
    output.append(message.code.rawValue)
    output.append(UInt8(messageID >> 8))
    output.append(UInt8(truncatingIfNeeded: messageID))
    output += message.token
    try message.options.encode(payload: message.payload, to: &output)
  }
}
