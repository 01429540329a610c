import ContainerRunner
import Foundation
import Testing

/// Plans of an OCI runtime's containers, as PlanTests has those of the agent's.
@Suite struct RuntimePlanTests {
  private static func spec(_ change: (inout RuntimeSpec) -> Void = { _ in }) -> RuntimeSpec {
    var root = RootSpec(path: "/bundle/rootfs", readonly: true)
    root.idsAreMapped = true
    var process = ProcessSpec(args: ["true"], env: ["PATH=/bin"])
    process.capabilities = .all([.kill])
    var container = ContainerSpec(name: "c", process: process, root: root, hostname: "box")
    container.namespaces = [.mount, .pid, .uts, .ipc, .network, .cgroup]
    container.makesStandardDevices = true
    container.cgroup = CgroupPlacement(join: .directory("/sys/fs/cgroup/c"))
    var spec = RuntimeSpec(container)
    spec.mounts = [
      RuntimeMount(destination: "/proc", type: "proc", source: "proc"),
      RuntimeMount(destination: "/dev", type: "tmpfs", source: "tmpfs"),
    ]
    change(&spec)
    return spec
  }

  private static let variants: [(String, RuntimeSpec)] = [
    (
      "runtime",
      spec {
        var data = RuntimeMount(destination: "/data", type: "bind", source: "/srv")
        data.attributes = MountAttribute.readonly
        data.cleared = MountAttribute.nodev
        data.isRecursive = true
        data.propagation = .slave
        var scratch = RuntimeMount(destination: "/scratch", type: "tmpfs", source: "tmpfs")
        scratch.attributes = MountAttribute.readonly | MountAttribute.noatime
        scratch.copiesTarget = true
        $0.mounts += [data, scratch]
        $0.devices = [DeviceSpec(path: "/dev/a/b", mode: 0o20600, major: 10, minor: 5)]
        $0.sysctls = [Sysctl(path: "net/ipv4/ip_forward", value: "1")]
        $0.container.maskedPaths = ["/proc/keys"]
        $0.start = StartFIFOs(control: "/run/c/start.fifo", errors: "/run/c/errors.fifo")
        $0.waitsForHooks = true
      }
    ),
    (
      "runtime-joined",
      spec {
        $0.container.namespaces = [.mount]
        $0.joinedNamespaces = [
          JoinedNamespace(kind: .network, path: "/run/netns/x"), JoinedNamespace(kind: .pid, path: "/proc/7/ns/pid"),
          JoinedNamespace(kind: .uts, path: "/proc/7/ns/uts"),
        ]
        $0.console = ConsoleSpec(rows: 24, columns: 80)
      }
    ),
    (
      "runtime-user-namespace",
      spec {
        $0.container.namespaces.insert(.user)
        $0.container.uidMappings = [IDMapping(containerID: 0, hostID: 1000, size: 10)]
        $0.container.gidMappings = $0.container.uidMappings
        $0.container.process.user = UserSpec(uid: 5, gid: 6)
        $0.ownsStreams = true
      }
    ),
  ]

  @Test(arguments: variants.indices) func wholeListIsAsWritten(index: Int) throws {
    let (name, spec) = Self.variants[index]
    let plan = try LaunchPlan(runtime: spec, facts: PlanTests.facts)
    try Self.compare(plan, name)
  }

  @Test func execIsAsWritten() throws {
    let plan = try LaunchPlan(execInRuntime: Self.variants[1].1, facts: PlanTests.facts)
    try Self.compare(plan, "runtime-exec")
  }

  private static func compare(_ plan: LaunchPlan, _ name: String) throws {
    let text = plan.describe().joined(separator: "\n") + "\n"
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("plans/\(name).txt")
    if ProcessInfo.processInfo.environment["MICROAGENT_WRITE_PLANS"] == "1" {
      try text.write(to: file, atomically: true, encoding: .utf8)
    }
    #expect(text == (try String(contentsOf: file, encoding: .utf8)))
    #expect(plan.describe().count == plan.stepCount)
  }

  @Test func whatCannotBeStartedIsFoundBeforeAnythingIsTouched() {
    func reason(_ facts: HostFacts = PlanTests.facts, _ change: (inout RuntimeSpec) -> Void) -> PlanError.Reason? {
      do {
        _ = try LaunchPlan(runtime: Self.spec(change), facts: facts)
        return nil
      } catch {
        return error.reason
      }
    }
    let old = HostFacts(kernel: KernelVersion(5, 10))
    #expect(reason(old) { _ in } == .kernelTooOldForRuntime(old.kernel))
    #expect(reason { $0.container.namespaces.remove(.mount) } == .noMountNamespace)
    #expect(reason { $0.container.namespaces.remove(.uts) } == .hostnameWithoutNamespace)
    #expect(reason { $0.mounts[0].destination = "proc" } == .notAbsolute(path: "proc"))
    #expect(reason { $0.container.process.args = [] } == .noProgram)
    let bind = RuntimeMount(destination: "/a", type: "bind", source: "/b")
    #expect(
      reason { $0.mounts += Array(repeating: bind, count: 41) } == .tooMany("bind mounts", limit: 40))
  }
}
