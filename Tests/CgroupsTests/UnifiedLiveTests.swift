import Foundation
import Testing

@testable import Cgroups

/// The v2 tree of this machine with the controllers that it has: all on a v2 machine, perhaps none on a hybrid one, where
/// making, pausing, ending and pressure can be tried all the same.
private let unifiedMachine: CgroupLayout? = {
  guard geteuid() == 0, let mounts = FileManager.default.contents(atPath: "/proc/self/mountinfo"),
    let mount = MountTable(mountInfo: Array(mounts)).visible(type: "cgroup2").first
  else { return nil }
  let names = contents(mount.mountPoint + "/cgroup.controllers")?.split(separator: " ") ?? []
  let controllers = names.compactMap { CgroupController(unifiedName: $0.utf8) }
  return CgroupLayout(version: .v2, hierarchies: [.init(mountPoint: mount.mountPoint, controllers: controllers)])
}()
private let hasMemory = unifiedMachine?.has(.memory) == true

@Suite(.enabled(if: unifiedMachine != nil, "needs root and a control groups v2 mount"), .serialized)
struct UnifiedLiveTests {
  let layout = unifiedMachine!

  @Test func makeJoinCountKillRemove() throws {
    try withLiveGroup(layout, "v2-join") { group in
      let plan = try group.create()
      try plan.perform()
      try plan.perform()
      #expect(try !group.isPopulated())
      let join = try group.openForJoin()
      #expect(join.way == .cloneInto)
      #expect(join.descriptors.count == 1)
      let child = try ShellChild("while :; do :; done")
      try group.join(process: child.process)
      #expect(try group.processes() == [child.process])
      #expect(try group.isPopulated())
      #expect(eventually { (group.usage().cpuNanoseconds ?? 0) > 0 })
      #expect(try group.remove() == .busy(path: group.directories[0]))
      #expect(try group.kill() == .done)
      #expect(child.end() == 128 + SIGKILL)
      #expect(try eventually { try !group.isPopulated() })
      #expect(try group.remove() == .removed)
    }
  }

  @Test func pauseAndGoOn() throws {
    try withLiveGroup(layout, "v2-freeze") { group in
      try group.create().perform()
      let child = try ShellChild("while :; do :; done")
      try group.join(process: child.process)
      try group.freeze()
      #expect(try eventually { try group.freezerState() == .frozen })
      try group.thaw()
      #expect(try eventually { try group.freezerState() == .thawed })
      try group.freeze()
      #expect(try eventually { try group.freezerState() == .frozen })
      try group.kill()
      #expect(child.end() == 128 + SIGKILL)
    }
  }

  /// `memory.events` is watched in this way; `cgroup.events` is a file of the same kind that every v2 group has.
  @Test func aChangeOfAnEventsFileIsToldByPriorityPolling() throws {
    try withLiveGroup(layout, "v2-events") { group in
      try group.create().perform()
      let event = try V2.watchFile(group.directories[0] + "/cgroup.events")
      #expect(event.readiness == .priority)
      #expect(isReady(event, withinMilliseconds: 0) == false)
      let child = try ShellChild("exec sleep 1000")
      try group.join(process: child.process)
      #expect(isReady(event, withinMilliseconds: 10_000) == true)
      event.acknowledge()
      #expect(isReady(event, withinMilliseconds: 0) == false)
      try group.kill()
      #expect(isReady(event, withinMilliseconds: 10_000) == true)
      #expect(child.end() == 128 + SIGKILL)
    }
  }

  @Test(.enabled(if: contents(PressureTrigger.systemPath) != nil, "needs a kernel that measures pressure"))
  func theGroupsPressureCanBeWatched() throws {
    try withLiveGroup(layout, "v2-pressure") { group in
      try group.create().perform()
      let trigger = try PressureTrigger(
        .full, stallMicroseconds: 1_000_000, windowMicroseconds: 2_000_000, privileged: false)
      let event = try group.watchPressure(trigger)
      #expect(isReady(event, withinMilliseconds: 0) == false)
    }
  }

  @Test(.enabled(if: hasMemory, "needs the memory controller on v2"))
  func memoryThatRunsOutEndsTheWholeGroupAndIsTold() throws {
    try withLiveGroup(layout, "v2-oom") { group in
      try group.create(.init(memoryBytes: 4 << 20, swapBytes: 0, oomGroup: true)).perform()
      let event = try group.watchOutOfMemory()
      #expect(isReady(event, withinMilliseconds: 0) == false)
      let bystander = try ShellChild("exec sleep 1000")
      try group.join(process: bystander.process)
      let hog = try ShellChild("read line < /dev/null; sleep 1; exec tail /dev/zero")
      try group.join(process: hog.process)
      #expect(isReady(event, withinMilliseconds: 10_000) == true)
      #expect(hog.end() == 128 + SIGKILL)
      #expect(bystander.end() == 128 + SIGKILL)
      #expect(eventually { (group.oomKills() ?? 0) >= 1 })
    }
  }
}
