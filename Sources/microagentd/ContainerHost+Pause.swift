import Basics
import Cgroups
import EventLoop
import LinuxSystem
import MicroAgent

/// Containers that stand still.
extension ContainerHost {
  /// How long all processes of a container may take to stand still: one that waits for a disk does not until it has its data.
  private static let pauseMilliseconds: UInt64 = 5_000
  private static let pollMilliseconds: UInt64 = 2

  func isPaused(_ id: UInt64) -> Bool {
    guard let cgroup = find(id)?.cgroup, let state = try? cgroup.freezerState() else { return false }
    return state != .thawed
  }

  func pause(_ id: UInt64, _ isPaused: Bool) {
    guard let entry = find(id), let cgroup = entry.cgroup else { return }
    entry.endPauseTimer()
    if isPaused {
      awaitPause(entry, cgroup, until: loop.now.advanced(milliseconds: Self.pauseMilliseconds))
    } else {
      try? cgroup.thaw()
    }
  }

  private func awaitPause(_ entry: LiveContainer, _ cgroup: Cgroup, until deadline: Instant) {
    do throws(RequestError) {
      if try freeze(entry, cgroup) {
        entry.endPauseTimer()
        return tell(.paused, entry.id)
      }
      if loop.now >= deadline {
        throw RequestError(.failed, "its processes do not stand still, as they wait for a disk: try again later")
      }
      try pollAgain(entry, cgroup, until: deadline)
    } catch {
      entry.endPauseTimer()
      tell(.pauseFailed("container \(entry.name): \(error)"), entry.id)
    }
  }

  /// Whether they stand still. Where some resist, v1 has to be told again.
  private func freeze(_ entry: LiveContainer, _ cgroup: Cgroup) throws(RequestError) -> Bool {
    do throws(CgroupError) {
      try cgroup.freeze()
      return try cgroup.freezerState() == .frozen
    } catch {
      throw RequestError(.failed, "\(error)")
    }
  }

  private func pollAgain(_ entry: LiveContainer, _ cgroup: Cgroup, until deadline: Instant) throws(RequestError) {
    do throws(SystemError) {
      if entry.pauseTimer == nil {
        entry.pauseTimer = try Timer(on: loop) { [unowned(unsafe) self, unowned(unsafe) entry] in
          awaitPause(entry, cgroup, until: deadline)
        }
      }
    } catch {
      throw RequestError(.failed, "\(error)")
    }
    entry.pauseTimer?.start(milliseconds: Self.pollMilliseconds)
  }
}
