import CSQLite

/// A prepared statement: bind values, step through rows, read columns, reset, and again.
///
/// Parameters count from 1 and columns from 0, as in SQLite. Its end is the end of the object.
public final class Statement {
  private let statement: OpaquePointer
  private let database: Database

  init(_ statement: OpaquePointer, of database: Database) {
    self.statement = statement
    self.database = database
  }

  deinit { sqlite3_finalize(statement) }

  // MARK: Binding

  @discardableResult
  public func bind(_ index: Int, _ value: SQLValue) throws(StoreError) -> Statement {
    try database.check(bindingCode(CInt(index), value), database.action)
    return self
  }

  // The pointer of an empty array may be nil, which would bind NULL.
  private func bindingCode(_ index: CInt, _ value: SQLValue) -> CInt {
    switch value {
    case .null:
      return sqlite3_bind_null(statement, index)
    case .integer(let number):
      return sqlite3_bind_int64(statement, index, number)
    case .text(let text):
      return Array(text.utf8).withUnsafeBytes {
        $0.isEmpty
          ? sqlite_bind_text_copy(statement, index, "", 0)
          : sqlite_bind_text_copy(
            statement, index, $0.baseAddress!.assumingMemoryBound(to: CChar.self), CInt($0.count))
      }
    case .blob(let blob):
      return blob.withUnsafeBytes {
        $0.isEmpty
          ? sqlite3_bind_zeroblob(statement, index, 0)
          : sqlite_bind_blob_copy(statement, index, $0.baseAddress, CInt($0.count))
      }
    }
  }

  // MARK: Running

  /// Goes to the next row; false when there is none. The statement is then ready to be run again.
  public func step() throws(StoreError) -> Bool {
    let code = sqlite3_step(statement)
    if code == SQLITE_ROW { return true }
    // The error's message is taken before the reset, which would repeat the error but not explain it.
    let failure = code == SQLITE_DONE ? nil : database.failure(code, database.action)
    sqlite3_reset(statement)
    if let failure { throw failure }
    return false
  }

  /// Runs a statement whose rows, if any, are of no interest, and makes it ready to be run again.
  public func run() throws(StoreError) {
    while try step() {}
  }

  /// Leaves the rows that are left, and forgets the values bound.
  public func reset() {
    sqlite3_reset(statement)
    sqlite3_clear_bindings(statement)
  }

  // MARK: Columns of the current row

  public func isNull(_ column: Int) -> Bool {
    sqlite3_column_type(statement, CInt(column)) == SQLITE_NULL
  }

  public func signed(_ column: Int) -> Int64 {
    sqlite3_column_int64(statement, CInt(column))
  }

  public func unsigned(_ column: Int) -> UInt64 {
    UInt64(bitPattern: signed(column))
  }

  /// NULL reads as the empty string.
  public func text(_ column: Int) -> String {
    String(decoding: bytes(column), as: UTF8.self)
  }

  /// NULL reads as no bytes.
  public func bytes(_ column: Int) -> [UInt8] {
    guard let start = sqlite3_column_blob(statement, CInt(column)) else { return [] }
    return Array(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, CInt(column)))))
  }
}
