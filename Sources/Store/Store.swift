import CSQLite
import LinuxSystem

/// The agent's memory: an SQLite database that is safe against power cuts and never makes the loop wait for the disk.
///
/// `write` commits into the page cache; its completion is called once the kernel has synced it (see
/// `DurabilitySequencer`). Whoever runs the loop watches `completionDescriptor` and calls `handleCompletion()` when it is
/// readable; completions are called only in there. While a sync is under way writes wait in a queue, so a write's body may
/// run later: it captures values. The agent's own memory is what is true at run time; reading is for the start.
///
/// One wait is left: while ext4 commits for somebody else (unmounting an overlay syncs the whole disk), writing to the
/// page cache may wait for the block that dates the log's file. Tests/system/test_slow_disk.py bounds how often.
public final class Store {
  /// The log's length at which it is copied into the database: 256 KiB in pages of 4 KiB.
  public static let checkpointPages = 64

  /// What SQLite may keep of the database in memory.
  public static let cacheKibibytes = 128

  private struct Write {
    let body: (Database) throws(StoreError) -> Void
    let isUrgent: Bool
    let completion: (StoreError?) -> Void
  }

  private struct Waiting {
    let number: UInt64
    let completion: (StoreError?) -> Void
  }

  private struct Finished {
    let completion: (StoreError?) -> Void
    let failure: StoreError?
  }

  private let database: Database
  private let files: StoreFiles
  private let synchroniser: AsynchronousSync
  private let reportedLogPages: UnsafeMutablePointer<Int>
  private var sequencer: DurabilitySequencer
  private var queue: [Write] = []
  private var waiting: [Waiting] = []
  private var finished: [Finished] = []
  private var isAdvancing = false
  /// Something urgent was committed since the last sync began.
  private var wantsSync = false
  /// `handleCompletion` is about to call what has finished.
  private var isHandlingCompletion = false
  private var syncsStarted: UInt64 = 0

  /// Why the store stopped, if it did: a sync failed, so what is on the disk is unknown. All writes are refused from then
  /// on; the process ends, and opens the store anew.
  public private(set) var failure: StoreError?

  /// For tests: called when a step begins.
  var onStep: ((DurabilitySequencer.Step) -> Void)?

  /// Joins a database that `open` has prepared.
  init(_ database: Database, _ files: consuming StoreFiles, checkpointPages: Int) throws(StoreError) {
    do throws(SystemError) {
      synchroniser = try AsynchronousSync()
    } catch {
      throw StoreError(.system, "open store \(database.path): \(error)")
    }
    self.database = database
    self.files = files
    sequencer = DurabilitySequencer(checkpointPages: checkpointPages)
    reportedLogPages = .allocate(capacity: 1)
    reportedLogPages.initialize(to: 0)
    database.reportLogPages(to: reportedLogPages)
  }

  deinit {
    database.close()
    reportedLogPages.deallocate()
  }

  /// Readable when `handleCompletion()` has something to do. Belongs to the store.
  public var completionDescriptor: CInt { synchroniser.completionDescriptor }

  /// Reads, at once. A query that needs pages which are not in memory waits for the disk: for the start of the program,
  /// before the loop runs. Not for use within a write's body, which has the database already.
  public func read<Value>(_ body: (Database) throws(StoreError) -> Value) throws(StoreError) -> Value {
    defer { database.resetStatements() }
    return try body(database)
  }

  /// Runs `body` in a transaction of its own, now or when the sync that is under way has ended, in the order of calls.
  /// `completion` is called once: with nil when the transaction is durable, or with the error, and then nothing of
  /// the transaction is left. It is never called before `write` returns.
  ///
  /// A write that is not urgent causes no sync: it outlives the process at once, but a power cut only from the next sync
  /// on, and is completed then.
  public func write(
    isUrgent: Bool = true, _ body: @escaping (Database) throws(StoreError) -> Void,
    completion: @escaping (StoreError?) -> Void
  ) {
    if let failure { return finish(completion, failure) }
    queue.append(Write(body: body, isUrgent: isUrgent, completion: completion))
    advance()
  }

  /// Does what can be done now that a sync has ended, and calls the completions of what is durable or failed.
  public func handleCompletion() {
    isHandlingCompletion = true
    synchroniser.acknowledgeWake()
    while let (_, reason) = synchroniser.nextCompletion() { syncEnded(reason) }
    advance()
    isHandlingCompletion = false
    let calls = finished
    finished = []
    for call in calls { call.completion(call.failure) }
  }

  /// Performs and syncs all that was written, calls its completions, and closes. Waits for the disk: for the end of the
  /// program. Does the same as a crash if the store has failed.
  public func close() {
    wantsSync = true
    advance()
    while failure == nil && !(sequencer.step == .ready && queue.isEmpty) || !finished.isEmpty {
      synchroniser.waitForWake()
      handleCompletion()
    }
    if failure == nil { failure = StoreError(.stopped, "use store \(database.path): it is closed") }
    database.close()
  }

  // MARK: - Steps

  /// Takes steps until one has to wait for the disk or for something to write.
  private func advance() {
    // A body that writes comes here again; the loop below finds what it queued.
    guard !isAdvancing else { return }
    isAdvancing = true
    defer { isAdvancing = false }
    while !isSyncing && failure == nil {
      if sequencer.step == .ready {
        runQueue()
        if wantsSync { sequencer.flush() }
        wantsSync = false
        if sequencer.step == .ready { return }
      }
      take(sequencer.step)
    }
  }

  private var isSyncing = false

  private func take(_ step: DurabilitySequencer.Step) {
    onStep?(step)
    switch step {
    case .ready, .failed: break
    case .syncLog: sync(files.log.rawValue, .data)
    case .copyLog: copyLog()
    case .syncDatabase: sync(files.database.rawValue, .data)
    case .emptyLog: emptyLog()
    case .syncEmptiedLog: sync(files.log.rawValue, .everything)
    }
  }

  private func sync(_ descriptor: CInt, _ extent: AsynchronousSync.Extent) {
    syncsStarted += 1
    do throws(SystemError) {
      try synchroniser.start(descriptor, extent, tag: syncsStarted)
      isSyncing = true
    } catch {
      stop("\(error)")
    }
  }

  /// The sync that was under way has ended. Internal for tests, which cannot make a disk fail.
  func syncEnded(_ reason: Errno?) {
    guard isSyncing else { return }
    isSyncing = false
    if let reason { return stop("sync: \(reason)") }
    sequencer.completed()
    let durable = sequencer.durable
    for entry in waiting where entry.number <= durable { finish(entry.completion, nil) }
    waiting.removeAll { $0.number <= durable }
  }

  private func copyLog() {
    let counts = try? database.checkpoint(SQLITE_CHECKPOINT_PASSIVE)
    if let counts, counts.logPages == counts.copiedPages {
      sequencer.completed()
    } else {
      sequencer.copyFailed()
    }
  }

  private func emptyLog() {
    do throws(StoreError) {
      _ = try database.checkpoint(SQLITE_CHECKPOINT_TRUNCATE)
      reportedLogPages.pointee = 0
      sequencer.completed()
    } catch {
      stop("\(error)")
    }
  }

  // MARK: - Transactions

  private func runQueue() {
    while !queue.isEmpty && failure == nil {
      let batch = queue
      queue = []
      for write in batch { run(write) }
    }
  }

  private func run(_ write: Write) {
    if let failure { return finish(write.completion, failure) }
    do throws(StoreError) {
      try database.kept("BEGIN IMMEDIATE").run()
      try write.body(database)
      database.resetStatements()
      try database.kept("COMMIT").run()
      let number = sequencer.commit(logPages: reportedLogPages.pointee)
      if write.isUrgent { wantsSync = true }
      waiting.append(Waiting(number: number, completion: write.completion))
    } catch {
      rollBack()
      finish(write.completion, error)
    }
  }

  /// SQLite has rolled back by itself after some errors.
  private func rollBack() {
    database.resetStatements()
    guard database.isInTransaction else { return }
    do throws(StoreError) {
      try database.execute("ROLLBACK")
    } catch {
      stop("\(error)")
    }
  }

  private func finish(_ completion: @escaping (StoreError?) -> Void, _ failure: StoreError?) {
    finished.append(Finished(completion: completion, failure: failure))
    if !isHandlingCompletion { synchroniser.wake() }
  }

  private func stop(_ reason: String) {
    let error = StoreError(
      .stopped, "store \(database.path) has stopped (\(reason)): what is on the disk is unknown; start the agent again")
    failure = error
    sequencer.fail()
    let completions = waiting.map { $0.completion } + queue.map { $0.completion }
    waiting = []
    queue = []
    for completion in completions { finish(completion, error) }
  }
}
