import CSQLite
import CSystem
import LinuxSystem

/// The process that has the store's database open at run time: it performs the transactions that the agent sends, and answers
/// when they are on the disk. It may wait for the disk as long as that takes.
///
/// What has come meanwhile is committed together, so that it shares a sync. It ends when the agent is gone or sends no
/// more, and it has done what it was sent: signals that are meant for the agent do not end it.
///
/// Durability is SQLite's own: `synchronous` FULL syncs the log at each commit, and a copied log is written over from its
/// start under a new number, so that it need not be cut. Copying waits until the answers are sent.
public final class StoreWriter {
  /// What a commit takes together.
  static let batchLimit = 64

  /// What it is called in process lists (at most 15 bytes are seen).
  static let processName = "store-writer"

  private let socket: MessageSocket
  private let database: Database
  private let checkpointPages: Int
  private var nextCheckpointPages: Int
  private var syncsCommits = true
  private var hasStopped = false

  private init(_ socket: consuming MessageSocket, _ database: Database, checkpointPages: Int) {
    self.socket = socket
    self.database = database
    self.checkpointPages = checkpointPages
    nextCheckpointPages = checkpointPages
  }

  /// The writer's whole life, in a process that has nothing else to do. The agent hears whether the database could be opened.
  public static func run(_ path: String, on socket: consuming MessageSocket, checkpointPages: Int) {
    do throws(StoreError) {
      let database = try Database.open(path, patienceMilliseconds: Store.lockPatienceMilliseconds)
      database.action = "use store"
      let writer = StoreWriter(socket, database, checkpointPages: checkpointPages)
      writer.reply(0, nil)
      ProgramMemory.release()
      writer.serve()
      database.close()
    } catch {
      let reply = WriterReply(0, error).bytes
      try? socket.send(reply)
    }
  }

  private func serve() {
    while !hasStopped, let batch = receive() {
      perform(batch[...])
      copyLog()
    }
  }

  // MARK: Messages

  /// What has come, after waiting for something to come; nil: nothing will come any more.
  private func receive() -> [TransactionReader]? {
    waitForMessage()
    var batch: [TransactionReader] = []
    var byteCount = 0
    while batch.count < Self.batchLimit, byteCount < Transaction.maximumBytes, let count = socket.nextMessageBytes() {
      if count == 0 { return batch.isEmpty ? nil : batch }
      // An agent that dies is an error once; what it has sent is still there.
      guard let message = try? socket.receive(limitBytes: count, wait: false) else { return batch }
      guard let transaction = TransactionReader(message.bytes) else {
        stop(StoreError(.refused, "its writer was sent what makes no sense"))
        return nil
      }
      batch.append(transaction)
      byteCount += count
    }
    return batch
  }

  /// Without work for a while, it gives back the memory that the last needed, and sleeps.
  private func waitForMessage() {
    let descriptor = socket.descriptor.rawValue
    var readable: CInt = 0
    if system_wait_readable([descriptor], &readable, 1, CInt(ProgramMemory.quietMilliseconds)) != 0 { return }
    database.releaseMemory()
    _ = system_wait_quietly([descriptor], &readable, 1, 0)
  }

  private func reply(_ number: UInt64, _ failure: StoreError?) {
    let bytes = WriterReply(number, failure).bytes
    // Where nobody is left to hear it, the next receive finds the end.
    _ = system_send_message(socket.descriptor.rawValue, bytes, bytes.count, nil, 0, 1)
  }

  // MARK: Transactions

  /// Performs all in one commit and answers. Where that fails, each is tried by itself: on a full disk there may still be
  /// room for a small one.
  private func perform(_ batch: ArraySlice<TransactionReader>) {
    if batch.isEmpty || hasStopped { return }
    do throws(StoreError) {
      let failures = try commit(batch)
      for (transaction, failure) in zip(batch, failures) { reply(transaction.number, failure) }
    } catch {
      rollBack()
      if error.leavesDiskUnknown { return stop(error) }
      if batch.count == 1 { return reply(batch[batch.startIndex].number, error) }
      for index in batch.indices { perform(batch[index...index]) }
    }
  }

  /// Returns what was wrong with each that was refused; the others are written.
  private func commit(_ batch: ArraySlice<TransactionReader>) throws(StoreError) -> [StoreError?] {
    try syncCommits(batch.contains { $0.isUrgent })
    try database.execute("BEGIN IMMEDIATE")
    var failures: [StoreError?] = []
    for transaction in batch { failures.append(try failure(of: transaction)) }
    try database.execute("COMMIT")
    return failures
  }

  /// Performs one within the commit. One that is refused leaves nothing of itself.
  private func failure(of transaction: TransactionReader) throws(StoreError) -> StoreError? {
    try database.execute("SAVEPOINT one")
    var refusal: StoreError?
    do throws(StoreError) {
      try run(transaction)
    } catch {
      // SQLite rolls all back by itself after some errors.
      guard database.isInTransaction, !error.leavesDiskUnknown else { throw error }
      refusal = error
      try database.execute("ROLLBACK TO one")
    }
    try database.execute("RELEASE one")
    return refusal
  }

  private func run(_ transaction: TransactionReader) throws(StoreError) {
    var reader = transaction
    while let step = try reader.next() {
      let statement = try database.kept(step.sql)
      statement.reset()
      for (index, value) in step.values.enumerated() { try statement.bind(index + 1, value) }
      try statement.run()
    }
  }

  private func syncCommits(_ syncs: Bool) throws(StoreError) {
    if syncs == syncsCommits { return }
    try database.execute(syncs ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL")
    syncsCommits = syncs
  }

  private func rollBack() {
    database.resetStatements()
    guard database.isInTransaction else { return }
    do throws(StoreError) { try database.execute("ROLLBACK") } catch { stop(error) }
  }

  // MARK: The log

  /// Copies a long log into the database. One that could not be copied (a full disk) still holds everything, and is tried
  /// again when it has grown as much again.
  private func copyLog() {
    if hasStopped || database.logPages < nextCheckpointPages { return }
    do throws(StoreError) {
      let isCopied = try database.copyLog()
      nextCheckpointPages = (isCopied ? 0 : database.logPages) + checkpointPages
    } catch {
      if error.leavesDiskUnknown { return stop(error) }
      nextCheckpointPages = database.logPages + checkpointPages
    }
  }

  /// Tells the agent, which fails what it waits for and starts again, and ends.
  private func stop(_ error: StoreError) {
    reply(0, StoreError(.stopped, error.description))
    hasStopped = true
  }
}
