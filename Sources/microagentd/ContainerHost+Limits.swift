import CSystem
import Cgroups
import EventLoop
import LinuxSystem
import MicroAgent

/// Containers whose limits change while they run.
extension ContainerHost {
  /// Holds a container to its budget, whatever it was held to before.
  func limit(_ container: Container) {
    guard let entry = find(container.id) else { return }
    entry.memoryLimitBytes = container.request.budget.memoryBytes
    try? entry.cgroup?.reset(to: CgroupLimits(container.request.budget))
    files.limit(container)
    CrashPoint.pass("its limits are set")
  }

  /// Lowers a container's memory limit. What is to be taken from it may have to be written to a disk first, so a process of
  /// its own does this.
  func shrink(_ id: UInt64, to memoryBytes: UInt64) {
    guard let entry = find(id), let cgroup = entry.cgroup else { return tell(.shrunk, id) }
    let before = entry.memoryLimitBytes
    let agent = system_self()
    let process = system_fork()
    if process == 0 {
      // The next agent sets the limits anew, and nobody after it.
      Signals.dieWithParent(agent)
      _ = system_close_from(0)
      system_exit((try? cgroup.shrink(from: before, to: memoryBytes)) == nil ? 1 : 0)
    }
    CrashPoint.pass("its memory limit is being lowered")
    do throws(SystemError) {
      let started = try check(process, "start", "a process")
      let pidfd = FileDescriptor(owning: try check(system_pidfd_open(started), "watch", "process \(started)"))
      entry.shrinker = try ChildWatcher(on: loop, pidfd: pidfd) { [self] in shrinkerEnded(entry, started, memoryBytes) }
    } catch {
      tell(.shrinkFailed("container \(entry.name): \(error)"), id)
    }
  }

  private func shrinkerEnded(_ entry: LiveContainer, _ process: Int32, _ memoryBytes: UInt64) {
    var status = system_exit_status()
    _ = system_wait(process, 0, &status)
    entry.shrinker?.close()
    entry.shrinker = nil
    CrashPoint.pass("its memory limit is lowered, or is not")
    if status.by_signal == 0, status.code == 0 {
      entry.memoryLimitBytes = memoryBytes
      return tell(.shrunk, entry.id)
    }
    let used = (entry.cgroup?.usage().memoryBytes ?? 0) / 1024
    let line =
      "memory budget \(memoryBytes / 1024) KiB: it uses \(used) KiB, which the kernel cannot take from it: give more"
    tell(.shrinkFailed("container \(entry.name): \(line)"), entry.id)
  }
}
