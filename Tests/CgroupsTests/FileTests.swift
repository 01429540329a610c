import Foundation
import TestSupport
import Testing

@testable import Cgroups

/// Both back ends on files of the tests' own, in place of the kernel's.
@Suite struct FileTests {
  private func unified(_ scratch: TemporaryDirectory) throws -> Cgroup {
    let layout = CgroupLayout(
      version: .v2, hierarchies: [.init(mountPoint: scratch.path, controllers: [.memory, .pids, .cpu])])
    return try Cgroup("agent/web", in: layout)
  }

  private func legacy(_ scratch: TemporaryDirectory) throws -> Cgroup {
    let layout = CgroupLayout(
      version: .v1,
      hierarchies: [
        .init(mountPoint: scratch.path + "/memory", controllers: [.memory]),
        .init(mountPoint: scratch.path + "/pids", controllers: [.pids]),
        .init(mountPoint: scratch.path + "/cpu", controllers: [.cpu, .cpuacct]),
        .init(mountPoint: scratch.path + "/freezer", controllers: [.freezer]),
      ])
    return try Cgroup("web", in: layout)
  }

  @Test func v2PlansAreWritten() throws {
    let scratch = TemporaryDirectory()
    let group = try unified(scratch)
    for file in [
      "cgroup.subtree_control", "agent/cgroup.subtree_control", "agent/web/memory.max", "agent/web/pids.max",
      "agent/web/cpu.max",
    ] { try scratch.write("", to: file) }
    let plan = try group.create(.init(memoryBytes: 8192, swapBytes: 0, pids: 3, cpuMillis: 500))
    try plan.perform()
    try plan.perform()
    #expect(try scratch.read("cgroup.subtree_control") == "+memory +pids +cpu")
    #expect(try scratch.read("agent/cgroup.subtree_control") == "+memory +pids +cpu")
    #expect(try scratch.read("agent/web/memory.max") == "8192")
    #expect(try scratch.read("agent/web/pids.max") == "3")
    #expect(try scratch.read("agent/web/cpu.max") == "50000 100000")
    // A kernel without swap: no file, no failure, and none is made.
    #expect(contents(scratch.path + "/agent/web/memory.swap.max") == nil)
    try scratch.write("", to: "agent/web/memory.swap.max")
    try plan.perform()
    #expect(try scratch.read("agent/web/memory.swap.max") == "0")
  }

  /// The real v2 would end what is above its limit; so the limit is set when nothing is.
  @Test(arguments: [("8192", true), ("8193", false), ("", false)])
  func v2ShrinksOnlyToWhatIsUsed(_ used: String, _ isPossible: Bool) throws {
    let scratch = TemporaryDirectory()
    let group = try unified(scratch)
    let files = ["max", "swap.max", "high", "current"].map { "agent/web/memory." + $0 }
    for (file, text) in zip(files, ["9999", "0", "max ", used]) { try scratch.write(text, to: file) }
    #expect(((try? group.shrink(from: 9999, to: 8192)) != nil) == isPossible)
    // Ordinary files keep the end of what was longer.
    let expected = [isPossible ? "8192" : "9999", "0", "max2", used]
    #expect(try files.map { try scratch.read($0) } == expected)
  }

  @Test func whatAnEarlierAgentLeftInV2IsSetAnew() throws {
    let scratch = TemporaryDirectory()
    let group = try unified(scratch)
    let files = ["memory.max", "memory.high", "pids.max", "cpu.max"].map { "agent/web/" + $0 }
    for file in files { try scratch.write("1", to: file) }
    try group.reset(to: .init(memoryBytes: 8192, swapBytes: 0, oomGroup: true, pids: 3, cpuMillis: 500))
    #expect(try files.map { try scratch.read($0) } == ["8192", "max", "3", "50000 100000"])
  }

  @Test func aMissingControlFileIsExplained() throws {
    let scratch = TemporaryDirectory()
    let group = try unified(scratch)
    let error = #expect(throws: CgroupError.self) {
      try CgroupPlan(operations: group.create(.init(pids: 3), withParents: true).operations.suffix(1)).perform()
    }
    #expect(
      error?.description
        == "open \(scratch.path)/agent/web/pids.max: No such file or directory (the controller was not enabled in the group above)"
    )
    #expect(error?.errno?.rawValue == ENOENT)
  }

  @Test func v2Usage() throws {
    let scratch = TemporaryDirectory()
    let group = try unified(scratch)
    try scratch.write("4096\n", to: "agent/web/memory.current")
    try scratch.write("8192\n", to: "agent/web/memory.peak")
    try scratch.write(
      "anon 1\nfile 2\nkernel 300\nkernel_stack 9\ninactive_file 77\n", to: "agent/web/memory.stat")
    try scratch.write("0\n", to: "agent/web/memory.swap.current")
    try scratch.write("low 0\nhigh 0\nmax 9\noom 4\noom_kill 3\noom_group_kill 1\n", to: "agent/web/memory.events")
    try scratch.write("5\n", to: "agent/web/pids.current")
    try scratch.write(
      "usage_usec 1234567\nuser_usec 1\nnr_periods 8\nnr_throttled 6\nthrottled_usec 400\n", to: "agent/web/cpu.stat")
    var expected = CgroupUsage()
    expected.memoryBytes = 4096
    expected.memoryPeakBytes = 8192
    expected.kernelMemoryBytes = 300
    expected.inactiveFileBytes = 77
    expected.swapBytes = 0
    expected.pids = 5
    expected.cpuNanoseconds = 1_234_567_000
    expected.throttledPeriods = 6
    expected.throttledNanoseconds = 400_000
    expected.oomKills = 3
    #expect(group.usage() == expected)
    #expect(group.oomKills() == 3)
  }

  @Test func v1Usage() throws {
    let scratch = TemporaryDirectory()
    let group = try legacy(scratch)
    try scratch.write("4096\n", to: "memory/web/memory.usage_in_bytes")
    try scratch.write("8192\n", to: "memory/web/memory.max_usage_in_bytes")
    try scratch.write("300\n", to: "memory/web/memory.kmem.usage_in_bytes")
    try scratch.write(
      "inactive_file 1\nswap 2\ntotal_swap 12\ntotal_inactive_file 77\n", to: "memory/web/memory.stat")
    try scratch.write("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", to: "memory/web/memory.oom_control")
    try scratch.write("5\n", to: "pids/web/pids.current")
    try scratch.write("1234567\n", to: "cpu/web/cpuacct.usage")
    try scratch.write("nr_periods 8\nnr_throttled 6\nthrottled_time 400000\n", to: "cpu/web/cpu.stat")
    var expected = CgroupUsage()
    expected.memoryBytes = 4096
    expected.memoryPeakBytes = 8192
    expected.kernelMemoryBytes = 300
    expected.inactiveFileBytes = 77
    expected.swapBytes = 12
    expected.pids = 5
    expected.cpuNanoseconds = 1_234_567
    expected.throttledPeriods = 6
    expected.throttledNanoseconds = 400_000
    expected.oomKills = 3
    #expect(group.usage() == expected)
  }

  @Test(
    arguments: [
      "", "\n", "max\n", "-1\n", "12 34\n", "0x10\n", "99999999999999999999999\n", "usage_usec\n", "usage_usec x\n",
      "usage_usec 1 2\n", "\u{0}\u{0}", "oom_kill -3\noom_kill\n",
    ])
  func junkIsNoUsage(junk: String) throws {
    let scratch = TemporaryDirectory()
    for file in [
      "memory.current", "memory.peak", "memory.stat", "memory.swap.current", "memory.events", "pids.current",
      "cpu.stat",
    ] { try scratch.write(junk, to: "agent/web/" + file) }
    #expect(try unified(scratch).usage() == CgroupUsage())
  }

  @Test func aGroupThatIsGoneHasNoUsageAndNoProcesses() throws {
    let scratch = TemporaryDirectory()
    for group in [try unified(scratch), try legacy(scratch)] {
      #expect(group.usage() == CgroupUsage())
      #expect(try group.processes() == [])
      #expect(try !group.isPopulated())
      #expect(try group.kill() == .done)
      #expect(try group.freezerState() == nil)
      #expect(try group.remove() == .removed)
      #expect(!group.exists)
    }
  }

  @Test func microsecondsThatOverflowStopAtTheMost() throws {
    let scratch = TemporaryDirectory()
    try scratch.write("usage_usec 18446744073709551615\n", to: "agent/web/cpu.stat")
    #expect(try unified(scratch).usage().cpuNanoseconds == .max)
  }

  @Test func processesOfAllBelowOnceEach() throws {
    let scratch = TemporaryDirectory()
    try scratch.write("30\n4\n", to: "agent/web/cgroup.procs")
    try scratch.write("4\n12\n0\n", to: "agent/web/a/cgroup.procs")
    try scratch.write("7\n", to: "agent/web/a/b/cgroup.procs")
    #expect(try unified(scratch).processes() == [4, 7, 12, 30])
  }

  @Test(
    arguments: [
      ("", []), ("12", []), ("1\n23", [1]), ("0\n5\n", [5]), ("-3\n5\n", [5]), ("x\n5\n\n", [5]),
      ("2147483648\n5\n", [5]),
    ] as [(String, [Int32])])
  func processNumbersThatKillMustNeverSee(text: String, processes: [Int32]) {
    #expect(KernelText.processes(Array(text.utf8)) == processes)
  }

  @Test(
    arguments: [
      ("0\n", "frozen 0\n", CgroupFreezerState.thawed), ("1\n", "populated 1\nfrozen 0\n", .freezing),
      ("1\n", "populated 1\nfrozen 1\n", .frozen),
    ] as [(String, String, CgroupFreezerState)])
  func v2FreezerStates(freeze: String, events: String, state: CgroupFreezerState) throws {
    let scratch = TemporaryDirectory()
    try scratch.write(freeze, to: "agent/web/cgroup.freeze")
    try scratch.write(events, to: "agent/web/cgroup.events")
    let group = try unified(scratch)
    #expect(try group.freezerState() == state)
    try group.freeze()
    #expect(try scratch.read("agent/web/cgroup.freeze").first == "1")
    try group.thaw()
    #expect(try scratch.read("agent/web/cgroup.freeze").first == "0")
  }

  @Test func v2KillTellsTheKernelOrWithoutItsFileDoesItOneByOne() throws {
    let scratch = TemporaryDirectory()
    let group = try unified(scratch)
    let child = try ShellChild("exec sleep 1000")
    try scratch.write("\(child.process)\n\(getpid())\n", to: "agent/web/cgroup.procs")
    // Before Linux 5.14. The test is in the list too, and lives on.
    #expect(try group.kill() == .done)
    #expect(child.end() == 128 + SIGKILL)

    try scratch.write("", to: "agent/web/cgroup.kill")
    // Not while this process would be ended with the rest.
    #expect(try group.kill() == .done)
    #expect(try scratch.read("agent/web/cgroup.kill") == "")
    try scratch.write("", to: "agent/web/cgroup.procs")
    #expect(try group.kill() == .done)
    #expect(try scratch.read("agent/web/cgroup.kill") == "1")
  }

  @Test func joinDescriptorsAreClosedWithTheirOwner() throws {
    let scratch = TemporaryDirectory()
    let group = try legacy(scratch)
    for hierarchy in ["memory", "pids", "cpu", "freezer"] { try scratch.write("", to: hierarchy + "/web/tasks") }
    var descriptors: [CInt] = []
    do {
      let join = try group.openForJoin()
      #expect(join.way == .tasks)
      descriptors = join.descriptors
      #expect(descriptors.count == 4)
      for descriptor in descriptors { #expect(fcntl(descriptor, F_GETFD) == FD_CLOEXEC) }
    }
    // The numbers may be taken again by another test at once, so what they name is looked at.
    for descriptor in descriptors {
      let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(descriptor)")
      #expect(target?.hasPrefix(scratch.path) != true)
    }
  }

  @Test func removingWhatIsNotEmptyIsBusyAndTellsWhere() throws {
    let scratch = TemporaryDirectory()
    let group = try unified(scratch)
    try scratch.write("x", to: "agent/web/a/file")
    #expect(try group.remove() == .busy(path: scratch.path + "/agent/web"))
    try FileManager.default.removeItem(atPath: scratch.path + "/agent/web/a/file")
    #expect(try group.remove() == .removed)
    #expect(contents(scratch.path + "/agent/web") == nil)
    #expect(FileManager.default.fileExists(atPath: scratch.path + "/agent"))
  }
}
