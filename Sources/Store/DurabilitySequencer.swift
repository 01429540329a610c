/// Decides when what was committed is durable, without any input or output: the order of syncs and checkpoints.
///
/// SQLite never syncs at run time. A commit lands in the write-ahead log, in the page cache; a later sync of the log,
/// which the kernel performs meanwhile, makes it durable, and only then is it acknowledged. Commits that wait share a sync.
/// A step is the one thing to do now; `completed()` when it is done leads to the next.
///
///     ready -> syncLog -> ready                                       while the log is short
///     ready -> syncLog -> copyLog -> syncDatabase -> emptyLog -> syncEmptiedLog -> ready
///
/// Nothing is written in any step but `ready`. For one, many file systems hold the file's lock during a sync (FUSE, ext2,
/// vfat, ext4 without a journal), so a write would wait for the disk; for another, each step below relies on it.
///
/// Why power may fail at any point:
/// - in `ready` and `syncLog`: the log holds whole frames up to some point, each checksummed with those before it; SQLite
///   takes those up to the last whole commit. What was acknowledged was synced, so it is among them.
/// - in `copyLog` and `syncDatabase`: the database file may hold any part of the pages being copied, but the log that
///   holds all of them was synced just before, with nothing written since, and is read again at the next start.
/// - in `emptyLog` and `syncEmptiedLog`: the database file holds everything, synced. The log is whole or empty on the disk,
///   for a journalling file system cuts a file to nothing at once or not at all; reading it again changes nothing.
/// - after it: new frames are written from the log's start. Had the cut not been synced, new frames could lie among old
///   ones that are valid with the old header, and SQLite would take an old beginning of the log for the newest state.
public struct DurabilitySequencer: Equatable {
  public enum Step: Equatable, Sendable {
    /// Writing is allowed, and nothing is under way.
    case ready
    /// Sync the log's data.
    case syncLog
    /// Copy the log into the database file: a checkpoint, mode PASSIVE.
    case copyLog
    /// Sync the database file's data.
    case syncDatabase
    /// Cut the log to nothing: a checkpoint, mode TRUNCATE.
    case emptyLog
    /// Sync the log, its size included.
    case syncEmptiedLog
    /// A sync or the cut failed: what is on the disk is unknown. The end.
    case failed
  }

  public private(set) var step = Step.ready
  /// How many transactions were committed.
  public private(set) var committed: UInt64 = 0
  /// How many of them, from the first, are durable.
  public private(set) var durable: UInt64 = 0
  /// The log's length, in pages.
  public private(set) var logPages = 0
  private let checkpointPages: Int
  private var nextCheckpointPages: Int

  /// Checkpoints once the log has `checkpointPages` pages.
  public init(checkpointPages: Int) {
    self.checkpointPages = checkpointPages
    nextCheckpointPages = checkpointPages
  }

  /// A transaction was committed, in `ready`; the log is this long now. Returns its number, from 1: it is durable once
  /// `durable` is as large.
  public mutating func commit(logPages: Int) -> UInt64 {
    precondition(step == .ready, "committed while \(step)")
    committed += 1
    self.logPages = logPages
    return committed
  }

  /// No more transactions for now: what was committed is to be synced.
  public mutating func flush() {
    if step == .ready && committed > durable { step = .syncLog }
  }

  /// The step succeeded.
  public mutating func completed() {
    switch step {
    case .ready, .failed: break
    case .syncLog:
      durable = committed
      step = logPages >= nextCheckpointPages ? .copyLog : .ready
    case .copyLog: step = .syncDatabase
    case .syncDatabase: step = .emptyLog
    case .emptyLog: step = .syncEmptiedLog
    case .syncEmptiedLog:
      logPages = 0
      nextCheckpointPages = checkpointPages
      step = .ready
    }
  }

  /// The log could not be copied, or not all of it (a full disk): it still holds everything, so work goes on, and the
  /// copy is tried again when the log has grown as much again.
  public mutating func copyFailed() {
    guard step == .copyLog else { return }
    nextCheckpointPages = logPages + checkpointPages
    step = .ready
  }

  /// The step failed.
  public mutating func fail() {
    step = .failed
  }
}

extension DurabilitySequencer.Step: CustomStringConvertible {
  public var description: String {
    switch self {
    case .ready: return "ready"
    case .syncLog: return "sync log"
    case .copyLog: return "copy log"
    case .syncDatabase: return "sync database"
    case .emptyLog: return "empty log"
    case .syncEmptiedLog: return "sync emptied log"
    case .failed: return "failed"
    }
  }
}
