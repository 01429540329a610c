/// A value that a statement is given: what stands for a `?1` in it.
public enum SQLValue: Equatable, Sendable {
  case null
  case integer(Int64)
  case text(String)
  case blob([UInt8])

  public init(_ value: Int64?) {
    self = value.map { .integer($0) } ?? .null
  }

  /// SQLite's integers are signed: a number above 2^63 - 1 is stored as the negative number of the same bits, and read
  /// back whole by `Statement.unsigned`; only its order among others is lost.
  public init(_ value: UInt64?) {
    self = value.map { .integer(Int64(bitPattern: $0)) } ?? .null
  }

  public init(_ value: Bool) {
    self = .integer(value ? 1 : 0)
  }

  public init(_ value: String?) {
    self = value.map { .text($0) } ?? .null
  }

  public init(_ value: [UInt8]?) {
    self = value.map { .blob($0) } ?? .null
  }
}
