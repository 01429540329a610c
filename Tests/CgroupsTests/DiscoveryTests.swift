import Testing

@testable import Cgroups

/// A machine as its kernel describes it.
struct RecordedMachine {
  var mountInfo: String
  var selfCgroup: String
  var cgroupsTable: String
  var files: [String: String] = [:]

  func discover() throws(CgroupError) -> CgroupLayout {
    try CgroupLayout.discover(
      mountInfo: Array(mountInfo.utf8), selfCgroup: Array(selfCgroup.utf8), cgroupsTable: Array(cgroupsTable.utf8),
      readFile: { path in files[path].map { Array($0.utf8) } })
  }
}

/// A table with everything enabled, whose v1 hierarchies have these numbers; the others 0.
private func table(_ hierarchies: [String: Int] = [:], disabled: [String] = []) -> String {
  let names = ["cpuset", "cpu", "cpuacct", "blkio", "memory", "devices", "freezer", "net_cls", "pids"]
  return "#subsys_name\thierarchy\tnum_cgroups\tenabled\n"
    + names.map { "\($0)\t\(hierarchies[$0] ?? 0)\t1\t\(disabled.contains($0) ? 0 : 1)\n" }.joined()
}

private let hybrid = RecordedMachine(
  mountInfo: """
    23 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
    28 23 0:22 / /sys rw,relatime - sysfs sysfs rw
    31 28 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
    32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
    33 31 0:30 / /sys/fs/cgroup/cpuacct rw,relatime - cgroup cgroup rw,cpuacct
    35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
    37 31 0:34 / /sys/fs/cgroup/freezer rw,relatime - cgroup cgroup rw,freezer
    39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
    40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
    41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw

    """,
  selfCgroup: "5:memory:/agents/a:b\n4:freezer:/\n3:pids:/\n2:cpuacct:/\n1:cpu:/\n0::/\n",
  cgroupsTable: table(["cpu": 1, "cpuacct": 2, "memory": 5, "freezer": 4, "pids": 3]),
  files: [
    "/sys/fs/cgroup/unified/cgroup.controllers": "hugetlb\n",
    "/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes": "9223372036854771712\n",
  ])

private let pureV2 = RecordedMachine(
  mountInfo: """
    22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
    25 22 0:23 / /sys rw,nosuid shared:7 - sysfs sysfs rw
    30 25 0:26 / /sys/fs/cgroup rw,nosuid,nodev shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot

    """,
  selfCgroup: "0::/system.slice/microagentd.service\n", cgroupsTable: table(),
  files: ["/sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory hugetlb pids rdma misc\n"])

@Suite struct DiscoveryTests {
  @Test func hybridWithControllersOnV1IsV1() throws {
    let layout = try hybrid.discover()
    #expect(layout.version == .v1)
    #expect(layout.countsSwap)
    #expect(
      layout.hierarchies == [
        .init(
          mountPoint: "/sys/fs/cgroup/memory", controllers: [.memory],
          ownDirectory: "/sys/fs/cgroup/memory/agents/a:b"),
        .init(mountPoint: "/sys/fs/cgroup/pids", controllers: [.pids], ownDirectory: "/sys/fs/cgroup/pids"),
        .init(mountPoint: "/sys/fs/cgroup/cpu", controllers: [.cpu], ownDirectory: "/sys/fs/cgroup/cpu"),
        .init(mountPoint: "/sys/fs/cgroup/cpuacct", controllers: [.cpuacct], ownDirectory: "/sys/fs/cgroup/cpuacct"),
        .init(mountPoint: "/sys/fs/cgroup/freezer", controllers: [.freezer], ownDirectory: "/sys/fs/cgroup/freezer"),
      ])
    #expect(layout.absent == [.init(.devices, .notMounted), .init(.io, .notMounted), .init(.cpuset, .notMounted)])
  }

  @Test func coMountedCpuAndCpuacctAreOneHierarchy() throws {
    let machine = RecordedMachine(
      mountInfo: """
        17 1 8:1 / / rw - ext4 /dev/sda1 rw
        24 17 0:20 / /sys/fs/cgroup ro,nosuid shared:8 - tmpfs tmpfs ro,mode=755
        27 24 0:23 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:10 master:2 - cgroup cgroup rw,cpu,cpuacct
        28 24 0:24 / /sys/fs/cgroup/memory rw,nosuid shared:11 - cgroup cgroup rw,memory
        29 24 0:25 / /sys/fs/cgroup/blkio rw,nosuid - cgroup cgroup rw,blkio

        """,
      selfCgroup: "4:cpu,cpuacct:/user.slice\n3:memory:/\n1:name=systemd:/init.scope\n",
      cgroupsTable: table(["cpu": 4, "cpuacct": 4, "memory": 3]))
    let layout = try machine.discover()
    #expect(!layout.countsSwap)
    #expect(
      layout.hierarchies.map(\.mountPoint).sorted() == [
        "/sys/fs/cgroup/blkio", "/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/memory",
      ])
    #expect(layout.hierarchy(of: .cpuacct) == layout.hierarchy(of: .cpu))
    #expect(layout.hierarchy(of: .cpu)?.ownDirectory == "/sys/fs/cgroup/cpu,cpuacct/user.slice")
    #expect(layout.hierarchy(of: .io)?.mountPoint == "/sys/fs/cgroup/blkio")
    // One directory for both, not two.
    #expect(
      try Cgroup("web", in: layout).directories == [
        "/sys/fs/cgroup/memory/web", "/sys/fs/cgroup/cpu,cpuacct/web",
      ])
  }

  @Test func oneTreeWithAllControllersIsV2() throws {
    let layout = try pureV2.discover()
    #expect(layout.version == .v2)
    #expect(
      layout.hierarchies == [
        .init(
          mountPoint: "/sys/fs/cgroup", controllers: [.cpuset, .cpu, .io, .memory, .pids],
          ownDirectory: "/sys/fs/cgroup/system.slice/microagentd.service")
      ])
    #expect(layout.absent.isEmpty)
    #expect(layout.has(.freezer) && layout.has(.cpuacct) && layout.has(.devices))
  }

  @Test func v2MountThatShowsAPartOfTheTree() throws {
    var machine = pureV2
    machine.mountInfo = """
      30 1 0:26 /lxc/board /sys/fs/cg\\040root rw - cgroup2 none rw

      """
    machine.selfCgroup = "0::/lxc/board/agent\n"
    machine.files = ["/sys/fs/cg root/cgroup.controllers": "memory pids\n"]
    let layout = try machine.discover()
    #expect(layout.hierarchies[0].mountPoint == "/sys/fs/cg root")
    #expect(layout.hierarchies[0].ownDirectory == "/sys/fs/cg root/agent")
    #expect(
      layout.absent == [
        .init(.cpu, .notDelegated), .init(.io, .notDelegated), .init(.cpuset, .notDelegated),
      ])
    machine.selfCgroup = "0::/lxc/boardroom\n"
    #expect(try machine.discover().hierarchies[0].ownDirectory == nil)
  }

  @Test func containerUnderSystemdWithALowerAndAFullMountTakesTheFullOne() throws {
    var machine = hybrid
    machine.mountInfo += """
      60 23 0:32 /agents /mnt/part rw,relatime - cgroup cgroup rw,memory
      61 23 0:32 /agents/a:b /mnt/own rw,relatime - cgroup cgroup rw,memory

      """
    #expect(try machine.discover().hierarchy(of: .memory)?.mountPoint == "/sys/fs/cgroup/memory")
  }

  @Test func memorySwitchedOffOnV2() throws {
    var machine = pureV2
    machine.cgroupsTable = table(disabled: ["memory"])
    machine.files = ["/sys/fs/cgroup/cgroup.controllers": "cpuset cpu io pids\n"]
    let layout = try machine.discover()
    #expect(layout.version == .v2)
    let error = #expect(throws: CgroupError.self) { try Cgroup("web", in: layout).create(.init(memoryBytes: 4 << 20)) }
    #expect(
      error?.description
        == "set memory limit: no memory controller: it is switched off: enable it on the kernel command line: cgroup_enable=memory"
    )
    // What needs no memory controller works.
    #expect(try !Cgroup("web", in: layout).create(.init(pids: 5)).operations.isEmpty)
  }

  @Test func memorySwitchedOffOnV1() throws {
    var machine = hybrid
    machine.mountInfo = machine.mountInfo.split(separator: "\n", omittingEmptySubsequences: false)
      .filter { !$0.contains("rw,memory") }.joined(separator: "\n")
    machine.cgroupsTable = table(["cpu": 1, "pids": 3], disabled: ["memory"])
    let layout = try machine.discover()
    #expect(layout.version == .v1)
    #expect(layout.absent.contains(.init(.memory, .disabled)))
    #expect(!layout.countsSwap)
  }

  @Test func aKernelWithoutV1ListsNoMemoryInItsTableAndStillHasIt() throws {
    var machine = pureV2
    machine.cgroupsTable = "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t0\t1\t1\n"
    #expect(try machine.discover().has(.memory))
  }

  @Test func memoryOnV2BesideOtherControllersOnV1IsV2() throws {
    var machine = hybrid
    machine.mountInfo = machine.mountInfo.split(separator: "\n", omittingEmptySubsequences: false)
      .filter { !$0.contains("rw,memory") }.joined(separator: "\n")
    machine.files = ["/sys/fs/cgroup/unified/cgroup.controllers": "memory\n"]
    let layout = try machine.discover()
    #expect(layout.version == .v2)
    #expect(layout.hierarchies[0].mountPoint == "/sys/fs/cgroup/unified")
    #expect(layout.absent.contains(.init(.pids, .heldByLegacy)))
  }

  @Test func whatIsMountedOverIsNotSeen() throws {
    var machine = hybrid
    // v2 over the directory that holds the v1 mounts.
    machine.mountInfo += "50 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
    machine.files = ["/sys/fs/cgroup/cgroup.controllers": "cpu memory pids\n"]
    let layout = try machine.discover()
    #expect(layout.version == .v2)
    #expect(layout.hierarchies[0].mountPoint == "/sys/fs/cgroup")
    // And a tmpfs over that again hides everything.
    machine.mountInfo += "51 50 0:50 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
    #expect(throws: CgroupError.notMounted) { try machine.discover() }
  }

  @Test func nothingMountedSaysWhatToDo() {
    let machine = RecordedMachine(
      mountInfo: "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n", selfCgroup: "", cgroupsTable: "")
    let error = #expect(throws: CgroupError.notMounted) { try machine.discover() }
    #expect(
      error?.description == "find control groups: none is mounted: mount -t cgroup2 none /sys/fs/cgroup")
  }

  @Test(arguments: ["", "\n\n", "30 25", "x y z - cgroup2 a b", "1 1 0:1 / / rw - cgroup2", "- - - - - - - - - -"])
  func junkInTheMountTableIsPassedOver(junk: String) throws {
    var machine = pureV2
    machine.mountInfo = junk + "\n" + machine.mountInfo + junk
    #expect(try machine.discover() == pureV2.discover())
  }

  @Test func escapesOfTheMountTable() {
    #expect(Mount.unescaped(Array(#"/a\040b\011c\134d\12"#.utf8)[...]) == "/a b\tc\\d\\12")
    #expect(Mount.unescaped(Array(#"\777\08x"#.utf8)[...]) == #"\777\08x"#)
  }

  @Test func mountsThatLoopEnd() {
    let table = MountTable(
      mountInfo: Array("1 2 0:1 / / rw - cgroup2 a rw\n2 1 0:1 / / rw - cgroup2 a rw\n".utf8))
    #expect(table.visible(type: "cgroup2").isEmpty)
  }
}
