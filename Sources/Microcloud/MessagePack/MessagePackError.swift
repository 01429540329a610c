/// Why bytes are not the MessagePack that a message is made of, and where: `decode MessagePack: byte 12: …`.
public struct MessagePackError: Error, Equatable, Sendable, CustomStringConvertible {
  public enum Reason: Equatable, Sendable {
    /// The input ends inside an item; more bytes could complete it.
    case truncated
    case reservedForm
    /// Well-formed, but not of the type that the message has here.
    case unexpectedType
    /// A number that its field cannot hold.
    case outOfRange
    /// A string, array or map is longer than its limit.
    case tooLong
    case tooDeep
    /// Of the right type, but nothing that a member could mean: no name, no address, no such state.
    case unexpectedValue
  }

  /// What is wrong there.
  public let reason: Reason
  /// Bytes from the start of the input to the item at fault.
  public let offset: Int

  public init(_ reason: Reason, offset: Int) {
    self.reason = reason
    self.offset = offset
  }

  /// One line for a person.
  public var description: String {
    "decode MessagePack: byte \(offset): \(reason.text)"
  }
}

extension MessagePackError.Reason {
  var text: String {
    switch self {
    case .truncated: "the input ends inside an item"
    case .reservedForm: "an item starts with the reserved byte c1"
    case .unexpectedType: "an item is not of the type that this message has here"
    case .outOfRange: "a number does not fit in its field"
    case .tooLong: "a string, array or map is longer than the limit"
    case .tooDeep: "arrays or maps are nested too deeply"
    case .unexpectedValue: "a value that means nothing here"
    }
  }
}
