/// The tables of a store, as the steps that led to them: migration n takes a store of version n to version n + 1.
///
/// Migrations are only ever added at the end. A store's version is kept in its `user_version`.
public struct Schema: Sendable {
  public let migrations: [String]

  public init(migrations: [String]) {
    self.migrations = migrations
  }

  public var version: Int { migrations.count }

  /// Takes a database to this version, each migration in a transaction of its own. A database of a later version is
  /// refused and not touched.
  func migrate(_ database: Database) throws(StoreError) {
    let found = try Int(clamping: database.number("PRAGMA user_version"))
    guard found <= version else {
      throw StoreError(
        .newerSchema,
        "open store \(database.path): it has schema version \(found), this agent knows up to \(version); "
          + "install the agent that wrote it, or move the file away to start afresh")
    }
    guard found >= 0 else {
      throw StoreError(.damaged, "open store \(database.path): its schema version is \(found)")
    }
    for step in found..<version {
      try database.execute("BEGIN IMMEDIATE; \(migrations[step]); PRAGMA user_version = \(step + 1); COMMIT")
    }
  }
}
