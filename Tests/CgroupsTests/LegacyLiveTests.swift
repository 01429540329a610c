import Foundation
import Testing

@testable import Cgroups

/// Whether this machine has v1 controllers that this process may use: the tests below need them.
private let legacyMachine: CgroupLayout? = {
  guard let layout = try? CgroupLayout.discover(), layout.version == .v1, geteuid() == 0 else { return nil }
  return CgroupController.forContainers.allSatisfy { layout.has($0) } ? layout : nil
}()

/// The v1 back end on this machine's kernel, in groups of its own.
@Suite(.enabled(if: legacyMachine != nil, "needs root and control groups v1"), .serialized)
struct LegacyLiveTests {
  let layout = legacyMachine!

  @Test func limitsAreWhatTheKernelSays() throws {
    try withLiveGroup(layout, "limits") { group in
      let limits = CgroupLimits(memoryBytes: 4 << 20, swapBytes: 0, pids: 7, cpuMillis: 250, cpuWeight: 50)
      let plan = try group.create(limits)
      try plan.perform()
      try plan.perform()
      func value(_ controller: CgroupController, _ file: String) -> String? {
        contents(group.directory(of: controller)! + "/" + file)
      }
      #expect(value(.memory, "memory.limit_in_bytes") == "4194304")
      if layout.countsSwap { #expect(value(.memory, "memory.memsw.limit_in_bytes") == "4194304") }
      #expect(value(.memory, "memory.use_hierarchy") == "1")
      #expect(value(.pids, "pids.max") == "7")
      #expect(value(.cpu, "cpu.cfs_quota_us") == "25000")
      #expect(value(.cpu, "cpu.shares") == "512")

      let higher = CgroupLimits(memoryBytes: 8 << 20, swapBytes: 0, pids: 9, cpuMillis: 500)
      try group.update(from: limits, to: higher).perform()
      #expect(value(.memory, "memory.limit_in_bytes") == "8388608")
      #expect(value(.pids, "pids.max") == "9")
      #expect(value(.cpu, "cpu.shares") == "1024")
      try group.update(from: higher, to: limits).perform()
      #expect(value(.memory, "memory.limit_in_bytes") == "4194304")
      try group.update(from: limits, to: .unlimited).perform()
      #expect(value(.pids, "pids.max") == "max")
      #expect(value(.cpu, "cpu.cfs_quota_us") == "-1")
    }
  }

  /// What is in files is taken from it, what a program holds is not.
  @Test func aLimitSinksAsFarAsTheKernelCanReclaim() throws {
    try withLiveGroup(layout, "shrink") { group in
      try group.create(.init(memoryBytes: 32 << 20, swapBytes: 0)).perform()
      let child = try ShellChild(
        "x=$(head -c 8000000 /dev/zero | tr '\\0' x); sleep 1000", joining: group.openForJoin())
      #expect(try eventually { group.usage().memoryBytes ?? 0 > 8_000_000 })
      let files = ["memory.limit_in_bytes"] + (layout.countsSwap ? ["memory.memsw.limit_in_bytes"] : [])
      func limits() -> [String?] { files.map { contents(group.directory(of: .memory)! + "/" + $0) } }
      #expect(throws: CgroupError.self) { try group.shrink(from: 32 << 20, to: 4 << 20) }
      #expect(limits() == files.map { _ in "33554432" })
      try group.shrink(from: 32 << 20, to: 24 << 20)
      #expect(limits() == files.map { _ in "25165824" })
      try group.reset(to: .init(memoryBytes: 40 << 20, swapBytes: 0, pids: 9, cpuMillis: 500))
      #expect(limits() == files.map { _ in "41943040" })
      #expect(contents(group.directory(of: .pids)! + "/pids.max") == "9")
      try group.kill()
      #expect(child.end() == 128 + SIGKILL)
    }
  }

  @Test func aChildJoinsByTasksIsCountedAndKilled() throws {
    try withLiveGroup(layout, "join") { group in
      try group.create(.init(memoryBytes: 32 << 20, pids: 10)).perform()
      // A program that starts in the group is what its memory is counted by.
      let child = try ShellChild("exec sh -c 'while :; do :; done'", joining: group.openForJoin())
      #expect(
        try eventually {
          let usage = group.usage()
          return try group.processes() == [child.process] && usage.cpuNanoseconds ?? 0 > 0
            && usage.memoryBytes ?? 0 > 0
        })
      // In every hierarchy, not only in one.
      let membership = try #require(contents("/proc/\(child.process)/cgroup"))
      let own = membership.split(separator: "\n").filter { $0.hasSuffix("/" + group.name) }
      #expect(own.count == group.directories.count)
      let usage = group.usage()
      #expect(usage.pids == 1)
      #expect((usage.memoryBytes ?? 0) > 0)
      #expect((usage.memoryPeakBytes ?? 0) >= 4096)
      #expect(usage.oomKills == 0)
      #expect(try group.isPopulated())
      #expect(try group.remove() != .removed)
      #expect(try group.kill() == .done)
      #expect(child.end() == 128 + SIGKILL)
      #expect(try eventually { try !group.isPopulated() })
      #expect(try group.remove() == .removed)
    }
  }

  @Test func aRunningProcessIsAdopted() throws {
    try withLiveGroup(layout, "adopt") { group in
      try group.create().perform()
      let child = try ShellChild("exec sleep 1000")
      try group.join(process: child.process)
      #expect(try group.processes() == [child.process])
      let error = #expect(throws: CgroupError.self) { try group.join(process: 0x3FFF_FFFF) }
      #expect(error?.errno?.rawValue == ESRCH)
    }
  }

  @Test func theProcessLimitHolds() throws {
    try withLiveGroup(layout, "pids") { group in
      try group.create(.init(pids: 1)).perform()
      // The shell is the one process; a second one it cannot have.
      let single = try ShellChild("exec /bin/true", joining: group.openForJoin())
      #expect(single.end() == 0)
      let forking = try ShellChild("/bin/true; exit 7", joining: group.openForJoin())
      let code = forking.end()
      #expect(code != nil && code != 7 && code != 99)
      #expect(contents(group.directory(of: .pids)! + "/pids.events") == "max 1")
    }
  }

  @Test func memoryThatRunsOutKillsAndIsTold() throws {
    try withLiveGroup(layout, "oom") { group in
      try group.create(.init(memoryBytes: 4 << 20, swapBytes: 0, oomGroup: true)).perform()
      let event = try group.watchOutOfMemory()
      #expect(event.readiness == .readable)
      #expect(isReady(event, withinMilliseconds: 0) == false)
      let hog = try ShellChild("exec tail /dev/zero", joining: group.openForJoin())
      #expect(isReady(event, withinMilliseconds: 10_000) == true)
      #expect(hog.end() == 128 + SIGKILL)
      #expect(eventually { (group.oomKills() ?? 0) >= 1 })
      event.acknowledge()
      #expect(isReady(event, withinMilliseconds: 0) == false)
      #expect((group.usage().memoryPeakBytes ?? 0) > 2 << 20)
      // The end of the group is told too.
      #expect(try eventually { try group.remove() == .removed })
      #expect(isReady(event, withinMilliseconds: 10_000) == true)
      #expect(!group.exists)
    }
  }

  @Test func memoryUseThatCrossesAThresholdIsTold() throws {
    try withLiveGroup(layout, "threshold") { group in
      try group.create(.init(memoryBytes: 32 << 20, swapBytes: 0)).perform()
      let event = try group.watchMemoryUsage(thresholdBytes: 8 << 20)
      #expect(isReady(event, withinMilliseconds: 0) == false)
      let hog = try ShellChild("exec tail /dev/zero", joining: group.openForJoin())
      #expect(isReady(event, withinMilliseconds: 10_000) == true)
      #expect(hog.end() == 128 + SIGKILL)
    }
  }

  @Test func aPausedGroupStandsStillAndCanBeKilled() throws {
    try withLiveGroup(layout, "freeze") { group in
      try group.create().perform()
      #expect(try group.freezerState() == .thawed)
      let child = try ShellChild("while :; do :; done", joining: group.openForJoin())
      #expect(try eventually { try group.processes() == [child.process] })
      try group.freeze()
      #expect(try eventually { try group.freezerState() == .frozen })
      // It counts as frozen a moment before it leaves the processor, and is charged for that.
      usleep(50_000)
      let before = group.usage().cpuNanoseconds
      usleep(50_000)
      #expect(group.usage().cpuNanoseconds == before)
      try group.thaw()
      #expect(try group.freezerState() == .thawed)
      #expect(eventually { group.usage().cpuNanoseconds != before })
      try group.freeze()
      #expect(try eventually { try group.freezerState() == .frozen })
      #expect(try group.kill() == .done)
      #expect(child.end() == 128 + SIGKILL)
    }
  }

  @Test func groupsThatAContainerMadeGoWithIt() throws {
    try withLiveGroup(layout, "nested") { group in
      try group.create().perform()
      let nested = try group.child("its").child("own.group")
      try nested.create().perform()
      let child = try ShellChild("exec sleep 1000", joining: nested.openForJoin())
      #expect(try eventually { try group.processes() == [child.process] })
      guard case .busy(let path) = try group.remove() else {
        Issue.record("a group with a process in it was removed")
        return
      }
      #expect(path.hasSuffix(group.name) || path.hasSuffix(nested.name) || path.hasSuffix("its"))
      try group.kill()
      #expect(child.end() == 128 + SIGKILL)
      #expect(try eventually { try group.remove() == .removed })
      #expect(!group.exists && !nested.exists)
    }
  }
}
