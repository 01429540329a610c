import CSQLite
import LinuxSystem

/// An SQLite database that is open. Thin: SQL in, rows out, errors as `StoreError`.
///
/// It is given to the closures that read at the start, and to nobody else but the writer.
public final class Database {
  /// The file's path, for messages.
  public let path: String
  /// What is being done with the store, for messages.
  var action = "open store"
  private var connection: OpaquePointer?
  /// Statements that are run again and again, oldest first.
  private var kept: [(sql: String, statement: Statement)] = []
  private static let keptLimit = 24
  /// The log's length in pages after the last commit; 0 once it was copied.
  private(set) var logPages = 0

  /// Opens or makes the file, for this process alone.
  init(path: String) throws(StoreError) {
    self.path = path
    let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
    let code = sqlite3_open_v2(path, &connection, flags, nil)
    // Also a connection that could not be opened is given back; the end of this object closes it.
    if code != SQLITE_OK { throw failure(code, action) }
    try check(sqlite_keep_log_on_close(connection), action)
  }

  deinit { close() }

  /// Closes the file; the write-ahead log stays for the next to read. Statements must have ended.
  func close() {
    kept = []
    sqlite3_close_v2(connection)
    connection = nil
  }

  /// Runs SQL that gives no rows: one statement or several.
  public func execute(_ sql: String) throws(StoreError) {
    guard let connection else { throw closed }
    try check(sqlite3_exec(connection, sql, nil, nil, nil), action)
  }

  /// Makes a statement ready to be run, as often as wanted. `?1`, `?2`… stand for values.
  public func prepare(_ sql: String) throws(StoreError) -> Statement {
    guard let connection else { throw closed }
    var made: OpaquePointer?
    try check(sqlite3_prepare_v2(connection, sql, -1, &made, nil), action)
    guard let made else { throw StoreError(.refused, "\(action) \(path): an empty statement") }
    return Statement(made, of: self)
  }

  /// The same, made once and kept under its SQL: for the few statements that are run again and again.
  func kept(_ sql: String) throws(StoreError) -> Statement {
    if let found = kept.first(where: { $0.sql == sql }) { return found.statement }
    let made = try prepare(sql)
    if kept.count == Self.keptLimit { kept.removeFirst() }
    kept.append((sql, made))
    return made
  }

  /// Gives back what makes the next work quicker.
  func releaseMemory() {
    kept = []
    sqlite3_db_release_memory(connection)
  }

  /// The single number that a query gives.
  func number(_ sql: String) throws(StoreError) -> Int64 {
    let statement = try prepare(sql)
    return try statement.step() ? statement.signed(0) : 0
  }

  /// The single text that a query gives.
  func text(_ sql: String) throws(StoreError) -> String {
    let statement = try prepare(sql)
    return try statement.step() ? statement.text(0) : ""
  }

  /// Ends every statement that is in the middle of its rows: one left so would hold a read open for ever.
  func resetStatements() {
    var statement = sqlite3_next_stmt(connection, nil)
    while let current = statement {
      if sqlite3_stmt_busy(current) != 0 { sqlite3_reset(current) }
      statement = sqlite3_next_stmt(connection, current)
    }
  }

  var isInTransaction: Bool {
    connection.map { sqlite3_get_autocommit($0) == 0 } ?? false
  }

  /// SQLite opens a file of a format later than it knows for reading only.
  var isReadOnly: Bool {
    sqlite3_db_readonly(connection, "main") == 1
  }

  /// Copies the log into the database file, with the syncs that this takes; the next commit writes it anew. False where some
  /// of it could not be copied yet.
  func copyLog() throws(StoreError) -> Bool {
    var found: CInt = 0
    var copied: CInt = 0
    let code = sqlite3_wal_checkpoint_v2(connection, "main", SQLITE_CHECKPOINT_PASSIVE, &found, &copied)
    try check(code, "copy the log of store")
    if found != copied { return false }
    logPages = 0
    return true
  }

  /// The same, and cuts the log to nothing.
  func emptyLog() throws(StoreError) {
    try check(
      sqlite3_wal_checkpoint_v2(connection, "main", SQLITE_CHECKPOINT_TRUNCATE, nil, nil), "empty the log of store")
  }

  /// Has `logPages` told at each commit, as long as this object lives.
  func countLogPages() {
    sqlite3_wal_hook(connection, logGrew, Unmanaged.passUnretained(self).toOpaque())
  }

  fileprivate func logHas(_ pages: CInt) {
    logPages = Int(pages)
  }

  func check(_ code: CInt, _ action: String) throws(StoreError) {
    if code != SQLITE_OK { throw failure(code, action) }
  }

  func failure(_ code: CInt, _ action: String) -> StoreError {
    var message = connection.map { String(cString: sqlite3_errmsg($0)) } ?? String(cString: sqlite3_errstr(code))
    // SQLite's own words for it do not say what the system had against it.
    if code & 0xFF == SQLITE_CANTOPEN, let reason = connection.map({ sqlite3_system_errno($0) }), reason != 0 {
      message += ": \(Errno(rawValue: reason))"
    }
    return StoreError(code: code, action, path, message)
  }

  private var closed: StoreError {
    StoreError(.stopped, "use store \(path): it is closed")
  }
}

private func logGrew(
  _ database: UnsafeMutableRawPointer?, _ connection: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ count: CInt
) -> CInt {
  if let database { Unmanaged<Database>.fromOpaque(database).takeUnretainedValue().logHas(count) }
  return SQLITE_OK
}
