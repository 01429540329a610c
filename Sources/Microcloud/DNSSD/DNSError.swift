/// Why bytes are not a DNS message that we accept, or why a name or text cannot be sent.
public enum DNSError: Error, Equatable, Sendable {
  /// The message ends inside a header, a name or a record.
  case truncated
  case messageTooLarge
  case tooManyRecords
  /// A compression pointer does not point to an earlier place, so that following it might never end.
  case forwardPointer
  /// A label of one of the two reserved kinds (RFC 1035 section 4.1.4).
  case reservedLabel
  case emptyLabel
  case labelTooLong
  case nameTooLong
  /// A record's data is not of the form that its type has.
  case badData(type: UInt16)
  /// A `\` in a name's text that nothing, or no number up to 255, follows.
  case badEscape
  case textTooLong
  case trailingBytes
}

extension DNSError: CustomStringConvertible {
  /// One line for a person.
  public var description: String {
    switch self {
    case .truncated: "read DNS message: it ends inside a name or record"
    case .messageTooLarge: "DNS message: larger than \(DNSMessage.maximumBytes) bytes"
    case .tooManyRecords: "read DNS message: more than \(DNSMessage.maximumRecords) questions and records"
    case .forwardPointer: "read DNS name: a compression pointer that does not point back"
    case .reservedLabel: "read DNS name: a label of a reserved kind"
    case .emptyLabel: "DNS name: an empty label; write a dot inside a label as \\."
    case .labelTooLong: "DNS name: a label is longer than \(DNSName.maximumLabelBytes) bytes"
    case .nameTooLong: "DNS name: longer than \(DNSName.maximumBytes) bytes"
    case .badData(let type): "read DNS record: its data is not of the form of type \(type)"
    case .badEscape: "DNS name: after a \\ comes a character or a number of three digits up to 255"
    case .textTooLong:
      "DNS text: longer than \(DNSText.maximumStringBytes) bytes a string or \(DNSText.maximumPublishedBytes) in all"
    case .trailingBytes: "read DNS message: bytes follow the last record"
    }
  }
}
