/// Statements that are performed together or not at all, as values: `Store.write` sends them to the store's writer.
///
///     var transaction = Transaction("DELETE FROM peer WHERE name = ?1", [SQLValue(name)])
///     transaction.run("INSERT INTO peer VALUES (?1, ?2)", [SQLValue(name), SQLValue(address)])
///
/// It is encoded as it is made; numbers are little-endian. First the header: the number that `Store` gives it (8 bytes) and
/// whether it is urgent (1). Then each statement: its SQL (4 bytes of length, UTF-8), how many values it is given (2), and
/// each value: its kind (1), then an integer's 8 bytes, or a text's or blob's length (4) and bytes. `TransactionReader`
/// reads it.
public struct Transaction: Equatable, Sendable {
  /// What one may take, encoded; a larger one is refused when it is written. A container's record is at most a third of it.
  public static let maximumBytes = 65_536
  /// Values that one statement may be given.
  public static let maximumValues = 256

  static let headerBytes = 9
  static let urgentBit: UInt8 = 1

  enum Kind: UInt8 {
    case null, integer, text, blob
  }

  /// The statements.
  private var bytes: [UInt8] = []
  private var hasTooManyValues = false

  public init() {}

  /// A transaction of one statement.
  public init(_ sql: String, _ values: [SQLValue] = []) {
    run(sql, values)
  }

  /// Adds a statement: a single one, whose rows, if any, are of no interest. Its SQL stays the same, for the writer keeps it
  /// prepared under its text; what changes from time to time are the values, which stand for `?1`, `?2`….
  public mutating func run(_ sql: String, _ values: [SQLValue] = []) {
    if values.count > Self.maximumValues { hasTooManyValues = true }
    append(Array(sql.utf8))
    append(UInt64(values.count), byteCount: 2)
    for value in values { append(value) }
  }

  /// Why it cannot be written; nil: it can.
  var problem: StoreError? {
    if hasTooManyValues {
      return StoreError(.refused, "write to store: more than \(Self.maximumValues) values for one statement")
    }
    if bytes.count > Self.maximumBytes - Self.headerBytes {
      return StoreError(
        .refused,
        "write to store: \(bytes.count) bytes at once, \(Self.maximumBytes) are the most; write less at a time")
    }
    return nil
  }

  /// The message to the writer.
  func message(number: UInt64, isUrgent: Bool) -> [UInt8] {
    var message: [UInt8] = []
    message.reserveCapacity(Self.headerBytes + bytes.count)
    LittleEndian.append(number, byteCount: 8, to: &message)
    message.append(isUrgent ? Self.urgentBit : 0)
    return message + bytes
  }

  private mutating func append(_ value: SQLValue) {
    switch value {
    case .null:
      bytes.append(Kind.null.rawValue)
    case .integer(let number):
      bytes.append(Kind.integer.rawValue)
      append(UInt64(bitPattern: number), byteCount: 8)
    case .text(let text):
      bytes.append(Kind.text.rawValue)
      append(Array(text.utf8))
    case .blob(let blob):
      bytes.append(Kind.blob.rawValue)
      append(blob)
    }
  }

  private mutating func append(_ counted: [UInt8]) {
    append(UInt64(counted.count), byteCount: 4)
    bytes += counted
  }

  private mutating func append(_ number: UInt64, byteCount: Int) {
    LittleEndian.append(number, byteCount: byteCount, to: &bytes)
  }
}
