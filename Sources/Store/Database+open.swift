import Basics
import LinuxSystem

/// How the store's database is opened, at the start as by the writer: locked for one process, and in WAL mode.
extension Database {
  /// How often another process's lock is looked at.
  private static let lockPauseMilliseconds: UInt64 = 20

  /// Opens or makes the database. Waits for another process to let go of it, but no longer than so.
  static func open(_ path: String, patienceMilliseconds: UInt64) throws(StoreError) -> Database {
    let end = Clock.now().advanced(milliseconds: patienceMilliseconds)
    while true {
      let database = try Database(path: path)
      do throws(StoreError) {
        try database.configure()
        return database
      } catch {
        database.close()
        if error.kind != .inUse || Clock.now() >= end { throw error.asDamage }
      }
      Clock.sleep(milliseconds: lockPauseMilliseconds)
    }
  }

  /// Exclusive locking comes before the log's mode, so that SQLite keeps its index of the log in memory, not in a shared
  /// file.
  private func configure() throws(StoreError) {
    try execute(
      """
      PRAGMA locking_mode = EXCLUSIVE;
      PRAGMA synchronous = FULL;
      PRAGMA temp_store = MEMORY;
      PRAGMA cache_size = -\(Store.cacheKibibytes);
      PRAGMA foreign_keys = ON;
      PRAGMA wal_autocheckpoint = 0;
      """)
    // The first read takes the lock, and looks at the header.
    _ = try number("SELECT count(*) FROM sqlite_schema")
    if isReadOnly { throw StoreError(.damaged, "open store \(path): its header names an unknown format") }
    let mode = try text("PRAGMA journal_mode = WAL")
    guard mode == "wal" else {
      throw StoreError(.system, "open store \(path): its journal mode is \(mode), not wal")
    }
    countLogPages()
  }

  /// Looks for damage.
  func inspect() throws(StoreError) {
    do throws(StoreError) {
      let finding = try text("PRAGMA quick_check(1)")
      if finding != "ok" { throw StoreError(.damaged, "open store \(path): \(finding)") }
    } catch {
      throw error.asDamage
    }
  }
}

extension StoreError {
  /// Our own fixed statements are never refused by a sound file: a refusal is damage that SQLite took for something else,
  /// such as a file format of the future.
  fileprivate var asDamage: StoreError {
    kind == .refused ? StoreError(.damaged, description) : self
  }
}
