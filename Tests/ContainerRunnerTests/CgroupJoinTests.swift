import ContainerRunner
import Foundation
import LinuxSystem
import Testing

extension RunningContainers {
  /// Both ways into a control group, in directories of this test's own.
  @Suite struct CgroupJoinTests {
    /// Where a hierarchy of this type and with this option is mounted, from /proc/self/mounts.
    private static func hierarchy(_ type: String, _ option: String) -> String? {
      let lines = String(decoding: (try? Files.read("/proc/self/mounts")) ?? [], as: UTF8.self).split(separator: "\n")
      for line in lines {
        let words = line.split(separator: " ").map(String.init)
        if words[2] == type, option.isEmpty || words[3].split(separator: ",").contains(Substring(option)) {
          return words[1]
        }
      }
      return nil
    }

    private static let pids = hierarchy("cgroup", "pids")
    private static let unified = hierarchy("cgroup2", "")

    /// The container's cgroups as the host sees them while it runs.
    private func cgroups(_ placement: CgroupPlacement) throws -> String {
      let sandbox = try Sandbox()
      var spec = sandbox.spec(["sh", "-c", "cat /proc/self/cgroup"])
      spec.cgroup = placement
      let plan = try LaunchPlan(
        spec, facts: try HostFacts.discover(), rootMagic: try HostFacts.fileSystemMagic(of: sandbox.rootPath))
      let outcome = try Live.run(plan)
      #expect(outcome.failure == nil)
      for directory in Cleanup(spec).cgroupDirectories {
        try Files.removeDirectory(directory)
        #expect(!Files.exists(directory))
      }
      return outcome.output
    }

    @Test(.enabled(if: pids != nil, "needs the pids controller of cgroup v1")) func joinsByTasks() throws {
      let directory = try #require(Self.pids) + "/microagent-runner-\(getpid())"
      let seen = try cgroups(
        CgroupPlacement(
          operations: [.makeDirectory(directory), .write(path: directory + "/pids.max", text: "16")],
          join: .tasks([directory + "/tasks"])))
      // Its own group is its root: the namespace was made after the join.
      #expect(seen.split(separator: "\n").contains { $0.hasSuffix(":pids:/") })
    }

    @Test(.enabled(if: unified != nil, "needs cgroup v2")) func isBornInItsGroup() throws {
      let directory = try #require(Self.unified) + "/microagent-runner-\(getpid())"
      let seen = try cgroups(CgroupPlacement(operations: [.makeDirectory(directory)], join: .directory(directory)))
      #expect(seen.split(separator: "\n").contains("0::/"))
    }

    @Test(.enabled(if: pids != nil, "needs the pids controller of cgroup v1")) func limitsHold() throws {
      let directory = try #require(Self.pids) + "/microagent-runner-\(getpid())"
      let sandbox = try Sandbox()
      var spec = sandbox.spec(["sh", "-c", "sleep 0 & sleep 0 & wait; echo all"])
      spec.cgroup = CgroupPlacement(
        operations: [.makeDirectory(directory), .write(path: directory + "/pids.max", text: "1")],
        join: .tasks([directory + "/tasks"]))
      let outcome = try Live.run(spec)
      try Files.removeDirectory(directory)
      #expect(outcome.output.contains("fork"))
      #expect(!outcome.output.contains("all"))
    }
  }
}
