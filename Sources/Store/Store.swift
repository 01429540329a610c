import CSystem
import LinuxSystem

/// The agent's memory: an SQLite database that is safe against power cuts and never makes the loop wait for the disk.
///
/// At run time the database lives in a child process, the writer (`StoreWriter`), for there is no way to write a file that
/// never waits: even into the page cache a write may have to wait, while the file system's journal is being written for
/// somebody else. The agent reads once, when it starts (`open`); from then on its own memory is what is true, and it
/// only sends transactions.
///
/// Whoever runs the loop watches `descriptor`, always for reading and, as `onWritableInterest` says, for writing, and calls
/// `handleCompletion()` when it is ready. Completions are called only in there and in `close`. What the socket does not
/// take at once waits here: as much as the callers give without waiting for their completions, so theirs is the limit.
public final class Store {
  /// The log's length at which it is copied into the database: 256 KiB in pages of 4 KiB.
  public static let checkpointPages = 64

  /// What SQLite may keep of the database in memory.
  public static let cacheKibibytes = 128

  /// How long a store that somebody else has open is waited for: the writer of an agent that was killed finishes what
  /// it was sent, on a disk that may take a second for each sync.
  public static let lockPatienceMilliseconds: UInt64 = 10_000

  /// The number of the write that has waited for the writer's answer the longest; nil: it owes none.
  public var oldestUnanswered: UInt64? { waiting.first?.number }

  private struct Waiting {
    let number: UInt64
    let completion: (StoreError?) -> Void
  }

  private struct Finished {
    let completion: (StoreError?) -> Void
    let failure: StoreError?
  }

  /// The writer's process.
  public let process: Int32
  private let path: String
  private let socket: MessageSocket
  private var isClosed = false
  private var lastNumber: UInt64 = 0
  /// Messages that are still to be sent.
  private var outbox: [[UInt8]] = []
  /// What was not answered yet, in the order of numbers.
  private var waiting: [Waiting] = []
  private var finished: [Finished] = []

  /// Why the store stopped, if it did: a sync failed or the writer is gone, so what is on the disk is unknown. All writes are
  /// refused from then on; the process ends, and opens the store anew.
  public private(set) var failure: StoreError?

  /// Called when it changes whether `descriptor` is to be watched for writing, too; at first it is not.
  public var onWritableInterest: ((Bool) -> Void)?
  private(set) var wantsWritable = false

  /// Joins a writer, and waits until it has opened the database.
  init(_ path: String, _ socket: consuming MessageSocket, process: Int32) throws(StoreError) {
    self.path = path
    self.socket = socket
    self.process = process
    let reply = receive(wait: true)
    if let failure = reply?.failure { throw failure }
    if reply == nil { throw StoreError(.stopped, "open store \(path): its writer ended") }
  }

  deinit { end() }

  /// To be watched. Belongs to the store.
  public var descriptor: CInt { socket.descriptor.rawValue }

  /// Has the transaction performed, after those that were written before it. `completion` is called once: with nil when it
  /// is on the disk, or with the error, and then nothing of it is left. It is never called before `write` returns.
  ///
  /// A write that is not urgent causes no sync. It is complete when it is written, and then outlives the agent, but a
  /// power cut only from the next sync on.
  public func write(_ transaction: Transaction, isUrgent: Bool = true, completion: @escaping (StoreError?) -> Void) {
    if let problem = failure ?? transaction.problem {
      finished.append(Finished(completion: completion, failure: problem))
    } else {
      lastNumber += 1
      waiting.append(Waiting(number: lastNumber, completion: completion))
      outbox.append(transaction.message(number: lastNumber, isUrgent: isUrgent))
      send()
    }
    tellInterest()
  }

  /// Takes in what the writer has answered, sends what has waited for room, and calls the completions that are due.
  public func handleCompletion() {
    while failure == nil, let reply = receive(wait: false) { take(reply) }
    send()
    let calls = finished
    finished = []
    for call in calls { call.completion(call.failure) }
    tellInterest()
  }

  /// Has everything written, calls all completions, and ends the writer. Waits for the disk: for the end of the program.
  public func close() {
    while !finished.isEmpty || failure == nil && !waiting.isEmpty {
      if finished.isEmpty { socket.wait(orRoom: !outbox.isEmpty) }
      handleCompletion()
    }
    if failure == nil { failure = StoreError(.stopped, "use store \(path): it is closed") }
    end()
  }

  /// The writer ends when it has done what it was sent.
  private func end() {
    if isClosed { return }
    isClosed = true
    socket.endSending()
    if process > 0 { _ = system_wait_for_end(process) }
  }

  // MARK: - The writer

  private func send() {
    guard failure == nil else { return }
    var count = 0
    while count < outbox.count, isSent(outbox[count]) { count += 1 }
    outbox.removeFirst(count)
  }

  /// False: there is no room, or nobody any more, which the next receive tells.
  private func isSent(_ message: [UInt8]) -> Bool {
    (try? socket.send(message)) != nil
  }

  /// The next reply; nil: there is none yet, or the writer is gone, which makes it a failure.
  private func receive(wait: Bool) -> WriterReply? {
    do throws(SystemError) {
      guard let message = try socket.receive(limitBytes: WriterReply.maximumBytes, wait: wait) else { return nil }
      if let reply = WriterReply(message.bytes) { return reply }
      stop("its writer is gone")
    } catch {
      stop("\(error)")
    }
    return nil
  }

  private func take(_ reply: WriterReply) {
    if let failure = reply.failure, failure.kind == .stopped { return stop(failure.description) }
    guard let index = waiting.firstIndex(where: { $0.number == reply.number }) else { return }
    finished.append(Finished(completion: waiting.remove(at: index).completion, failure: reply.failure))
  }

  private func stop(_ reason: String) {
    let error = StoreError(
      .stopped, "store \(path) has stopped (\(reason)): what is on the disk is unknown; start the agent again")
    failure = error
    for entry in waiting { finished.append(Finished(completion: entry.completion, failure: error)) }
    waiting = []
    outbox = []
  }

  /// What has finished without the writer is told when the loop comes by, which is at once if there is room.
  private func tellInterest() {
    let wants = !outbox.isEmpty || !finished.isEmpty
    if wants == wantsWritable { return }
    wantsWritable = wants
    onWritableInterest?(wants)
  }
}
