/// What an input may cost. All are far above what our own messages need.
public struct CBORLimits: Sendable {
  /// Arrays, maps and tags inside one another.
  public var depth: Int
  /// Data items in all, those inside others and the chunks of strings included.
  public var items: Int
  /// Bytes of input.
  public var inputBytes: Int

  /// What our own messages are decoded with.
  public static let standard = CBORLimits(depth: 16, items: 4096, inputBytes: 64 * 1024)

  public init(depth: Int, items: Int, inputBytes: Int) {
    self.depth = depth
    self.items = items
    self.inputBytes = inputBytes
  }
}

/// Why bytes are not a CBOR item that we accept, and where: `decode CBOR: byte 12: text is not valid UTF-8`.
public struct CBORError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What is wrong.
  public enum Reason: Equatable, Sendable {
    /// The input ends inside an item; more bytes could complete it.
    case truncated
    case reservedLength
    case misplacedBreak
    case wrongChunk
    case oddMap
    case invalidText
    case unknownSimpleValue
    case duplicateKey
    case trailingBytes
    case tooDeep
    case tooManyItems
    case tooLarge
    /// Well-formed, but not what a message of this kind holds.
    case unexpectedType
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
    "decode CBOR: byte \(offset): \(reason.text)"
  }
}

extension CBORError.Reason {
  var text: String {
    switch self {
    case .truncated: "the input ends inside an item"
    case .reservedLength: "a length is of a reserved or impossible form"
    case .misplacedBreak: "a break stands where no item of indefinite length is open"
    case .wrongChunk: "a chunk of a string is not a definite string of the same type"
    case .oddMap: "a map ends after a key, without its value"
    case .invalidText: "text is not valid UTF-8"
    case .unknownSimpleValue: "a simple value other than false, true, null and undefined"
    case .duplicateKey: "a map has the same key twice"
    case .trailingBytes: "bytes follow the item"
    case .tooDeep: "arrays, maps or tags are nested too deeply"
    case .tooManyItems: "more items than the limit"
    case .tooLarge: "more bytes than the limit"
    case .unexpectedType: "an item is not of the type that this message has here"
    }
  }
}
