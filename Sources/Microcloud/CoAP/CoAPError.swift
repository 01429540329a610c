/// Why bytes are not a CoAP message that we accept, or why a message cannot be sent.
public enum CoAPError: Error, Equatable, Sendable {
  case reservedTokenLength
  case messageTooLarge
  case reservedOptionNibble
  case truncatedOption
  case optionNumber
  case tooManyOptions
  case emptyPayload
  case optionTooLong
  case tokenTooLong
  /// A signal holds a critical option that we do not know.
  case unknownSignalOption(UInt16)
}

extension CoAPError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .reservedTokenLength: "read CoAP message: the token length is a reserved one (9 to 15)"
    case .messageTooLarge: "CoAP message: larger than the receiver takes; send it in blocks"
    case .reservedOptionNibble: "read CoAP option: a length of the reserved form 15"
    case .truncatedOption: "read CoAP option: the message ends inside it"
    case .optionNumber: "read CoAP option: its number is above 65535"
    case .tooManyOptions: "CoAP message: more than \(CoAPOptions.maximumCount) options"
    case .emptyPayload: "read CoAP message: a payload marker without a payload"
    case .optionTooLong: "write CoAP option: its value is longer than \(CoAPOptions.maximumValueBytes) bytes"
    case .tokenTooLong: "write CoAP message: its token is longer than \(CoAPMessage.maximumTokenBytes) bytes"
    case .unknownSignalOption(let number): "read CoAP signal: critical option \(number) is not known here"
    }
  }
}
