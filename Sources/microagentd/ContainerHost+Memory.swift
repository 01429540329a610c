import Cgroups
import EventLoop
import MicroAgent

/// How a container is ended that meets its memory budget.
extension ContainerHost {
  /// The first look after an event comes so soon; each further one after twice the time.
  static let firstLookMilliseconds: UInt64 = 1
  /// An event after whose looks nothing was killed was not about us: the kernel found memory after all.
  static let longestLookMilliseconds: UInt64 = 1024

  /// Hears when the container meets its memory budget. The kernel ends one process of it (v1) or all (v2); a container
  /// that has lost a process is ended whole.
  func watchMemory(_ entry: LiveContainer) {
    guard let (descriptor, events) = entry.openMemoryEvent() else { return }
    entry.memoryWatcher = try? DescriptorWatcher(on: loop, borrowing: descriptor) { [self] _ in
      entry.memoryEvent?.acknowledge()
      look(entry, nextMilliseconds: Self.firstLookMilliseconds)
    }
    try? entry.memoryWatcher?.start(events)
    // It may have happened while nobody watched.
    endIfShort(entry)
  }

  /// On v1 the event comes before the kernel kills, and nothing comes after: it is looked for.
  private func look(_ entry: LiveContainer, nextMilliseconds: UInt64) {
    entry.memoryTimer?.close()
    entry.memoryTimer = nil
    if endIfShort(entry) || entry.hasEnded || nextMilliseconds > Self.longestLookMilliseconds { return }
    entry.memoryTimer = try? Timer(on: loop) { [self] in look(entry, nextMilliseconds: nextMilliseconds * 2) }
    entry.memoryTimer?.start(milliseconds: nextMilliseconds)
  }

  /// Ends a container that has lost a process to its memory budget; false where it has not.
  @discardableResult
  private func endIfShort(_ entry: LiveContainer) -> Bool {
    guard !entry.hasEnded, entry.metMemoryLimit else { return false }
    killAll(entry.id)
    return true
  }
}
