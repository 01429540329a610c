import Cgroups
import EventLoop
import LinuxSystem
import MicroAgent

/// How a container is ended that meets its memory budget.
extension ContainerHost {
  /// The first look after an event comes so soon; each further one after twice the time.
  static let firstLookMilliseconds: UInt64 = 1
  /// An event after whose looks nothing was killed was not about us: the kernel found memory after all.
  static let longestLookMilliseconds: UInt64 = 1024

  /// Of two seconds, the kernel's shortest window for all, so much in which nothing on the machine got done for want of
  /// memory: a container that only meets its own budget is far from it.
  static let stallMicroseconds: UInt64 = 300_000
  static let windowMicroseconds: UInt64 = 2_000_000

  /// Calls a closure at the end of each window in which the machine as a whole was short of memory. A kernel that does not
  /// measure it calls nobody.
  func watchMachine(_ onShort: @escaping () -> Void) {
    do throws(CgroupError) {
      let trigger = try PressureTrigger(
        .full, stallMicroseconds: Self.stallMicroseconds, windowMicroseconds: Self.windowMicroseconds,
        privileged: PressureTrigger.isPrivileged())
      machineEvent = try trigger.watchSystem()
    } catch {
      return
    }
    guard let descriptor = machineEvent?.descriptor.rawValue else { return }
    machineWatcher = try? DescriptorWatcher(on: loop, borrowing: descriptor) { _ in onShort() }
    try? machineWatcher?.start(.priority)
  }

  /// Gives a container a tenth of its processor time, or all of it again. Where that fails it goes on as it does.
  func throttle(_ container: Container, _ isThrottled: Bool) {
    guard let cgroup = find(container.id)?.cgroup else { return }
    let budget = container.request.budget.cpuMillis
    let whole = CgroupLimits(cpuMillis: budget)
    let tenth = CgroupLimits(cpuMillis: max(budget / Self.throttleDivisor, Budget.leastCPUMillis))
    try? cgroup.update(from: isThrottled ? whole : tenth, to: isThrottled ? tenth : whole).perform()
  }

  private static let throttleDivisor: UInt64 = 10

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
