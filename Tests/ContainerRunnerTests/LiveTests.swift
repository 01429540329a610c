import Basics
import ContainerRunner
import Foundation
import LinuxSystem
import Testing

/// Containers that really run: these need root, as the agent does. One at a time, for some look at what a run leaves.
@Suite(.serialized) struct RunningContainers {}

extension RunningContainers {
  /// What containers see from inside.
  @Suite struct LiveTests {
    private func shell(_ script: String, readonly: Bool = true, overlay: Bool = false) throws -> Outcome {
      let sandbox = try Sandbox()
      return try Live.run(sandbox.spec(["sh", "-c", script], readonly: readonly, overlay: overlay))
    }

    @Test func busyboxSeesARootOfItsOwn() throws {
      let outcome = try shell("id; hostname; echo $$; umask; ulimit -n; cat /etc/layer")
      #expect(outcome.failure == nil)
      #expect(outcome.lines == ["uid=0 gid=0", "box", "1", "0022", "1024", "lower"])
      #expect(outcome.exitCode == 0)
    }

    @Test func exitCodeAndSignalAreSeen() throws {
      #expect(try shell("exit 7").exitCode == 7)
      #expect(try shell("sh -c 'kill -9 $$'; exit $?").exitCode == 137)
    }

    @Test func privilegesAreGone() throws {
      let outcome = try shell("grep -E '^(Cap|NoNew|Seccomp:)' /proc/self/status")
      let allowed = String(Capabilities.standard.rawValue, radix: 16)
      let full = String(repeating: "0", count: 16 - allowed.count) + allowed
      let none = String(repeating: "0", count: 16)
      #expect(
        outcome.lines == [
          "CapInh:\t\(none)", "CapPrm:\t\(full)", "CapEff:\t\(full)", "CapBnd:\t\(full)", "CapAmb:\t\(none)",
          "NoNewPrivs:\t1", "Seccomp:\t2",
        ])
    }

    @Test func mountsAreTheContainersOwn() throws {
      let outcome = try shell("cat /proc/mounts")
      let points = outcome.lines.map { $0.split(separator: " ")[1] }
      #expect(points.prefix(7) == ["/", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys", "/proc"])
      #expect(outcome.lines[0].split(separator: " ")[3].hasPrefix("ro"))
      for device in ["null", "zero", "full", "random", "urandom", "tty"] { #expect(points.contains("/dev/\(device)")) }
      let hidden = ["/proc", "/dev", "/sys"]
      #expect(points.dropFirst().allSatisfy { point in hidden.contains { point.hasPrefix($0) } })
    }

    @Test func devicesWork() throws {
      let outcome = try shell(
        "echo gone > /dev/null && cat /dev/null; stat -c '%F %t:%T' /dev/zero; echo out > /dev/stdout;"
          + " ls -l /dev/ptmx | grep -c pts/ptmx")
      #expect(outcome.lines == ["character special file 1:5", "out", "1"])
    }

    @Test func hostIsMasked() throws {
      let sandbox = try Sandbox()
      let script =
        "cat /proc/kcore /proc/timer_list /proc/keys /proc/interrupts 2>&1 | grep -v 'No such file';"
        + " ls -A /sys/firmware /proc/acpi 2>&1 | grep -v -e :$ -e 'No such file' -e '^$';"
        + " for f in panic printk; do echo 1 > /proc/sys/kernel/$f; done"
      // With the host's ids, for else it would be their owner who is refused.
      let outcome = try Live.run(sandbox.spec(["sh", "-c", script], firstHostID: 0))
      #expect(outcome.lines.count == 2)
      #expect(outcome.lines.allSatisfy { $0.hasSuffix("Read-only file system") })
    }

    @Test func readonlyRootRefusesWrites() throws {
      let outcome = try shell("touch /tmp/x; echo $?")
      #expect(outcome.output.contains("Read-only file system"))
      #expect(outcome.lines.last == "1")
    }

    @Test func overlayTakesWritesAndKeepsTheLowerLayer() throws {
      let sandbox = try Sandbox()
      let script = "echo upper > /etc/layer && touch /new && cat /etc/layer && stat -c %u:%g /etc/layer /new /"
      let outcome = try Live.run(sandbox.spec(["sh", "-c", script], readonly: false, overlay: true))
      #expect(outcome.lines == ["upper", "0:0", "0:0", "0:0"])
      #expect(try Files.read(sandbox.rootPath + "/etc/layer") == Array("lower\n".utf8))
      let attributes = try FileManager.default.attributesOfItem(atPath: sandbox.path + "/upper/new")
      #expect(attributes[.ownerAccountID] as? UInt32 == Sandbox.firstHostID)
      // What was written is there again at the next start; a read-only overlay shows it and refuses more.
      let again = try Live.run(sandbox.spec(["sh", "-c", "cat /etc/layer; touch /more || echo no"], overlay: true))
      #expect(again.lines.first == "upper" && again.lines.last == "no")
    }

    @Test(arguments: [false, true])
    func layersAreShownAsOneTheUppermostFirst(_ isWritable: Bool) throws {
      let sandbox = try Sandbox()
      var spec = sandbox.spec(["sh", "-c", "cat /etc/layer; ls /etc"], readonly: !isWritable, overlay: isWritable)
      for number in 1...LaunchPlan.maxLowers {
        let layer = "\(sandbox.path)/layer\(number)"
        try Files.makeDirectories(layer + "/etc")
        for name in ["layer", "own\(number)"] {
          try Data("\(number)\n".utf8).write(to: URL(fileURLWithPath: layer + "/etc/" + name))
        }
        spec.root.below.insert(spec.root.path, at: 0)
        spec.root.path = layer
      }
      let outcome = try Live.run(spec)
      #expect(outcome.failure == nil)
      #expect(outcome.lines.first == "\(LaunchPlan.maxLowers)" && outcome.lines.count == LaunchPlan.maxLowers + 2)
    }

    @Test func onlyLoopbackIsThere() throws {
      let outcome = try shell("ip -o link | grep -v LOOPBACK,UP; ip -o link | grep -c LOOPBACK,UP")
      // Modules may put tunnels of their own, down, into every network namespace.
      #expect(outcome.lines.dropLast().allSatisfy { !$0.contains("UP") })
      #expect(outcome.lines.last == "1")
    }

    @Test func onlyStandardDescriptorsAreOpen() throws {
      let outcome = try shell("ls /proc/$$/fd; true")
      #expect(outcome.lines == ["0", "1", "2"])
    }

    @Test func hostNetworkShowsTheHostsSysReadOnly() throws {
      let sandbox = try Sandbox()
      var spec = sandbox.spec(["sh", "-c", "ls /sys/class/net; touch /sys/x 2>&1 | grep -c Read-only"])
      spec.namespaces.remove(.network)
      let outcome = try Live.run(spec)
      let links = try Files.list("/sys/class/net").sorted().map { Substring($0) }
      #expect(outcome.lines == links + ["1"])
    }

    @Test func allEightNamespacesAreNew() throws {
      let kinds = ["mnt", "pid", "uts", "ipc", "net", "cgroup", "user", "time"]
      let sandbox = try Sandbox()
      try FileManager.default.createSymbolicLink(
        atPath: sandbox.rootPath + "/bin/readlink", withDestinationPath: "busybox")
      var spec = sandbox.spec(["sh", "-c", kinds.map { "readlink /proc/self/ns/\($0)" }.joined(separator: ";")])
      spec.namespaces = .all
      let outcome = try Live.run(spec)
      #expect(outcome.lines.count == kinds.count)
      for (line, kind) in zip(outcome.lines, kinds) {
        #expect(String(line) != (try Files.readLink("/proc/self/ns/\(kind)")))
      }
    }

    @Test func otherUsersRunWithTheirGroups() throws {
      let sandbox = try Sandbox()
      var spec = sandbox.spec(["sh", "-c", "id; grep -E 'Cap(Eff|Amb)' /proc/self/status; echo x > /dev/stdout"])
      spec.process.user = UserSpec(uid: 1000, gid: 1000, additionalGids: [5, 44], umask: 0o077)
      spec.process.capabilities.inheritable = .netBindService
      spec.process.capabilities.ambient = .netBindService
      let outcome = try Live.run(spec)
      #expect(outcome.failure == nil)
      #expect(
        outcome.lines == [
          "uid=1000 gid=1000 groups=5,44", "CapEff:\t0000000000000400", "CapAmb:\t0000000000000400", "x",
        ])
    }

    @Test func withoutAUserNamespace() throws {
      let sandbox = try Sandbox()
      var spec = sandbox.spec(["sh", "-c", "cat /proc/self/uid_map; stat -c %t:%T /dev/null"], firstHostID: 0)
      spec.process.oomScoreAdj = 500
      spec.process.args[2] += "; cat /proc/self/oom_score_adj"
      let outcome = try Live.run(spec)
      #expect(outcome.failure == nil)
      #expect(outcome.lines.first?.split(separator: " ") == ["0", "0", "4294967295"])
      #expect(outcome.lines.dropFirst() == ["1:3", "500"])
    }

    @Test func withoutNoNewPrivileges() throws {
      let sandbox = try Sandbox()
      var spec = sandbox.spec(["grep", "-E", "^(CapEff|NoNew|Seccomp:)", "/proc/self/status"])
      spec.process.noNewPrivileges = false
      spec.process.capabilities = .all(.kill)
      let outcome = try Live.run(spec)
      #expect(outcome.lines == ["CapEff:\t0000000000000020", "NoNewPrivs:\t0", "Seccomp:\t2"])
    }

    @Test(arguments: [0, Sandbox.firstHostID]) func asOnAnInitramfs(firstHostID: UInt32) throws {
      let sandbox = try Sandbox()
      var facts = try HostFacts.discover()
      facts.rootIsInitramfs = true
      let script = "ls /; ls /.. | grep -c layer; grep -c ' /proc proc' /proc/mounts; cat /etc/layer"
      let outcome = try Live.run(sandbox.spec(["sh", "-c", script], firstHostID: firstHostID), facts: facts)
      #expect(outcome.failure == nil)
      #expect(outcome.lines == ["bin", "dev", "etc", "proc", "sys", "tmp", "0", "1", "lower"])
    }

    @Test func asOnTheOldestKernel() throws {
      let sandbox = try Sandbox()
      try Files.makeDirectory(sandbox.path + "/shared")
      var spec = sandbox.spec(["sh", "-c", "touch /x /mnt/x; echo 1 > /proc/sys/kernel/panic; id -u"], overlay: true)
      spec.root.idsAreMapped = true
      spec.mounts.append(.bind(sandbox.path + "/shared", on: "/mnt", readonly: true))
      let outcome = try Live.run(spec, facts: HostFacts(kernel: .oldestSupported))
      #expect(outcome.failure == nil)
      #expect(outcome.lines.filter { $0.hasSuffix("Read-only file system") }.count == 3)
      #expect(outcome.lines.last == "0")
    }

    @Test func bindsShowTheHostsFiles() throws {
      let sandbox = try Sandbox()
      try Files.makeDirectory(sandbox.path + "/shared")
      try Data("from the host\n".utf8).write(to: URL(fileURLWithPath: sandbox.path + "/shared/file"))
      let script =
        "cat /data/deep/file /etc/one; echo in > /data/deep/new; echo in > /etc/one; stat -c %u /data/deep/new"
      var spec = sandbox.spec(["sh", "-c", script], overlay: true)
      var shared = MountSpec.bind(sandbox.path + "/shared", on: "/data/deep")
      shared.options.insert(.idmap)
      spec.mounts += [shared, .bind(sandbox.path + "/shared/file", on: "/etc/one", readonly: true)]
      let outcome = try Live.run(spec)
      #expect(outcome.failure == nil)
      #expect(outcome.lines.prefix(2) == ["from the host", "from the host"])
      #expect(outcome.output.contains("Read-only file system"))
      #expect(outcome.lines.last == "0")
      let attributes = try FileManager.default.attributesOfItem(atPath: sandbox.path + "/shared/new")
      #expect(attributes[.ownerAccountID] as? UInt32 == 0)
    }

    @Test func linksInAnImageDoNotLeadOut() throws {
      let sandbox = try Sandbox()
      let outside = sandbox.path + "/outside"
      try FileManager.default.createSymbolicLink(atPath: sandbox.rootPath + "/out", withDestinationPath: outside)
      var spec = sandbox.spec(["true"], overlay: true)
      spec.mounts.append(MountSpec(destination: "/out/made", type: "tmpfs", source: "tmpfs"))
      let outcome = try Live.run(spec)
      // The link points into the container, where there is nothing of that name.
      #expect(outcome.failure?.errno == .noSuchFile || outcome.failure?.errno == .fileExists)
      #expect(!Files.exists(outside))
    }

    @Test func aDeadReaderDoesNotKill() throws {
      let sandbox = try Sandbox()
      let plan = try LaunchPlan(
        sandbox.spec(["sh", "-c", "echo one; echo two; exit 3"]), facts: try HostFacts.discover(),
        rootMagic: try HostFacts.fileSystemMagic(of: sandbox.rootPath))
      var pipe = try OutputPipe.make()
      let users = try UserNamespace.make(plan)
      let started = try ContainerProcess.start(
        plan,
        LaunchDescriptors(
          standardOutput: pipe.writing.rawValue, standardError: pipe.writing.rawValue,
          userNamespace: users.rawValue))
      pipe.writing = try FileDescriptor.open("/dev/null", O_RDONLY)
      pipe.reading = try FileDescriptor.open("/dev/null", O_RDONLY)
      try ContainerProcess.releaseToExec(started.control)
      let outcome = try Live.finish(plan, started, reading: pipe.reading.rawValue)
      #expect(outcome.exitCode == 3)
    }
  }
}
