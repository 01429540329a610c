import CSystem
import ContainerRunner
import Foundation
import LinuxSystem
import Testing

/// Plans of programs that are run in containers beside their own, as PlanTests has those of containers.
@Suite struct ExecPlanTests {
  private static let variants: [(String, ContainerSpec)] = [
    ("exec-cgroup-v1", changed { $0.cgroup = CgroupPlacement(join: .tasks(["/sys/fs/cgroup/pids/agent/dns/tasks"])) }),
    (
      "exec-cgroup-v2",
      changed {
        $0.cgroup = CgroupPlacement(join: .directory("/sys/fs/cgroup/agent/dns"))
        $0.process.user = UserSpec(uid: 53, gid: 53)
        $0.process.cwd = "/srv"
      }
    ),
    (
      "exec-host",
      changed {
        $0.namespaces.remove(.user)
        $0.namespaces.remove(.network)
      }
    ),
  ]

  private static func changed(_ change: (inout ContainerSpec) -> Void) -> ContainerSpec {
    PlanTests.changed {
      $0.process.args = ["ls", "-l"]
      $0.process.oomScoreAdj = 0
      change(&$0)
    }
  }

  @Test(arguments: variants.indices) func wholeListIsAsWritten(index: Int) throws {
    let (name, spec) = Self.variants[index]
    let plan = try LaunchPlan(execIn: spec, facts: PlanTests.facts)
    let text = plan.describe().joined(separator: "\n") + "\n"
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("plans/\(name).txt")
    if ProcessInfo.processInfo.environment["MICROAGENT_WRITE_PLANS"] == "1" {
      try text.write(to: file, atomically: true, encoding: .utf8)
    }
    #expect(text == (try String(contentsOf: file, encoding: .utf8)))
    #expect(plan.describe().count == plan.stepCount)
  }

  /// In the container are others, who may look at whatever shows itself: before it enters, nothing of the agent may be
  /// open or to be seen, and its directory is looked up when the rest is closed as well.
  @Test(arguments: variants.indices) func nothingOfTheAgentIsShownToTheContainer(index: Int) throws {
    let lines = try LaunchPlan(execIn: Self.variants[index].1, facts: PlanTests.facts).describe()
    let order = [
      "hide from the container", "close other descriptors (but standard input,", "enter the container",
      "set standard input, output and error", "close other descriptors", "go to /", "set capabilities",
      "die with the agent",
      "wait for the go", "run ls",
    ]
    var rest = lines[...]
    for step in order {
      let place = try #require(
        rest.firstIndex { $0.drop { $0 != " " }.dropFirst().hasPrefix(step) }, "\(step): \(lines)")
      rest = rest[(place + 1)...]
    }
    let made = try #require(lines.firstIndex { $0.contains("make a process in the container") })
    #expect(lines[made + 1].hasSuffix("hide from the container"), "first of all")
  }

  @Test(arguments: [
    ("there is no program to run: give it in args", changed { $0.process.args = [] }),
    ("path \"etc\" is not absolute: begin it with /", changed { $0.process.cwd = "etc" }),
    ("user 70000 is not mapped in the container's user namespace", changed { $0.process.user.uid = 70000 }),
    ("a text holds a zero byte after \"a\"", changed { $0.process.env = ["a\0b"] }),
  ]) func whatCannotBeIsRefused(message: String, spec: ContainerSpec) {
    let error = #expect(throws: PlanError.self) { try LaunchPlan(execIn: spec, facts: PlanTests.facts) }
    #expect(error?.description == "container dns: " + message)
  }
}

/// A container that goes on while something is done in it.
final class LongContainer {
  let pid: Int32
  private let pidfd: CInt

  init(_ spec: ContainerSpec) throws {
    let facts = try HostFacts.discover()
    let plan = try LaunchPlan(spec, facts: facts, rootMagic: try HostFacts.fileSystemMagic(of: spec.root.path))
    let null = try FileDescriptor.open("/dev/null", O_RDWR)
    let users: CInt = plan.needsUserNamespace ? try UserNamespace.make(plan).release() : -1
    defer { if users >= 0 { close(users) } }
    let started = try ContainerProcess.start(
      plan, LaunchDescriptors(standardOutput: null.rawValue, standardError: null.rawValue, userNamespace: users))
    pid = started.pid
    pidfd = started.pidfd.release()
    try ContainerProcess.releaseToExec(started.control)
    // The pipe's end says that the program runs, and what stands in it before that it does not.
    #expect(Live.isReadable(started.errors.rawValue))
    var byte: UInt8 = 0
    #expect(system_read(started.errors.rawValue, &byte, 1) == 0)
  }

  func exec(_ plan: LaunchPlan) throws -> Outcome {
    var pipe = try OutputPipe.make()
    let started = try ContainerProcess.start(
      plan,
      LaunchDescriptors(standardOutput: pipe.writing.rawValue, standardError: pipe.writing.rawValue, container: pidfd))
    pipe.writing = try FileDescriptor.open("/dev/null", O_RDONLY)
    try ContainerProcess.releaseToExec(started.control)
    return try Live.finish(plan, started, reading: pipe.reading.rawValue)
  }

  func end() throws {
    _ = system_kill(pid, SIGKILL)
    #expect(system_wait_for_end(pid) == 0)
    close(pidfd)
  }
}

extension RunningContainers {
  /// What a program sees and is that was run in a container beside its own.
  @Suite struct ExecLiveTests {
    private func outcome(
      _ args: [String], _ change: (inout ContainerSpec) -> Void = { _ in }
    ) throws -> (outcome: Outcome, container: [Substring: Substring], own: String) {
      let sandbox = try Sandbox()
      var spec = sandbox.spec(["sleep", "1000"])
      change(&spec)
      let container = try LongContainer(spec)
      spec.process.args = args
      let outcome = try container.exec(try LaunchPlan(execIn: spec, facts: try HostFacts.discover()))
      var namespaces: [Substring: Substring] = [:]
      for kind in ["mnt", "pid", "net", "uts", "ipc", "cgroup", "user"] {
        let link = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(container.pid)/ns/\(kind)")
        namespaces[Substring(kind)] = Substring(link)
      }
      let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid_for_children")
      try container.end()
      return (outcome, namespaces, own)
    }

    @Test func itIsInAllNamespacesOfTheContainerAndTheAgentInNone() throws {
      let before = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid_for_children")
      let script = "for n in mnt pid net uts ipc cgroup user; do echo $(stat -c %N /proc/self/ns/$n); done"
      let (outcome, container, own) = try outcome(["sh", "-c", script])
      #expect(outcome.failure == nil && outcome.exitCode == 0)
      for (kind, name) in container { #expect(outcome.output.contains(name), "\(kind): \(outcome.output)") }
      #expect(own == before)
    }

    @Test func itHasTheRightsOfTheContainersOwnProcess() throws {
      let status = ["grep", "-E", "^(Cap|Seccomp:|NoNewPrivs|Uid|Gid)", "/proc/1/status", "/proc/self/status"]
      let (outcome, _, _) = try outcome(status)
      let lines = outcome.lines.map { $0.split(separator: ":", maxSplits: 1)[1] }
      #expect(lines.count == 18 && lines.prefix(9) == lines.suffix(9), "\(outcome.output)")
    }

    @Test func itHasNothingOpenButItsStreams() throws {
      let (outcome, _, _) = try outcome(["sh", "-c", "ls /proc/self/fd; ls /proc/self/cwd/"])
      // The fourth is ls's own.
      #expect(outcome.output.hasPrefix("0\n1\n2\n3\n") && outcome.output.contains("bin\n"), "\(outcome.output)")
    }

    @Test func aStepThatFailsIsNamed() throws {
      let missing = try outcome(["no-such-program"]).outcome.failure
      #expect(missing?.errno == .noSuchFile && missing?.step == missing?.stepCount)
    }
  }
}
