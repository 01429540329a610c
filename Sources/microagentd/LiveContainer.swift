import CSystem
import Cgroups
import ContainerRunner
import EventLoop
import LinuxSystem
import MicroAgent

/// What of a container exists only while this agent lives: watchers, descriptors, and what was heard so far.
final class LiveContainer {
  let id: UInt64
  let name: String
  /// Nil only for a name that no control group can have.
  let cgroup: Cgroup?
  var memoryLimitBytes: UInt64
  /// Until its program runs: what a report of a failed step is explained by.
  var plan: LaunchPlan?
  var identity: ProcessIdentity?
  /// The process is the agent's own child; an adopted one is the keeper's, or nobody's.
  var isOwnChild = false
  /// The keeper reports its end; without it and not our child, nobody can know how it ended.
  var isKeepersChild = false
  var child: ChildWatcher?
  /// Until it has ended and is collected: the process that makes the mounts.
  var mounter: ChildWatcher?
  /// Until it has ended and is collected: the process that lowers the memory limit.
  var shrinker: ChildWatcher?
  /// `Mounter.mounts`, until the container's process has it.
  var mounts: FileDescriptor?
  /// Open until the go byte is sent.
  var control: FileDescriptor?
  var isReleased = false
  var hasStarted = false
  /// The executor's report of the step that failed.
  var failureReport: [UInt8] = []
  var errorWatcher: DescriptorWatcher?
  /// Tells that the container met its memory budget; the watcher closes before it.
  var memoryEvent: CgroupEvent?
  var memoryWatcher: DescriptorWatcher?
  /// Runs for a moment after such an event.
  var memoryTimer: Timer?
  /// Runs while its processes are waited for to stand still.
  var pauseTimer: Timer?
  /// Its process had not ended when it was to be collected.
  var isUncollected = false
  /// It has a place in the network `bridge`.
  var isOnBridge = false
  /// Its process has ended and that was told.
  var hasEnded = false

  init(id: UInt64, name: String, cgroup: Cgroup?, memoryLimitBytes: UInt64) {
    self.id = id
    self.name = name
    self.cgroup = cgroup
    self.memoryLimitBytes = memoryLimitBytes
  }

  /// Kills what is in the control group, also what joined it from outside.
  func killGroup() {
    _ = try? cgroup?.kill()
  }

  /// Removes the control group; false where it is still busy.
  func removeGroup() -> Bool {
    guard let cgroup else { return true }
    if case .busy = try? cgroup.remove() { return false }
    return true
  }

  /// Whether the kernel has ended something of it for want of memory.
  var metMemoryLimit: Bool {
    (cgroup?.oomKills() ?? 0) > 0
  }

  /// Opens the event of memory running out; what to watch it for. Nil where the kernel has none.
  func openMemoryEvent() -> (descriptor: CInt, events: DescriptorEvents)? {
    guard let cgroup else { return nil }
    do throws(CgroupError) {
      memoryEvent = try cgroup.watchOutOfMemory()
    } catch {
      return nil
    }
    guard let descriptor = memoryEvent?.descriptor.rawValue, let readiness = memoryEvent?.readiness else { return nil }
    return (descriptor, readiness == .readable ? .readable : .priority)
  }

  /// Reads what the executor may have reported just before its end.
  func readFailureReport() {
    guard let watcher = errorWatcher else { return }
    var buffer = [UInt8](repeating: 0, count: 64)
    let count = buffer.withUnsafeMutableBytes { system_read(watcher.descriptor, $0.baseAddress, $0.count) }
    if count > 0 { failureReport += buffer[..<Int(count)] }
  }

  /// Waits no more for its processes to stand still.
  func endPauseTimer() {
    pauseTimer?.close()
    pauseTimer = nil
  }

  /// Lets go of everything but the name.
  func close() {
    endPauseTimer()
    mounts = nil
    child?.close()
    child = nil
    control = nil
    errorWatcher?.close()
    errorWatcher = nil
    memoryWatcher?.close()
    memoryWatcher = nil
    memoryTimer?.close()
    memoryTimer = nil
    memoryEvent = nil
  }
}
