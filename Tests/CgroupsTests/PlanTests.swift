import Testing

@testable import Cgroups

let legacyLayout = CgroupLayout(
  version: .v1,
  hierarchies: [
    .init(mountPoint: "/cg/memory", controllers: [.memory]), .init(mountPoint: "/cg/pids", controllers: [.pids]),
    .init(mountPoint: "/cg/cpu,cpuacct", controllers: [.cpu, .cpuacct]),
    .init(mountPoint: "/cg/freezer", controllers: [.freezer]),
    .init(mountPoint: "/cg/devices", controllers: [.devices]),
  ])
let unifiedLayout = CgroupLayout(
  version: .v2, hierarchies: [.init(mountPoint: "/cg", controllers: [.cpuset, .cpu, .io, .memory, .pids])])
private let allLimits = CgroupLimits(
  memoryBytes: 4 << 20, swapBytes: 0, memoryMinBytes: 1 << 20, oomGroup: true, pids: 32, cpuMillis: 250, cpuWeight: 50)

@Suite struct PlanTests {
  @Test func createOnV1() throws {
    let plan = try Cgroup("microagent/web", in: legacyLayout).create(allLimits)
    #expect(
      plan.operations == [
        .makeDirectory(path: "/cg/memory/microagent"),
        .writeIfPresent(path: "/cg/memory/microagent/memory.use_hierarchy", text: "1"),
        .makeDirectory(path: "/cg/memory/microagent/web"),
        .makeDirectory(path: "/cg/pids/microagent"),
        .makeDirectory(path: "/cg/pids/microagent/web"),
        .makeDirectory(path: "/cg/cpu,cpuacct/microagent"),
        .makeDirectory(path: "/cg/cpu,cpuacct/microagent/web"),
        .makeDirectory(path: "/cg/freezer/microagent"),
        .makeDirectory(path: "/cg/freezer/microagent/web"),
        .write(path: "/cg/memory/microagent/web/memory.limit_in_bytes", text: "4194304"),
        .write(path: "/cg/memory/microagent/web/memory.memsw.limit_in_bytes", text: "4194304"),
        .write(path: "/cg/pids/microagent/web/pids.max", text: "32"),
        .write(path: "/cg/cpu,cpuacct/microagent/web/cpu.cfs_period_us", text: "100000"),
        .write(path: "/cg/cpu,cpuacct/microagent/web/cpu.cfs_quota_us", text: "25000"),
        .write(path: "/cg/cpu,cpuacct/microagent/web/cpu.shares", text: "512"),
      ])
    #expect(plan.caveats == [.oomGroupIsCallers, .memoryMinIgnored])
  }

  @Test func createOnV2() throws {
    let plan = try Cgroup("microagent/web", in: unifiedLayout).create(allLimits)
    #expect(
      plan.operations == [
        .write(path: "/cg/cgroup.subtree_control", text: "+memory +pids +cpu"),
        .makeDirectory(path: "/cg/microagent"),
        .write(path: "/cg/microagent/cgroup.subtree_control", text: "+memory +pids +cpu"),
        .makeDirectory(path: "/cg/microagent/web"),
        .write(path: "/cg/microagent/web/memory.max", text: "4194304"),
        .writeIfPresent(path: "/cg/microagent/web/memory.swap.max", text: "0"),
        .write(path: "/cg/microagent/web/memory.min", text: "1048576"),
        .write(path: "/cg/microagent/web/memory.oom.group", text: "1"),
        .write(path: "/cg/microagent/web/pids.max", text: "32"),
        .write(path: "/cg/microagent/web/cpu.max", text: "25000 100000"),
        .write(path: "/cg/microagent/web/cpu.weight", text: "50"),
      ])
    #expect(plan.caveats.isEmpty)
  }

  @Test func createBelowParentsThatStand() throws {
    #expect(
      try Cgroup("microagent/web", in: unifiedLayout).create(withParents: false).operations == [
        .makeDirectory(path: "/cg/microagent/web")
      ])
    #expect(
      try Cgroup("microagent/web", in: legacyLayout, controllers: [.memory, .devices])
        .create(.init(memoryBytes: 8192), withParents: false).operations == [
          .makeDirectory(path: "/cg/memory/microagent/web"), .makeDirectory(path: "/cg/devices/microagent/web"),
          .write(path: "/cg/memory/microagent/web/memory.limit_in_bytes", text: "8192"),
        ])
  }

  @Test func createWhatHoldsTheContainers() throws {
    #expect(
      try Cgroup("microagent", in: unifiedLayout).createParent(.init(memoryBytes: 8192)).operations == [
        .write(path: "/cg/cgroup.subtree_control", text: "+memory +pids +cpu"),
        .makeDirectory(path: "/cg/microagent"),
        .write(path: "/cg/microagent/cgroup.subtree_control", text: "+memory +pids +cpu"),
        .write(path: "/cg/microagent/memory.max", text: "8192"),
      ])
    #expect(
      try Cgroup("microagent", in: legacyLayout, controllers: [.memory, .pids]).createParent().operations == [
        .makeDirectory(path: "/cg/memory/microagent"),
        .writeIfPresent(path: "/cg/memory/microagent/memory.use_hierarchy", text: "1"),
        .makeDirectory(path: "/cg/pids/microagent"),
      ])
    // The two halves together do what one `create` does.
    for layout in [legacyLayout, unifiedLayout] {
      let parent = try Cgroup("microagent", in: layout)
      let child = try parent.child("web")
      let halves = try parent.createParent().operations + child.create(allLimits, withParents: false).operations
      let whole = try child.create(allLimits).operations
      #expect(Set(halves.map(\.description)) == Set(whole.map(\.description)))
      #expect(halves.count == whole.count)
    }
  }

  @Test func joinByTasksOnV1AndByDirectoryOnV2() throws {
    #expect(
      try Cgroup("a/b", in: legacyLayout).joinOperations() == [
        .openForJoin(path: "/cg/memory/a/b/tasks", way: .tasks), .openForJoin(path: "/cg/pids/a/b/tasks", way: .tasks),
        .openForJoin(path: "/cg/cpu,cpuacct/a/b/tasks", way: .tasks),
        .openForJoin(path: "/cg/freezer/a/b/tasks", way: .tasks),
      ])
    #expect(
      try Cgroup("a/b", in: unifiedLayout).joinOperations() == [.openForJoin(path: "/cg/a/b", way: .cloneInto)])
  }

  @Test func v1WithoutSwapAccountingAvoidsSwapAndSaysSo() throws {
    let layout = CgroupLayout(version: .v1, hierarchies: legacyLayout.hierarchies, countsSwap: false)
    let group = try Cgroup("a", in: layout, controllers: [.memory])
    let none = try group.create(.init(memoryBytes: 8192, swapBytes: 0))
    #expect(
      none.operations == [
        .makeDirectory(path: "/cg/memory/a"), .write(path: "/cg/memory/a/memory.limit_in_bytes", text: "8192"),
        .write(path: "/cg/memory/a/memory.swappiness", text: "0"),
      ])
    #expect(none.caveats == [.swapNotCounted])
    let some = try group.create(.init(memoryBytes: 8192, swapBytes: 4096))
    #expect(some.operations.count == 2)
    #expect(some.caveats == [.swapNotCounted])
  }

  @Test func v1RaisesBothFirstAndLowersMemoryFirst() throws {
    let group = try Cgroup("a", in: legacyLayout)
    let low = CgroupLimits(memoryBytes: 1000, swapBytes: 100)
    let high = CgroupLimits(memoryBytes: 2000, swapBytes: 0)
    let memory = "/cg/memory/a/memory.limit_in_bytes"
    let both = "/cg/memory/a/memory.memsw.limit_in_bytes"
    #expect(
      try group.update(from: low, to: high).operations == [
        .write(path: both, text: "2000"), .write(path: memory, text: "2000"),
      ])
    #expect(
      try group.update(from: high, to: low).operations == [
        .write(path: memory, text: "1000"), .write(path: both, text: "1100"),
      ])
    // To no limit at all is the highest raise.
    #expect(
      try group.update(from: low, to: .unlimited).operations == [
        .write(path: both, text: "-1"), .write(path: memory, text: "-1"),
      ])
    #expect(
      try group.update(from: low, to: .init(memoryBytes: 1000, swapBytes: 50)).operations == [
        .write(path: both, text: "1050")
      ])
  }

  /// A model of the two numbers in the kernel: no order may ever put memory above memory and swap.
  @Test func everyUpdateOnV1KeepsTheKernelsRule() throws {
    let group = try Cgroup("a", in: legacyLayout)
    var choices: [CgroupLimits] = [.unlimited]
    for memory in [1000, 2000, 3000] as [UInt64] {
      for swap in [nil, 0, 500, 1500, 5000] as [UInt64?] { choices.append(.init(memoryBytes: memory, swapBytes: swap)) }
    }
    for old in choices {
      for new in choices {
        var memory = old.memoryBytes ?? .max
        var both = old.swapBytes.map { memory + $0 } ?? .max
        for operation in try group.update(from: old, to: new).operations {
          guard case .write(let path, let text) = operation else { continue }
          let value = text == "-1" ? UInt64.max : UInt64(text)!
          if path.hasSuffix("memsw.limit_in_bytes") { both = value } else { memory = value }
          #expect(memory <= both, "\(old) to \(new)")
        }
        #expect(memory == new.memoryBytes ?? .max)
        #expect(both == new.swapBytes.map { memory + $0 } ?? .max)
      }
    }
  }

  @Test func updateWritesOnlyWhatChanges() throws {
    for layout in [legacyLayout, unifiedLayout] {
      let group = try Cgroup("a", in: layout)
      #expect(try group.update(from: allLimits, to: allLimits).operations.isEmpty)
    }
    #expect(
      try Cgroup("a", in: unifiedLayout).update(from: allLimits, to: .unlimited).operations == [
        .write(path: "/cg/a/memory.max", text: "max"), .writeIfPresent(path: "/cg/a/memory.swap.max", text: "max"),
        .write(path: "/cg/a/memory.min", text: "0"), .write(path: "/cg/a/memory.oom.group", text: "0"),
        .write(path: "/cg/a/pids.max", text: "max"), .write(path: "/cg/a/cpu.max", text: "max 100000"),
        .write(path: "/cg/a/cpu.weight", text: "100"),
      ])
    #expect(
      try Cgroup("a", in: legacyLayout).update(from: .init(cpuMillis: 500), to: .init(cpuMillis: 2500)).operations == [
        .write(path: "/cg/cpu,cpuacct/a/cpu.cfs_quota_us", text: "250000")
      ])
  }

  @Test(arguments: [(1, 10), (2, 20), (100, 1024), (10_000, 102_400)] as [(UInt64, UInt64)])
  func weightsOnTheKernelsScale(weight: UInt64, shares: UInt64) {
    #expect(V1.shares(weight: weight) == shares)
  }

  @Test(
    arguments: [
      (CgroupLimits(memoryBytes: 0), "memory limit 0: must be 1 to 9007199254740992 bytes"),
      (CgroupLimits(memoryBytes: .max), "memory limit 18446744073709551615: must be 1 to 9007199254740992 bytes"),
      (CgroupLimits(swapBytes: 0), "swap limit: it needs a memory limit beside it"),
      (CgroupLimits(pids: 0), "pids limit 0: must be 1 to 4194304 processes"),
      (CgroupLimits(cpuMillis: 9), "cpu limit 9: must be 10 to 1000000 thousandths of a core"),
      (CgroupLimits(cpuWeight: 10_001), "cpu weight 10001: must be 1 to 10000 (100 is usual)"),
    ])
  func limitsThatCannotBeMeant(limits: CgroupLimits, text: String) throws {
    for layout in [legacyLayout, unifiedLayout] {
      let error = #expect(throws: CgroupError.self) { try Cgroup("a", in: layout).create(limits) }
      #expect(error?.description == text)
    }
  }

  @Test func absentControllersAreNamed() throws {
    let layout = CgroupLayout(
      version: .v1, hierarchies: [.init(mountPoint: "/cg/memory", controllers: [.memory])],
      absent: [.init(.pids, .notMounted), .init(.cpu, .notBuilt)])
    let group = try Cgroup("a", in: layout)
    let pids = #expect(throws: CgroupError.self) { try group.create(.init(pids: 3)) }
    #expect(
      pids?.description
        == "set pids limit: no pids controller: it is not mounted: mkdir /sys/fs/cgroup/pids && mount -t cgroup -o pids pids /sys/fs/cgroup/pids"
    )
    let cpu = #expect(throws: CgroupError.self) { try group.create(.init(cpuMillis: 100)) }
    #expect(
      cpu?.description
        == "set cpu limit: no cpu controller: this kernel was built without it: CONFIG_CGROUP_SCHED and CONFIG_CFS_BANDWIDTH"
    )
    #expect(throws: CgroupError.self) { try group.freeze() }
    #expect(group.directories == ["/cg/memory/a"])
  }

  @Test(arguments: ["", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "a\nb", "a\u{7F}"])
  func namesThatLeadElsewhere(name: String) {
    #expect(throws: CgroupError.self) { try Cgroup(name, in: legacyLayout) }
  }

  @Test func namesAreBounded() throws {
    let component = String(repeating: "x", count: 255)
    _ = try Cgroup(component, in: legacyLayout)
    #expect(throws: CgroupError.self) { try Cgroup(component + "x", in: legacyLayout) }
    #expect(throws: CgroupError.self) {
      try Cgroup(Array(repeating: component, count: 9).joined(separator: "/"), in: legacyLayout)
    }
    #expect(throws: CgroupError.self) { try Cgroup("a", in: legacyLayout).child("../b") }
    #expect(try Cgroup("a", in: legacyLayout).child("b").name == "a/b")
  }

  @Test func operationsReadAsALine() {
    #expect(CgroupOperation.write(path: "/cg/x", text: "1").description == "write 1 to /cg/x")
    #expect(CgroupOperation.makeDirectory(path: "/cg/x").description == "make directory /cg/x")
  }
}
