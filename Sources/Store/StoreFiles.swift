import LinuxSystem

/// A store's files, beside what SQLite does with them.
enum StoreFiles {
  /// Makes the files and their names durable. Only while SQLite has them closed: see `Files.sync`.
  static func makeDurable(path: String) throws(SystemError) {
    try Files.sync(path)
    try Files.sync(logPath(path))
    try Files.syncDirectory(Files.directory(of: path))
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
