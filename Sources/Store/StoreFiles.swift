import LinuxSystem

/// A store's files, open beside SQLite for syncing.
///
/// They are opened only once SQLite has the lock, and closed only after SQLite has closed: closing any descriptor of a file
/// ends all of the process's POSIX locks on it (fcntl(2)), SQLite's too.
struct StoreFiles: ~Copyable {
  let database: FileDescriptor
  let log: FileDescriptor

  /// Opens the files and makes them, and their names, durable.
  static func open(path: String) throws(SystemError) -> StoreFiles {
    let database = try Files.openForWriting(path)
    let log = try Files.openForWriting(logPath(path))
    try Files.sync(database.rawValue, path)
    try Files.sync(log.rawValue, logPath(path))
    try Files.syncDirectory(Files.directory(of: path))
    return StoreFiles(database: database, log: log)
  }

  static func logPath(_ path: String) -> String { path + "-wal" }

  /// The names that `setAside` tries before it gives up: damage that comes so often is for a person to see.
  static let setAsideLimit = 1000

  /// Renames a damaged store and its log to `<path>.damaged-<n>`, so that they can be looked into (with the log beside it
  /// under the name SQLite expects). Never replaces an earlier one. Returns the name.
  static func setAside(path: String) throws(SystemError) -> String {
    for number in 1...setAsideLimit {
      let name = "\(path).damaged-\(number)"
      if Files.exists(name) || Files.exists(logPath(name)) { continue }
      // The log goes first: a fresh database must never find another's log, also if power fails in between.
      if Files.exists(logPath(path)) { try Files.rename(logPath(path), to: logPath(name)) }
      try Files.rename(path, to: name)
      try Files.remove(path + "-journal")
      try Files.syncDirectory(Files.directory(of: path))
      return name
    }
    throw SystemError("set aside the damaged store", "\(path) (remove old \(path).damaged-* files)", .fileExists)
  }
}
