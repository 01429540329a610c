import Microcloud

/// How many rows and columns a terminal shows; 0: not known, as the kernel has it.
public struct TerminalSize: Equatable, Sendable {
  public var rows: UInt16
  public var columns: UInt16

  public init(rows: UInt16, columns: UInt16) {
    self.rows = rows
    self.columns = columns
  }

  /// Writes it into a message.
  func add(to map: inout CBORMap) {
    map[.rows] = .unsigned(UInt64(rows))
    map[.columns] = .unsigned(UInt64(columns))
  }

  /// The message that changes it.
  public var value: CBORValue {
    var map = CBORMap()
    add(to: &map)
    return .map(map)
  }

  /// Reads what `add(to:)` writes.
  init(_ reader: APIMapReader) throws(RequestError) {
    rows = try Self.number(.rows, reader)
    columns = try Self.number(.columns, reader)
  }

  private static func number(_ key: APIKey, _ reader: APIMapReader) throws(RequestError) -> UInt16 {
    let found = reader.value[key]?.unsignedValue.flatMap { UInt16(exactly: $0) }
    return try reader.need(found, key, "a number of at most 16 bits")
  }
}
