import Basics
import CSystem
import ContainerRunner
import Foundation
import LinuxSystem
import Testing

extension RunningContainers {
  /// What goes wrong says where, and leaves nothing behind.
  @Suite struct FailureTests {
    private func failure(_ change: (inout ContainerSpec) -> Void) throws -> LaunchError? {
      let sandbox = try Sandbox()
      var spec = sandbox.spec(["true"])
      change(&spec)
      do {
        return try Live.run(spec).failure
      } catch let error as LaunchError {
        return error
      }
    }

    /// The message without its numbers, which say that it is the plan's step.
    private func text(_ error: LaunchError?) -> String {
      guard let error else { return "no failure" }
      let end = " (step \(error.step) of \(error.stepCount))"
      #expect(error.description.hasSuffix(end))
      return String(error.description.dropLast(end.count))
    }

    @Test func programIsMissing() throws {
      let error = try failure { $0.process.args = ["nothere"] }
      #expect(text(error) == "container box: run nothere: No such file or directory")
      #expect(error?.step == error?.stepCount)
    }

    @Test func programIsNoProgram() throws {
      let error = try failure { $0.process.args = ["/etc/layer"] }
      #expect(text(error) == "container box: run /etc/layer: Permission denied")
    }

    @Test func programNeedsWhatTheProcessorLacks() throws {
      let sandbox = try Sandbox()
      var spec = sandbox.spec(["tool"])
      let needs: [UInt8] = [UInt8(ProcessorFeatures.conditionalMove.rawValue), 0]
      // A program without needs of its own, loaded by one that has some, which is given by its path in the container.
      // Both are copies: the sandbox's busybox may be the machine's own.
      let (tool, loader) = (sandbox.rootPath + "/bin/tool", sandbox.rootPath + "/bin/loader")
      for copy in [tool, loader] {
        try FileManager.default.copyItem(atPath: sandbox.rootPath + "/bin/busybox", toPath: copy)
      }
      try setNeeds(needs, of: loader)
      try setNeeds([0, 0] + "/bin/loader".utf8, of: tool)
      spec.process.lacking = [.conditionalMove, .sse]
      let error = try Live.run(spec).failure
      #expect(text(error) == "container box: run tool: it needs CMOV")
      #expect(error?.lacking == .conditionalMove)
      spec.process.lacking = .sse
      #expect(try Live.run(spec).failure == nil)
    }

    private func setNeeds(_ value: [UInt8], of path: String) throws {
      let file = try FileDescriptor.open(path, O_RDONLY)
      let result = system_set_attribute(file.rawValue, "user.microagent.needs", value, value.count)
      #expect(result == 0, "no attributes on this file system")
    }

    @Test func rootIsMissing() throws {
      let error = try failure { $0.root.path = "/nowhere/at/all" }
      #expect(text(error) == "container box: take /nowhere/at/all: No such file or directory")
    }

    @Test func rootIsMissingToTheMounter() throws {
      let error = try failure {
        $0.root.path = "/nowhere/at/all"
        $0.root.overlay = OverlaySpec(upper: "/nowhere/upper", work: "/nowhere/work")
      }
      #expect(text(error) == "container box: make directory /nowhere/upper: No such file or directory")
    }

    @Test func mountIsImpossible() throws {
      let error = try failure { $0.mounts[0].data = "nonsense=1" }
      #expect(text(error) == "container box: mount proc on /proc: Invalid argument")
    }

    @Test func mountTargetCannotBeMade() throws {
      let error = try failure {
        $0.mounts.append(MountSpec(destination: "/new", type: "tmpfs", source: "tmpfs"))
      }
      #expect(text(error) == "container box: mount tmpfs on /new: Read-only file system")
    }

    @Test func workingDirectoryIsMissing() throws {
      let error = try failure { $0.process.cwd = "/none" }
      #expect(text(error) == "container box: go to /none: No such file or directory")
    }

    @Test func hostnameIsTooLong() throws {
      let name = String(repeating: "x", count: 65)
      let error = try failure { $0.hostname = name }
      #expect(text(error) == "container box: set the host name to \(name): Invalid argument")
    }

    @Test func cgroupIsMissing() throws {
      let path = "/sys/fs/cgroup/none/tasks"
      let error = try failure { $0.cgroup = CgroupPlacement(join: .tasks([path])) }
      #expect(text(error) == "container box: open \(path): No such file or directory")
    }

    @Test func idMapsAreRefused() throws {
      let sandbox = try Sandbox()
      var spec = sandbox.spec(["true"])
      spec.root.idsAreMapped = true
      let twice = IDMapping(containerID: 0, hostID: 1, size: 1)
      spec.gidMappings = [twice, twice]
      let plan = try LaunchPlan(spec, facts: try HostFacts.discover(), rootMagic: 0xEF53)
      let error = #expect(throws: LaunchError.self) { try Live.run(plan) }
      #expect(text(error) == "container box: make the container's process: Invalid argument")
    }

    @Test func endOfTheControlPipeMeansExit() throws {
      let sandbox = try Sandbox()
      let spec = sandbox.spec(["sh", "-c", "echo ran"], overlay: true)
      let outcome = try Live.run(spec, release: false)
      #expect(outcome.failure == nil && outcome.output.isEmpty)
      #expect(outcome.exitCode == ContainerProcess.neverRanExitCode)
    }

    @Test func lettingGoOfADeadChildIsNoFailure() throws {
      let sandbox = try Sandbox()
      var spec = sandbox.spec(["true"], firstHostID: 0)
      spec.process.cwd = "/none"
      let plan = try LaunchPlan(spec, facts: try HostFacts.discover(), rootMagic: 0xEF53)
      let pipe = try OutputPipe.make()
      let output = pipe.writing.rawValue
      let started = try ContainerProcess.start(plan, LaunchDescriptors(standardOutput: output, standardError: output))
      try #require(Live.isReadable(started.pidfd.rawValue))
      // Were this a write to a pipe, SIGPIPE would end the agent here.
      try ContainerProcess.releaseToExec(started.control)
      let null = try FileDescriptor.open("/dev/null", O_RDONLY)
      let outcome = try Live.finish(plan, started, reading: null.rawValue)
      #expect(text(outcome.failure) == "container box: go to /none: No such file or directory")
      #expect(pipe.reading.rawValue >= 0)
    }

    /// Other tests open and close descriptors in this process meanwhile, so a leak is told by what grows with each round.
    @Test func nothingIsLeftBehind() throws {
      let rounds = 40
      let mounts = try Files.read("/proc/self/mountinfo")
      let descriptors = try Files.list("/proc/self/fd").count
      for _ in 0..<rounds { try launchInEveryWay() }
      #expect(try Files.read("/proc/self/mountinfo") == mounts)
      #expect(try Files.list("/proc/self/fd").count < descriptors + rounds)
    }

    private func launchInEveryWay() throws {
      let sandbox = try Sandbox()
      for release in [true, false] {
        _ = try Live.run(sandbox.spec(["true"], overlay: true), release: release)
      }
      _ = try Live.run(sandbox.spec(["nothere"], overlay: true))
      var spec = sandbox.spec(["true"])
      spec.mounts.append(.bind("/nowhere", on: "/mnt"))
      #expect(throws: LaunchError.self) { try Live.run(spec) }
    }
  }
}
