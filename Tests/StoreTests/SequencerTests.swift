import Testing

@testable import Store

@Suite struct SequencerTests {
  @Test func commitsShareASyncAndShortLogsStay() {
    var sequencer = DurabilitySequencer(checkpointPages: 10)
    sequencer.flush()
    #expect(sequencer.step == .ready, "nothing to sync")
    #expect(sequencer.commit(logPages: 2) == 1)
    #expect(sequencer.commit(logPages: 4) == 2)
    sequencer.flush()
    #expect(sequencer.step == .syncLog && sequencer.durable == 0)
    sequencer.completed()
    #expect(sequencer.step == .ready && sequencer.durable == 2)
  }

  @Test func aFailedCopyIsTriedAgainWhenTheLogHasGrown() {
    var sequencer = DurabilitySequencer(checkpointPages: 10)
    func sync(_ pages: Int) {
      _ = sequencer.commit(logPages: pages)
      sequencer.flush()
      sequencer.completed()
    }
    sync(10)
    #expect(sequencer.step == .copyLog)
    sequencer.copyFailed()
    #expect(sequencer.step == .ready)
    sync(19)
    #expect(sequencer.step == .ready)
    sync(20)
    #expect(sequencer.step == .copyLog)
  }

  @Test func failureIsTheEnd() {
    var sequencer = DurabilitySequencer(checkpointPages: 1)
    _ = sequencer.commit(logPages: 1)
    sequencer.flush()
    sequencer.fail()
    sequencer.completed()
    sequencer.flush()
    #expect(sequencer.step == .failed && sequencer.durable == 0)
  }

  /// What a disk may hold: counts of transactions, cached (in the page cache) and synced.
  private struct Disk: Hashable {
    /// The first transaction of the log is the one after this.
    var logBase: UInt64 = 0
    var logCached: UInt64 = 0
    var logSynced: UInt64 = 0
    /// The log was cut, and the cut is not synced: an old log may reappear in part if frames are written over it.
    var cutUnsynced = false
    var databaseCached: UInt64 = 0
    var databaseSynced: UInt64 = 0

    /// Whether SQLite finds at least `durable` whatever part of the unsynced reached the disk.
    func survivesPowerCut(durable: UInt64) -> Bool {
      if cutUnsynced { return logCached == logBase && databaseSynced >= durable }
      // A database file with some of its pages copied needs the whole log behind them.
      if databaseCached > databaseSynced && logSynced < databaseCached { return false }
      return max(logSynced, databaseSynced) >= durable && logBase <= databaseSynced
    }
  }

  private struct State: Hashable {
    var disk = Disk()
    var step = "ready"
    var committed: UInt64 = 0
    var durable: UInt64 = 0
  }

  /// Walks all orders of events up to a depth, with the disk beside, and cuts power after each.
  @Test func noOrderOfEventsLosesWhatWasAcknowledged() {
    var seen: Set<State> = []
    var steps: Set<String> = []
    var violations: [String] = []

    func visit(_ sequencer: DurabilitySequencer, _ disk: Disk, _ depth: Int) {
      let state = State(
        disk: disk, step: "\(sequencer.step)", committed: sequencer.committed, durable: sequencer.durable)
      steps.insert(state.step)
      let isSafe = disk.survivesPowerCut(durable: sequencer.durable) && sequencer.durable <= sequencer.committed
      if !isSafe { violations.append("\(state)") }
      guard violations.isEmpty, depth > 0, seen.insert(state).inserted else { return }
      var next = sequencer
      var nextDisk = disk
      switch sequencer.step {
      case .ready:
        nextDisk.logCached += 1
        _ = next.commit(logPages: Int(nextDisk.logCached - nextDisk.logBase))
        visit(next, nextDisk, depth - 1)
        next = sequencer
        next.flush()
        visit(next, disk, depth - 1)
      case .syncLog:
        nextDisk.logSynced = disk.logCached
      case .copyLog:
        nextDisk.databaseCached = disk.logCached
        var failed = sequencer
        failed.copyFailed()
        visit(failed, nextDisk, depth - 1)  // any part may have been copied
      case .syncDatabase:
        nextDisk.databaseSynced = disk.databaseCached
      case .emptyLog:
        nextDisk.logBase = disk.logCached
        nextDisk.logSynced = disk.logCached
        nextDisk.cutUnsynced = true
      case .syncEmptiedLog:
        nextDisk.cutUnsynced = false
      case .failed: return
      }
      guard sequencer.step != .ready else { return }
      // The effect may be on the disk already while the step is not over.
      if !nextDisk.survivesPowerCut(durable: sequencer.durable) { violations.append("in \(state)") }
      next.completed()
      visit(next, nextDisk, depth - 1)
      var broken = sequencer
      broken.fail()
      visit(broken, disk, depth - 1)
    }

    visit(DurabilitySequencer(checkpointPages: 2), Disk(), 22)
    #expect(violations.first == nil)
    #expect(steps.count == 7)
    #expect(seen.count > 100)
  }
}
