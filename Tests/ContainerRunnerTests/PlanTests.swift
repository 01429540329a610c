import ContainerRunner
import Foundation
import LinuxSystem
import Testing

/// Plans are pure: these need neither root nor Linux. Each variant's whole list stands in plans/; a change of it is
/// meant to be read in the diff. MICROAGENT_WRITE_PLANS=1 writes them anew.
@Suite struct PlanTests {
  static let facts = HostFacts(kernel: KernelVersion(6, 1))
  static let ext4: UInt64 = 0xEF53

  static let base = ContainerSpec.standard(
    name: "dns", root: RootSpec(path: "/images/dns", readonly: true), args: ["dnsmasq", "--no-daemon"],
    firstHostID: 100_000)

  static let variants: [(String, ContainerSpec, HostFacts)] = [
    ("default", base, facts),
    ("host-network", changed { $0.namespaces.remove(.network) }, facts),
    (
      "no-user-namespace",
      changed {
        $0.namespaces.remove(.user)
        $0.process.user = UserSpec(uid: 53, gid: 53, additionalGids: [54])
      }, facts
    ),
    ("initramfs", changed { $0.namespaces.remove(.user) }, HostFacts(kernel: facts.kernel, rootIsInitramfs: true)),
    ("writable", changed { $0.root.readonly = false }, facts),
    (
      "overlay",
      changed {
        $0.root.overlay = OverlaySpec(directory: "/data/dns", upper: "/data/dns/upper", work: "/data/dns/work")
      }, facts
    ),
    (
      "overlay-volatile",
      changed {
        $0.root.overlay = OverlaySpec(upper: "/data/dns/upper", work: "/data/dns/work", isVolatile: true)
      }, facts
    ),
    (
      "overlay-limited",
      changed {
        $0.root.overlay = OverlaySpec(
          directory: "/data/dns", upper: "/data/dns/upper", work: "/data/dns/work",
          limits: FileLimits(bytes: 5 << 30, files: 4096))
      }, facts
    ),
    (
      "layers",
      changed {
        $0.root = RootSpec(path: "/layers/c", overlay: OverlaySpec(upper: "/data/dns/upper", work: "/data/dns/work"))
        $0.root.below = ["/layers/b", "/layers/a"]
      }, facts
    ),
    (
      "layers-readonly",
      changed {
        $0.root = RootSpec(path: "/layers/b", readonly: true)
        $0.root.below = ["/layers/a"]
      }, facts
    ),
    (
      "cgroup-v1",
      changed {
        $0.cgroup = CgroupPlacement(
          operations: [
            .makeDirectory("/sys/fs/cgroup/pids/agent/dns"),
            .write(path: "/sys/fs/cgroup/pids/agent/dns/pids.max", text: "64"),
          ],
          join: .tasks(["/sys/fs/cgroup/pids/agent/dns/tasks", "/sys/fs/cgroup/memory/agent/dns/tasks"]))
      }, facts
    ),
    (
      "cgroup-v2",
      changed {
        $0.cgroup = CgroupPlacement(
          operations: [
            .makeDirectory("/sys/fs/cgroup/agent/dns"),
            .write(path: "/sys/fs/cgroup/agent/dns/memory.max", text: "4194304"),
          ],
          join: .directory("/sys/fs/cgroup/agent/dns"))
      }, facts
    ),
    (
      "everything",
      changed {
        $0.namespaces = .all
        $0.mounts += [
          .bind("/srv/zone", on: "/etc/zone", readonly: true),
          MountSpec(destination: "/tmp", type: "tmpfs", source: "tmpfs", options: [.nosuid, .nodev], data: "size=1m"),
        ]
        $0.process.noNewPrivileges = false
        $0.process.oomScoreAdj = 300
        $0.process.capabilities.ambient = .netBindService
        $0.root.idsAreMapped = true
      }, HostFacts(kernel: .oldestSupported)
    ),
  ]

  static func changed(_ change: (inout ContainerSpec) -> Void) -> ContainerSpec {
    var spec = base
    change(&spec)
    return spec
  }

  @Test(arguments: variants.indices) func wholeListIsAsWritten(index: Int) throws {
    let (name, spec, facts) = PlanTests.variants[index]
    let plan = try LaunchPlan(spec, facts: facts, rootMagic: PlanTests.ext4)
    let text = plan.describe().joined(separator: "\n") + "\n"
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("plans/\(name).txt")
    if ProcessInfo.processInfo.environment["MICROAGENT_WRITE_PLANS"] == "1" {
      try text.write(to: file, atomically: true, encoding: .utf8)
    }
    #expect(text == (try String(contentsOf: file, encoding: .utf8)))
    #expect(plan.describe().count == plan.stepCount)
  }

  @Test(arguments: variants.indices) func stepsAreNumberedAcrossAllLists(index: Int) throws {
    let (_, spec, facts) = PlanTests.variants[index]
    let plan = try LaunchPlan(spec, facts: facts, rootMagic: PlanTests.ext4)
    for (index, line) in plan.describe().enumerated() {
      #expect(line.hasPrefix("\(index + 1) \(plan.step(at: index + 1))"))
    }
    #expect(plan.step(at: 0).isEmpty)
    #expect(plan.step(at: plan.stepCount + 1) == "the end of the plan")
  }

  /// While the host's root is at hand, proc leads there: no path is looked up with it in place but those in it, and the
  /// program's directory only when nothing of the host is open any more.
  @Test func nothingIsLookedUpThroughProcWhileTheHostIsAtHand() throws {
    let spec = PlanTests.changed {
      $0.mounts += [.bind("/srv/uptime", on: "/proc/uptime"), .bind("/srv/zone", on: "/processed")]
      $0.process.cwd = "/work"
    }
    let lines = try LaunchPlan(spec, facts: PlanTests.facts, rootMagic: PlanTests.ext4).describe()
    let order = [
      "take /srv/zone (bind 1)", "take /srv/uptime (bind 2)", "mount sysfs on /sys", "mount bind 1 on /processed",
      "mount proc on /proc", "mount bind 2 on /proc/uptime", "leave the old root", "go to /",
      "close other descriptors", "limit resource 7", "go to /work",
    ]
    let places = order.map { step in lines.firstIndex { $0.contains(" " + step) } ?? -1 }
    #expect(places == places.sorted() && !places.contains(-1), "\(zip(order, places).map { "\($0)" })")
  }

  @Test func whatTheProcessorLacksIsSaid() throws {
    let spec = Self.changed { $0.process.lacking = [.conditionalMove, .sse] }
    let last = try LaunchPlan(spec, facts: Self.facts, rootMagic: Self.ext4).describe().last
    #expect(last?.hasSuffix(",unless it needs CMOV, SSE)") == true)
  }

  @Test func failureNamesItsStep() throws {
    let plan = try LaunchPlan(PlanTests.base, facts: PlanTests.facts, rootMagic: PlanTests.ext4)
    let number = try #require(plan.describe().firstIndex { $0.contains("mount proc on") }) + 1
    let error = try #require(ContainerProcess.parseFailure([UInt8(number), 0, 0, 0, 1, 0, 0, 0], of: plan))
    #expect(
      error.description
        == "container dns: mount proc on /proc: Operation not permitted (step \(number) of \(plan.stepCount))")
    #expect(ContainerProcess.parseFailure([], of: plan) == nil)
    // Bytes that no executor wrote must not trap.
    #expect(ContainerProcess.parseFailure([UInt8](repeating: 255, count: 8), of: plan) != nil)
  }

  @Test(arguments: [
    ("Linux 5.9 is too old: containers need 5.10 or newer", HostFacts(kernel: KernelVersion(5, 9)), base),
    ("there is no program to run: give it in args", facts, changed { $0.process.args = [] }),
    ("path \"etc\" is not absolute: begin it with /", facts, changed { $0.process.cwd = "etc" }),
    ("a text holds a zero byte after \"a\"", facts, changed { $0.process.args = ["x", "a\0b"] }),
    (
      "user 70000 is not mapped in the container's user namespace", facts,
      changed { $0.process.user.uid = 70000 }
    ),
    (
      "this kernel has no time namespaces (CONFIG_TIME_NS)",
      HostFacts(kernel: KernelVersion(6, 1), hasTimeNamespaces: false), changed { $0.namespaces = .all }
    ),
    (
      "a host name without a uts namespace would rename the host", facts,
      changed { $0.namespaces.remove(.uts) }
    ),
    (
      "a container without a mount namespace would change the host's mounts", facts,
      changed { $0.namespaces.remove(.mount) }
    ),
    (
      "a user namespace needs uidMappings and gidMappings that include id 0", facts,
      changed { $0.uidMappings = [] }
    ),
    (
      "Linux 5.10 cannot map the ids of the file system of /images/dns: unpack the image for this container",
      HostFacts(kernel: .oldestSupported), base
    ),
    (
      "too many arguments and environment variables: at most 2048", facts,
      changed { $0.process.args = [String](repeating: "x", count: 2048) }
    ),
    (
      "too many bind mounts: at most 39", facts,
      changed { $0.mounts += (0..<40).map { .bind("/a", on: "/b\($0)") } }
    ),
  ]) func badSpecsAreRefused(message: String, facts: HostFacts, spec: ContainerSpec) {
    let error = #expect(throws: PlanError.self) {
      try LaunchPlan(spec, facts: facts, rootMagic: PlanTests.ext4)
    }
    #expect(error?.description == "container dns: " + message)
  }

  @Test func squashfsNeedsANewerKernel() {
    let squashfs: UInt64 = 0x7371_7368
    #expect(throws: PlanError.self) {
      try LaunchPlan(PlanTests.base, facts: PlanTests.facts, rootMagic: squashfs)
    }
    #expect(throws: Never.self) {
      try LaunchPlan(PlanTests.base, facts: HostFacts(kernel: KernelVersion(6, 2)), rootMagic: squashfs)
    }
  }

  @Test func kernelVersionsAreRead() {
    #expect(KernelVersion(release: "6.1.0-44-686") == KernelVersion(6, 1))
    #expect(KernelVersion(release: "5.10-rc1") == KernelVersion(5, 10))
    #expect(KernelVersion(release: "linux") == nil)
    #expect(KernelVersion(5, 9) < KernelVersion(5, 10) && KernelVersion(5, 99) < KernelVersion(6, 0))
  }

  @Test func cleanupListsWhatWasMade() {
    let spec = PlanTests.changed {
      $0.cgroup.operations = [.makeDirectory("/c"), .write(path: "/c/x", text: "1"), .makeDirectory("/c/d")]
      $0.root.overlay = OverlaySpec(upper: "/u", work: "/w")
    }
    #expect(Cleanup(spec).cgroupDirectories == ["/c/d", "/c"])
    #expect(Cleanup(spec).dataTrees == ["/w", "/u"])
  }
}
