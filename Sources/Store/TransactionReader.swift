/// Reads a message that `Transaction` has encoded, statement by statement. Every length is checked: whatever the bytes are,
/// they are read to their end or found to make no sense.
struct TransactionReader {
  /// A statement and what it is given.
  struct Step: Equatable {
    let sql: String
    let values: [SQLValue]
  }

  let number: UInt64
  let isUrgent: Bool
  private var rest: ArraySlice<UInt8>

  /// Nil where there is not even a header, or more than there may be.
  init?(_ message: [UInt8]) {
    guard message.count <= Transaction.maximumBytes else { return nil }
    rest = message[...]
    guard let number = Self.number(8, &rest), let flags = Self.number(1, &rest) else { return nil }
    self.number = number
    isUrgent = flags & UInt64(Transaction.urgentBit) != 0
  }

  /// The next statement; nil after the last.
  mutating func next() throws(StoreError) -> Step? {
    if rest.isEmpty { return nil }
    guard let sql = Self.counted(&rest), let count = Self.number(2, &rest), count <= Transaction.maximumValues else {
      throw StoreError(.refused, "write to store: a statement that makes no sense")
    }
    var values: [SQLValue] = []
    for _ in 0..<count {
      guard let value = Self.value(&rest) else {
        throw StoreError(.refused, "write to store: a value that makes no sense")
      }
      values.append(value)
    }
    return Step(sql: String(decoding: sql, as: UTF8.self), values: values)
  }

  private static func value(_ rest: inout ArraySlice<UInt8>) -> SQLValue? {
    guard let kind = rest.popFirst().flatMap({ Transaction.Kind(rawValue: $0) }) else { return nil }
    switch kind {
    case .null: return .null
    case .integer: return number(8, &rest).map { .integer(Int64(bitPattern: $0)) }
    case .text: return counted(&rest).map { .text(String(decoding: $0, as: UTF8.self)) }
    case .blob: return counted(&rest).map { .blob(Array($0)) }
    }
  }

  private static func counted(_ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    guard let count = number(4, &rest) else { return nil }
    return take(count, &rest)
  }

  private static func number(_ byteCount: UInt64, _ rest: inout ArraySlice<UInt8>) -> UInt64? {
    take(byteCount, &rest).map { LittleEndian.number($0) }
  }

  private static func take(_ count: UInt64, _ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    guard count <= UInt64(rest.count) else { return nil }
    let taken = rest.prefix(Int(count))
    rest = rest.dropFirst(Int(count))
    return taken
  }
}
