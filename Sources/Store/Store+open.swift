import CSQLite
import LinuxSystem

extension Store {
  /// A store that was opened, and what happened to the one before.
  public struct Opened {
    public let store: Store
    /// Where a damaged store was moved; nil if there was none. A fresh one was started: tell the owner.
    public let setAside: String?
  }

  /// Opens the store at `path`, making it if there is none, and takes it to `schema`. Waits for the disk.
  ///
  /// Only one process may have it open. A store that is damaged, as far as SQLite's quick check sees, is moved aside under
  /// a name that `Opened` tells, and a fresh one is started. One of a newer schema is refused and left alone.
  public static func open(
    _ path: String, schema: Schema, checkpointPages: Int = Store.checkpointPages
  ) throws(StoreError) -> Opened {
    do throws(StoreError) {
      return Opened(store: try openOnce(path, schema, checkpointPages), setAside: nil)
    } catch {
      guard error.kind == .damaged else { throw error }
      let name = try setAside(path)
      return Opened(store: try openOnce(path, schema, checkpointPages), setAside: name)
    }
  }

  private static func setAside(_ path: String) throws(StoreError) -> String {
    do throws(SystemError) {
      return try StoreFiles.setAside(path: path)
    } catch {
      throw StoreError(error)
    }
  }

  private static func openOnce(
    _ path: String, _ schema: Schema, _ checkpointPages: Int
  ) throws(StoreError) -> Store {
    let database = try Database(path: path)
    do throws(StoreError) {
      try protect(path)
      try readable(database)
      try schema.migrate(database)
      try empty(database)
      let files = try openFiles(path)
      // From here on the sequencer syncs, and SQLite never does.
      try database.execute("PRAGMA synchronous = OFF")
      database.action = "use store"
      return try Store(database, files, checkpointPages: checkpointPages)
    } catch {
      database.close()
      throw error
    }
  }

  /// What the agent remembers is nobody else's business. SQLite gives the log the same mode.
  private static func protect(_ path: String) throws(StoreError) {
    do throws(SystemError) {
      try Files.setMode(path, 0o600)
    } catch {
      throw StoreError(error)
    }
  }

  private static func openFiles(_ path: String) throws(StoreError) -> StoreFiles {
    do throws(SystemError) {
      return try StoreFiles.open(path: path)
    } catch {
      throw StoreError(error)
    }
  }

  /// Our own fixed statements are never refused by a sound file: a refusal is damage that SQLite took for something else,
  /// such as a file format of the future.
  private static func readable(_ database: Database) throws(StoreError) {
    do throws(StoreError) {
      try configure(database)
      try inspect(database)
    } catch {
      throw error.kind == .refused ? StoreError(.damaged, error.description) : error
    }
  }

  /// Exclusive locking comes before the log's mode, so that SQLite keeps its index of the log in memory, not in a shared
  /// file. `synchronous` is FULL until the store is open.
  private static func configure(_ database: Database) throws(StoreError) {
    try database.execute(
      """
      PRAGMA locking_mode = EXCLUSIVE;
      PRAGMA synchronous = FULL;
      PRAGMA temp_store = MEMORY;
      PRAGMA cache_size = -\(cacheKibibytes);
      PRAGMA foreign_keys = ON;
      PRAGMA wal_autocheckpoint = 0;
      """)
    // The first read takes the lock, and looks at the header.
    _ = try database.number("SELECT count(*) FROM sqlite_schema")
    if database.isReadOnly {
      throw StoreError(.damaged, "open store \(database.path): its header names an unknown format")
    }
    let mode = try database.text("PRAGMA journal_mode = WAL")
    guard mode == "wal" else {
      throw StoreError(.system, "open store \(database.path): its journal mode is \(mode), not wal")
    }
  }

  /// Looks for damage.
  private static func inspect(_ database: Database) throws(StoreError) {
    let finding = try database.text("PRAGMA quick_check(1)")
    if finding != "ok" { throw StoreError(.damaged, "open store \(database.path): \(finding)") }
  }

  /// Copies what an earlier run left in the log, with all the syncs this takes, and empties it. What that run had not
  /// synced yet is made durable here.
  private static func empty(_ database: Database) throws(StoreError) {
    _ = try database.checkpoint(SQLITE_CHECKPOINT_TRUNCATE)
  }
}
