/// Why bytes are not a CoAP message that we accept, or why a message cannot be sent.
public enum CoAPError: Error, Equatable, Sendable {
  case truncatedHeader
  /// A datagram of another version of CoAP than 1.
  case otherVersion
  /// An empty message that has a token or more.
  case emptyMessageWithContent
  case reservedCode
  /// A code that messages of this type do not have: an acknowledgement that asks.
  case codeOfOtherType
  case reservedTokenLength
  case messageTooLarge
  case reservedOptionNibble
  case truncatedOption
  case optionNumber
  case tooManyOptions
  case emptyPayload
  case optionTooLong
  case tokenTooLong
  /// As many requests, messages or peers as an endpoint bears are there already.
  case tooMuchUnderWay
  /// The security context that a message is to be protected with is not there any more, or has no number left.
  case noSecurityContext
  /// A message that is to be protected cannot be.
  case notProtectable
  /// A signal holds a critical option that we do not know.
  case unknownSignalOption(UInt16)
}

extension CoAPError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .truncatedHeader: "read CoAP datagram: it ends inside its header"
    case .otherVersion: "read CoAP datagram: its version is not 1"
    case .emptyMessageWithContent: "read CoAP datagram: an empty message with a token or more"
    case .reservedCode: "read CoAP datagram: its code is of a reserved class"
    case .codeOfOtherType: "read CoAP datagram: messages of its type have no such code"
    case .reservedTokenLength: "read CoAP message: the token length is a reserved one (9 to 15)"
    case .messageTooLarge: "CoAP message: larger than the receiver takes; send it in blocks"
    case .reservedOptionNibble: "read CoAP option: a length of the reserved form 15"
    case .truncatedOption: "read CoAP option: the message ends inside it"
    case .optionNumber: "read CoAP option: its number is above 65535"
    case .tooManyOptions: "CoAP message: more than \(CoAPOptions.maximumCount) options"
    case .emptyPayload: "read CoAP message: a payload marker without a payload"
    case .optionTooLong: "write CoAP option: its value is longer than \(CoAPOptions.maximumValueBytes) bytes"
    case .tokenTooLong: "write CoAP message: its token is longer than \(CoAPMessage.maximumTokenBytes) bytes"
    case .tooMuchUnderWay: "send CoAP message: too many others are under way"
    case .noSecurityContext: "protect CoAP message: its security context is gone or used up; make a new one"
    case .notProtectable:
      "protect CoAP message: it is too large, or has an option that is not taken (OSCORE, Proxy-Uri)"
    case .unknownSignalOption(let number): "read CoAP signal: critical option \(number) is not known here"
    }
  }
}
