import Microcloud

/// What whoever attends an exec asks of it: to attend is to give it input, or a terminal, and to take its output.
public enum Attendance: Equatable, Sendable {
  /// What the program writes to one of its streams, from an offset on; with `observe`, more as it comes.
  case read(Stream, from: UInt64, observe: Bool)
  /// All before these offsets has arrived and need not be kept; and whoever attends is still there.
  case taken(output: UInt64, errors: UInt64)
  /// A piece of its input.
  case input(InputPiece)
  /// Its terminal is now that large.
  case size(TerminalSize)
  /// It is to end, as when a terminal is hung up.
  case hangUp

  /// A program with a terminal has only the first.
  public enum Stream: Equatable, Sendable {
    case output, errors
  }

  /// The last parts of their paths, below `/containers/NAME/exec/NUMBER`.
  static let resources = ["output", "errors", "taken", "input", "size"]

  /// Reads a request to one of these.
  init?(_ message: CoAPMessage, _ resource: String, _ query: APIQuery, observe: Bool) throws(RequestError) {
    switch (message.code, resource) {
    case (.get, "output"): self = .read(.output, from: try query.number("from") ?? 0, observe: observe)
    case (.get, "errors"): self = .read(.errors, from: try query.number("from") ?? 0, observe: observe)
    case (.put, "taken"):
      let reader = try Self.reader(message) { $0 == .output || $0 == .errors }
      var (output, errors): (UInt64, UInt64) = (0, 0)
      try reader.unsigned(.output, into: &output)
      try reader.unsigned(.errors, into: &errors)
      self = .taken(output: output, errors: errors)
    case (.put, "input"):
      self = .input(try InputPiece(try Self.reader(message) { $0 == .offset || $0 == .data || $0 == .isEnd }))
    case (.put, "size"): self = .size(try TerminalSize(try Self.reader(message) { $0 == .rows || $0 == .columns }))
    default: return nil
    }
  }

  private static func reader(
    _ message: CoAPMessage, _ known: (APIKey) -> Bool
  ) throws(RequestError) -> APIMapReader {
    let reader = try APIMapReader(try APIRequest.content(of: message))
    try reader.refuseKeys(except: known)
    return reader
  }

  /// The message that says what has arrived.
  public static func takenValue(output: UInt64, errors: UInt64) -> CBORValue {
    var map = CBORMap()
    map[.output] = .unsigned(output)
    map[.errors] = .unsigned(errors)
    return .map(map)
  }
}
