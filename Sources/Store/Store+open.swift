import CSystem
import LinuxSystem

extension Store {
  /// A store that was opened in this process, to be read; `startWriter` goes on to writing.
  public struct Opened {
    /// Where a damaged store was moved; nil if there was none. A fresh one was started: tell the owner.
    public let setAside: String?
    let database: Database

    /// Reads, at once. A query that needs pages which are not in memory waits for the disk.
    public func read<Value>(_ body: (Database) throws(StoreError) -> Value) throws(StoreError) -> Value {
      defer { database.resetStatements() }
      return try body(database)
    }

    /// Closes the database here and opens it in a child process, the writer, that has it from now on. Waits for the disk, and
    /// until the writer is ready.
    ///
    /// The child is a copy of this process, in which only the calling thread goes on. Call it early: what this process has in
    /// memory by then the child has, too, until either changes it.
    public func startWriter(checkpointPages: Int = Store.checkpointPages) throws(StoreError) -> Store {
      let path = try finish()
      let (ours, theirs) = try storeError { () throws(SystemError) in try MessageSocket.pair() }
      let process = system_fork()
      if process == 0 {
        Self.becomeWriter(keeping: theirs)
        StoreWriter.run(path, on: MessageSocket(FileDescriptor(owning: theirs)), checkpointPages: checkpointPages)
        system_exit(0)
      }
      _ = system_close(theirs)
      let socket = MessageSocket(FileDescriptor(owning: ours))
      _ = try storeError { () throws(SystemError) in try check(process, "fork", "the store's writer") }
      return try Store(path, socket, process: process)
    }

    /// Closes the database in this process and makes its files last. Returns their path.
    ///
    /// SQLite's locks are the process's: a connection must not be taken across a fork.
    func finish() throws(StoreError) -> String {
      let path = database.path
      database.close()
      try storeError { () throws(SystemError) in try StoreFiles.makeDurable(path: path) }
      return path
    }

    /// What the agent has open or is told is not the writer's business: a connection that the agent closes must be closed, and
    /// a service manager that ends the agent by a signal to its whole group must not lose what the agent still writes.
    private static func becomeWriter(keeping socket: CInt) {
      _ = system_close_others(socket)
      for signal in [SIGTERM, SIGINT, SIGHUP] { _ = system_ignore_signal(signal) }
      _ = system_set_process_name(StoreWriter.processName)
    }
  }

  /// Opens the store at `path`, making it if there is none, and takes it to `schema`. Waits for the disk.
  ///
  /// Only one process may have it open. Another that has it is waited for as long as `patienceMilliseconds`. A store that is
  /// damaged, as far as SQLite's quick check sees, is moved aside under a name that `Opened` tells, and a fresh one is
  /// started. One of a newer schema is refused and left alone.
  public static func open(
    _ path: String, schema: Schema, patienceMilliseconds: UInt64 = lockPatienceMilliseconds
  ) throws(StoreError) -> Opened {
    do throws(StoreError) {
      return Opened(setAside: nil, database: try openOnce(path, schema, patienceMilliseconds))
    } catch {
      guard error.kind == .damaged else { throw error }
      let name = try storeError { () throws(SystemError) in try StoreFiles.setAside(path: path) }
      return Opened(setAside: name, database: try openOnce(path, schema, patienceMilliseconds))
    }
  }

  private static func openOnce(
    _ path: String, _ schema: Schema, _ patienceMilliseconds: UInt64
  ) throws(StoreError) -> Database {
    let database = try Database.open(path, patienceMilliseconds: patienceMilliseconds)
    do throws(StoreError) {
      // What the agent remembers is nobody else's business. SQLite gives the log the same mode.
      try storeError { () throws(SystemError) in try Files.setMode(path, 0o600) }
      try database.inspect()
      try schema.migrate(database)
      // What an earlier run left in the log is copied, and what it had not synced yet is made durable.
      try database.emptyLog()
      return database
    } catch {
      database.close()
      throw error
    }
  }
}

/// The system's errors as the store's.
func storeError<Value>(_ body: () throws(SystemError) -> Value) throws(StoreError) -> Value {
  do throws(SystemError) {
    return try body()
  } catch {
    throw StoreError(error)
  }
}
