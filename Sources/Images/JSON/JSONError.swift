/// What a document may cost.
public struct JSONLimits: Sendable {
  /// Arrays and objects inside one another.
  public var depth: Int
  /// Values in all, those inside others included.
  public var values: Int
  /// Bytes of input.
  public var inputBytes: Int

  /// Far above what an image's documents need.
  public static let standard = JSONLimits(depth: 32, values: 8192, inputBytes: 128 * 1024)

  public init(depth: Int, values: Int, inputBytes: Int) {
    self.depth = depth
    self.values = values
    self.inputBytes = inputBytes
  }
}

/// Why bytes are not a JSON document that we accept, and where: `read JSON: byte 12: a string does not end`.
public struct JSONError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What is wrong.
  public enum Reason: Equatable, Sendable {
    case truncated
    case unexpectedByte
    case invalidNumber
    case invalidEscape
    case controlCharacter
    case invalidText
    case duplicateName
    case trailingBytes
    case tooDeep
    case tooManyValues
    case tooLarge
  }

  /// What is wrong there.
  public let reason: Reason
  /// Bytes from the start of the document to the place at fault.
  public let offset: Int

  public init(_ reason: Reason, offset: Int) {
    self.reason = reason
    self.offset = offset
  }

  /// One line for a person.
  public var description: String {
    "read JSON: byte \(offset): \(reason.text)"
  }
}

extension JSONError.Reason {
  var text: String {
    switch self {
    case .truncated: "the document ends inside a value"
    case .unexpectedByte: "no value, name or mark that may stand here"
    case .invalidNumber: "not a number as JSON writes it"
    case .invalidEscape: "a backslash before what JSON does not escape, or half of a surrogate pair"
    case .controlCharacter: "a control character in a string: JSON wants it escaped"
    case .invalidText: "a string is not valid UTF-8"
    case .duplicateName: "an object has the same name twice"
    case .trailingBytes: "bytes follow the document"
    case .tooDeep: "arrays or objects are nested too deeply"
    case .tooManyValues: "more values than the limit"
    case .tooLarge: "more bytes than the limit"
    }
  }
}
