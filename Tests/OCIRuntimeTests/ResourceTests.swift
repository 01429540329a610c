import Cgroups
import Testing

@testable import OCIRuntime

/// What limits become in the files of control groups.
@Suite struct ResourceTests {
  private static let v2 = CgroupLayout(
    version: .v2,
    hierarchies: [.init(mountPoint: "/cg", controllers: [.memory, .pids, .cpu, .cpuset], ownDirectory: nil)])
  private static let v1 = CgroupLayout(
    version: .v1,
    hierarchies: [.memory, .pids, .cpu, .devices, .cpuset, .freezer].map {
      .init(mountPoint: "/cg/\($0.rawValue)", controllers: [$0], ownDirectory: nil)
    })

  private static func writes(_ resources: String, on layout: CgroupLayout) throws -> [String] {
    let config = try RuntimeConfigTests.read(RuntimeConfigTests.document(linux: "\"resources\": \(resources)"))
    let group = try Cgroup("a/b", in: layout, controllers: config.resources.controllers(on: layout))
    return try config.resources.operations(on: group).map { "\($0)" }
  }

  private static let all = """
    { "memory": { "limit": 1000, "swap": 1500, "reservation": 500 }, "pids": { "limit": 5 },
      "cpu": { "shares": 1024, "quota": 20000, "period": 50000, "cpus": "0", "mems": "0" } }
    """

  @Test func limitsOfV2() throws {
    #expect(
      try Self.writes(Self.all, on: Self.v2) == [
        "write 1000 to /cg/a/b/memory.max", "write 500 to /cg/a/b/memory.swap.max", "write 500 to /cg/a/b/memory.low",
        "write 5 to /cg/a/b/pids.max", "write 39 to /cg/a/b/cpu.weight", "write 20000 50000 to /cg/a/b/cpu.max",
        "write 0 to /cg/a/b/cpuset.cpus", "write 0 to /cg/a/b/cpuset.mems",
      ])
    #expect(
      try Self.writes(
        "{ \"pids\": { \"limit\": -1 }, \"memory\": { \"limit\": -1 }, \"unified\": { \"memory.high\": \"9\" } }",
        on: Self.v2)
        == ["write max to /cg/a/b/memory.max", "write max to /cg/a/b/pids.max", "write 9 to /cg/a/b/memory.high"])
  }

  @Test func limitsOfV1() throws {
    #expect(
      try Self.writes(Self.all, on: Self.v1) == [
        "write 1000 to /cg/memory/a/b/memory.limit_in_bytes",
        "write 1500 to /cg/memory/a/b/memory.memsw.limit_in_bytes",
        "write 500 to /cg/memory/a/b/memory.soft_limit_in_bytes", "write 5 to /cg/pids/a/b/pids.max",
        "write 1024 to /cg/cpu/a/b/cpu.shares", "write 50000 to /cg/cpu/a/b/cpu.cfs_period_us",
        "write 20000 to /cg/cpu/a/b/cpu.cfs_quota_us", "write 0 to /cg/cpuset/a/b/cpuset.cpus",
        "write 0 to /cg/cpuset/a/b/cpuset.mems",
      ])
  }

  /// What rises and what falls must be written in opposite orders.
  @Test func memoryOfV1HasTwoOrders() throws {
    let resources = try ResourceConfig.read(Array("{ \"memory\": { \"limit\": 5, \"swap\": 7 } }".utf8))
    let group = try Cgroup("a", in: Self.v1)
    let falling = try resources.operations(on: group).map { "\($0)" }
    #expect(try resources.operations(on: group, raisesMemory: true).map { "\($0)" } == falling.reversed())
    #expect(falling.first == "write 5 to /cg/memory/a/memory.limit_in_bytes")
    #expect(throws: ConfigError.self) { try ResourceConfig.read(Array("{ \"devices\": [{}] }".utf8)) }
  }

  /// Whatever a configuration refuses, a container has the devices that every program counts on.
  @Test func devicesOfV1() throws {
    let writes = try Self.writes("{ \"devices\": [{ \"allow\": false, \"access\": \"rwm\" }] }", on: Self.v1)
    #expect(writes.first == "write a to /cg/devices/a/b/devices.deny")
    #expect(writes.contains("write c 1:3 rwm to /cg/devices/a/b/devices.allow"))
    #expect(writes.contains("write c *:* m to /cg/devices/a/b/devices.allow"))
    #expect(writes.last == "write c 136:* rwm to /cg/devices/a/b/devices.allow")
  }

  @Test(
    arguments: [
      ("{ \"memory\": { \"limit\": 1000, \"swap\": 500 } }", "not below memory.limit", v2),
      ("{ \"memory\": { \"swappiness\": 5 } }", "have no such limit", v2),
      ("{ \"unified\": { \"memory.high\": \"9\" } }", "control groups v1", v1),
    ]) func whatAMachineCannotHoldIsAnError(resources: String, expected: String, layout: CgroupLayout)
  {
    do {
      _ = try Self.writes(resources, on: layout)
      Issue.record("no error")
    } catch {
      #expect("\(error)".contains(expected), "\(error)")
    }
  }

  @Test(arguments: [(0, 1), (2, 1), (1024, 39), (262_144, 10_000), (UInt64.max, 10_000)] as [(UInt64, UInt64)])
  func sharesBecomeWeights(shares: UInt64, weight: UInt64) {
    #expect(ResourceConfig.weight(shares: shares) == weight)
  }
}
