import CSystem
import Foundation
import LinuxSystem
import Testing

@testable import ContainerRunner

extension RunningContainers {
  /// The executor performs the plan's bytes and nothing else: strace's record of child and mounter, call for call,
  /// against what the decoded steps say.
  @Suite struct TraceTests {
    enum Variant: CaseIterable { case standard, overlay, hostNamespaces, initramfs }

    @Test(arguments: Variant.allCases) func everyProcessPerformsExactlyThePlan(variant: Variant) throws {
      let sandbox = try Sandbox()
      var spec = sandbox.spec(["true"], overlay: variant == .overlay)
      var facts = try HostFacts.discover()
      if variant == .hostNamespaces { spec = sandbox.spec(["true"], firstHostID: 0) }
      if variant == .initramfs { facts.rootIsInitramfs = true }
      spec.mounts.append(MountSpec(destination: "/tmp", type: "tmpfs", source: "tmpfs", data: "size=64k"))
      let plan = try LaunchPlan(
        spec, facts: facts, rootMagic: try HostFacts.fileSystemMagic(of: sandbox.rootPath))

      let trace = try Trace(recordingIn: sandbox.path + "/trace")
      let outcome = try Live.run(plan)
      try trace.stop()
      #expect(outcome.exitCode == 0)

      let calls = try trace.calls(ofProcessMadeBy: "CLONE_NEWNS")
      let program = compare(calls, plan.childSteps, firstStep: plan.firstChildStep)
      // The last step is exec: what comes then is the program's.
      #expect(calls[..<program.startIndex].last?.hasPrefix("execve(") == true)

      guard plan.hasMounter else { return }
      let mounterCalls = try trace.calls(ofProcessMadeBy: "{flags=CLONE_PIDFD|CLONE_CLEAR_SIGHAND,")
      let end = compare(mounterCalls, plan.mounterSteps, firstStep: LaunchPlan.firstMounterStep)
      #expect(end.map { $0.prefix(6) } == ["exit_g"])
    }

    @Test(arguments: [Sandbox.firstHostID, 0]) func anExecPerformsExactlyItsPlan(firstHostID: UInt32) throws {
      let sandbox = try Sandbox()
      let container = try LongContainer(sandbox.spec(["sleep", "1000"], firstHostID: firstHostID))
      var spec = sandbox.spec(["true"], firstHostID: firstHostID)
      spec.process.oomScoreAdj = 0
      let plan = try LaunchPlan(execIn: spec, facts: try HostFacts.discover())
      let trace = try Trace(recordingIn: sandbox.path + "/trace")
      let outcome = try container.exec(plan)
      try trace.stop()
      #expect(outcome.exitCode == 0)
      let calls = try trace.calls(ofProcessMadeBy: "{flags=CLONE_PIDFD|CLONE_CLEAR_SIGHAND,")
      let program = compare(calls, plan.childSteps, firstStep: plan.firstChildStep)
      #expect(calls[..<program.startIndex].last?.hasPrefix("execve(") == true)
      try container.end()
    }

    /// Compares calls with what the steps ask for; returns the calls that come after them.
    private func compare(_ calls: [String], _ steps: StepList, firstStep: Int) -> ArraySlice<String> {
      var rest = calls[...]
      // Before the first step a process closes the agent's end of its pipe or socket.
      #expect(rest.popFirst()?.hasPrefix("close(") == true)
      for (index, step) in steps.steps.enumerated() {
        for expected in Trace.expected(step) {
          guard let call = rest.first, call.hasPrefix(expected.prefix), expected.holds.allSatisfy(call.contains) else {
            if expected.isOptional { continue }
            let number = firstStep + index
            Issue.record("step \(number) \(step): \(expected) was expected, \(rest.first ?? "nothing") was called")
            return rest
          }
          rest.removeFirst()
        }
      }
      return rest
    }
  }
}

/// strace attached to this process, following the next child.
struct Trace {
  struct Expected {
    var prefix: String
    var holds: [String] = []
    var isOptional = false
  }

  private let strace = Process()
  private let file: String

  init(recordingIn file: String) throws {
    self.file = file
    // A test's threads block signals, and strace inherits that; it must hear the interrupt that ends it.
    let unblock =
      "import os, signal, sys; signal.pthread_sigmask(signal.SIG_SETMASK, []); os.execvp(sys.argv[1], sys.argv[1:])"
    strace.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    strace.arguments = [
      "python3", "-c", unblock, "strace", "-f", "-qq", "-s", "200", "-e", "signal=none", "-o", file, "-p",
      "\(getpid())",
    ]
    try strace.run()
    for _ in 0..<1000 {
      let status = String(decoding: try Files.read("/proc/thread-self/status"), as: UTF8.self)
      if !status.contains("TracerPid:\t0\n") { return }
      usleep(10_000)
    }
    throw SystemError("attach", "strace", .notPermitted)
  }

  func stop() throws {
    strace.interrupt()
    strace.waitUntilExit()
  }

  /// The calls, without its id, of the process that was made by the clone3 with this among its arguments.
  func calls(ofProcessMadeBy arguments: String) throws -> [String] {
    let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
    let call = try #require(lines.lastIndex { $0.contains("clone3(") && $0.contains(arguments) })
    let parent = try #require(lines[call].split(separator: " ").first)
    let isWhole = !lines[call].contains("<unfinished")
    let resumed = lines[call...].firstIndex { $0.hasPrefix(parent + " ") && $0.contains("<... clone3 resumed>") }
    let end = try #require(isWhole ? call : resumed)
    let child = try #require(lines[end].split(separator: " ").last)
    var calls: [String] = []
    for line in lines where line.hasPrefix(child + " ") {
      let call = String(line.dropFirst(child.count).drop { $0 == " " })
      if call.hasPrefix("+++") || call.hasPrefix("---") { continue }
      if call.hasPrefix("<... ") {
        // The rest of a call that another thread's came in between. The clone's own is the parent's call.
        guard let end = call.firstIndex(of: ">"), !calls.isEmpty else { continue }
        calls[calls.count - 1] += call[call.index(after: end)...]
      } else {
        calls.append(call.replacing(" <unfinished ...>", with: ""))
      }
    }
    return calls
  }

  private static func quote(_ text: String) -> String { "\"" + text.replacing("\"", with: "\\\"") + "\"" }

  /// What the kernel must be asked for a step, written without a look at the executor's code.
  static func expected(_ step: Step) -> [Expected] {
    let texts = step.strings.map(quote)
    let numbers = step.numbers
    switch step.operation {
    case EXECUTOR_NEW_SESSION: return [Expected(prefix: "setsid(")]
    case EXECUTOR_RESET_SIGNALS:
      // One for each that this process ignores.
      let reset = Expected(prefix: "rt_sigaction(", holds: ["SIG_DFL"], isOptional: true)
      return [
        Expected(prefix: "openat(", holds: ["\"/proc/self/status\""]), Expected(prefix: "read("),
        Expected(prefix: "close("),
      ] + [Expected](repeating: reset, count: 29) + [Expected(prefix: "rt_sigprocmask(SIG_SETMASK, []")]
    case EXECUTOR_UMASK:
      return [Expected(prefix: "umask(" + (numbers[0] == 0 ? "000" : "0" + String(numbers[0], radix: 8)))]
    case EXECUTOR_MAKE_DIRECTORY:
      return [Expected(prefix: "mkdir(", holds: [texts[0] + ", 0" + String(numbers[0], radix: 8)])]
    case EXECUTOR_UNSHARE: return [Expected(prefix: "unshare(CLONE_NEWCGROUP)")]
    case EXECUTOR_LIMIT:
      return [Expected(prefix: "prlimit64(0, RLIMIT_NOFILE, {rlim_cur=\(numbers[1]), rlim_max=\(numbers[3])}")]
    case EXECUTOR_HOSTNAME: return [Expected(prefix: "sethostname(" + texts[0])]
    case EXECUTOR_LOOPBACK:
      return [
        Expected(prefix: "socket(AF_INET"),
        Expected(prefix: "ioctl(", holds: ["SIOCSIFFLAGS", "\"lo\"", "IFF_UP"]),
      ]
    case EXECUTOR_HIDE: return [Expected(prefix: "prctl(PR_SET_DUMPABLE, SUID_DUMP_DISABLE")]
    case EXECUTOR_JOIN_NAMESPACE:
      // strace names the flags in an order of its own.
      let names = [
        (0x20000, "CLONE_NEWNS"), (0x200_0000, "CLONE_NEWCGROUP"), (0x400_0000, "CLONE_NEWUTS"),
        (0x800_0000, "CLONE_NEWIPC"), (0x1000_0000, "CLONE_NEWUSER"), (0x4000_0000, "CLONE_NEWNET"),
      ]
      return [Expected(prefix: "setns(", holds: names.filter { Int(numbers[1]) & $0.0 != 0 }.map { $0.1 })]
    case EXECUTOR_WRITE_FILE:
      return [
        Expected(prefix: "open", holds: [texts[0], "O_WRONLY"]), Expected(prefix: "write(", holds: [texts[1]]),
        Expected(prefix: "close("),
      ]
    case EXECUTOR_DIE_WITH_PARENT: return [Expected(prefix: "prctl(PR_SET_PDEATHSIG, SIGKILL")]
    case EXECUTOR_OWN: return [Expected(prefix: "lchown(\(texts[0]), \(numbers[1]), \(numbers[2]))")]
    case EXECUTOR_OPEN_TREE:
      return [Expected(prefix: "open_tree(AT_FDCWD, \(texts[0]), OPEN_TREE_CLONE", holds: ["OPEN_TREE_CLOEXEC"])]
    case EXECUTOR_CHANGE_MOUNT:
      let mapping = numbers[4] == EXECUTOR_NO_SLOT ? [] : ["MOUNT_ATTR_IDMAP"]
      return [Expected(prefix: "mount_setattr(", holds: ["\"\", AT_EMPTY_PATH", "propagation=MS_PRIVATE"] + mapping)]
    case EXECUTOR_OVERLAY:
      return [Expected(prefix: "chdir(\"/proc/self/fd\")"), Expected(prefix: "fsopen(\"overlay\", FSOPEN_CLOEXEC)")]
        + [
          ("\"source\"", "\"overlay\""), ("\"lowerdir\"", "\""), ("\"upperdir\"", texts[0]),
          ("\"workdir\"", texts[1]),
        ].map { Expected(prefix: "fsconfig(", holds: ["FSCONFIG_SET_STRING, \($0.0)", $0.1]) }
        + [
          Expected(prefix: "fsconfig(", holds: ["FSCONFIG_CMD_CREATE"]),
          Expected(prefix: "fsmount(", holds: ["FSMOUNT_CLOEXEC"]), Expected(prefix: "close("),
        ]
    case EXECUTOR_HAND_OVER:
      return [Expected(prefix: "sendmsg(", holds: ["SCM_RIGHTS", "MSG_NOSIGNAL"])]
    case EXECUTOR_TAKE_OVER:
      return [Expected(prefix: "recvmsg(", holds: ["SCM_RIGHTS", "MSG_CMSG_CLOEXEC"])]
    case EXECUTOR_WAIT:
      return [Expected(prefix: "read(")]
    case EXECUTOR_GROUP: return [Expected(prefix: "setresgid(\(numbers[0]), \(numbers[0]), \(numbers[0]))")]
    case EXECUTOR_USER:
      return (numbers[1] == 0 ? [] : [Expected(prefix: "prctl(PR_SET_KEEPCAPS, 1")])
        + [Expected(prefix: "setresuid(\(numbers[0]), \(numbers[0]), \(numbers[0]))")]
    case EXECUTOR_GROUPS: return [Expected(prefix: "setgroups(\(numbers.count)")]
    case EXECUTOR_MOUNT:
      let names = [
        (1, "MS_RDONLY"), (2, "MS_NOSUID"), (4, "MS_NODEV"), (8, "MS_NOEXEC"), (1 << 5, "MS_REMOUNT"),
        (1 << 12, "MS_BIND"), (1 << 14, "MS_REC"), (1 << 18, "MS_PRIVATE"), (1 << 24, "MS_STRICTATIME"),
      ]
      let flags = names.filter { Int(numbers[0]) & $0.0 != 0 }.map { $0.1 }.joined(separator: "|")
      let type = step.strings[2].isEmpty ? "NULL" : texts[2]
      return [
        Expected(
          prefix: "mount(\(texts[0]), \(texts[1]), \(type), \(flags.isEmpty ? "0" : flags), "
            + (step.strings[3].isEmpty ? "NULL)" : texts[3]))
      ]
    case EXECUTOR_UNMOUNT: return [Expected(prefix: "umount2(\(texts[0]), MNT_DETACH)")]
    case EXECUTOR_OPEN: return [Expected(prefix: "open", holds: [texts[0], "O_PATH|O_DIRECTORY"])]
    case EXECUTOR_MOVE_MOUNT:
      return [Expected(prefix: "move_mount(", holds: ["\"\", AT_FDCWD, \(texts[0]), MOVE_MOUNT_F_EMPTY_PATH"])]
    case EXECUTOR_ENTER_DIRECTORY: return [Expected(prefix: "fchdir(")]
    case EXECUTOR_PIVOT_ROOT: return [Expected(prefix: "pivot_root(\".\", \".\")")]
    case EXECUTOR_CHANGE_ROOT: return [Expected(prefix: "chroot(" + texts[0])]
    case EXECUTOR_CHANGE_DIRECTORY: return [Expected(prefix: "chdir(" + texts[0])]
    case EXECUTOR_BIND_NODE:
      return [
        Expected(prefix: "mknod", holds: [texts[1], "S_IFREG|0666"]),
        Expected(prefix: "mount(\(texts[0]), \(texts[1]), NULL, MS_BIND, NULL)"),
      ]
    case EXECUTOR_MAKE_NODE:
      return [
        Expected(
          prefix: "mknod",
          holds: [texts[0], "S_IFCHR|0666, makedev(0x\(numbers[1]), \(numbers[2] == 0 ? "0" : "0x\(numbers[2])"))"])
      ]
    case EXECUTOR_LINK: return [Expected(prefix: "symlink", holds: [texts[0] + ",", texts[1]])]
    case EXECUTOR_MASK:
      return [
        Expected(prefix: "newfstatat(AT_FDCWD, \(texts[0])"),
        Expected(prefix: "mount(\"/dev/null\", \(texts[0]), NULL, MS_BIND, NULL)", isOptional: true),
        Expected(prefix: "mount(\"tmpfs\", \(texts[0]), \"tmpfs\", MS_RDONLY", isOptional: true),
      ]
    case EXECUTOR_READ_ONLY:
      return [
        Expected(prefix: "mount(\(texts[0]), \(texts[0]), NULL, MS_BIND|MS_REC, NULL)"),
        Expected(prefix: "mount_setattr(AT_FDCWD, \(texts[0])", holds: ["MOUNT_ATTR_RDONLY"], isOptional: true),
      ]
    case EXECUTOR_STANDARD_STREAMS:
      return ["0)", "1)", "2)"].map { Expected(prefix: "dup2(", holds: [", \($0)"]) }
    case EXECUTOR_CLOSE_OTHERS:
      return (0..<(3 + numbers.count)).map { _ in Expected(prefix: "close_range(", isOptional: true) }
    case EXECUTOR_LIMIT_CAPABILITIES:
      let kept = UInt64(numbers[0]) | UInt64(numbers[1]) << 32
      let last =
        Int(
          String(decoding: (try? Files.read("/proc/sys/kernel/cap_last_cap")) ?? [], as: UTF8.self).trimmingCharacters(
            in: .newlines)) ?? 40
      let dropped = (0...last).filter { kept >> UInt64($0) & 1 == 0 }
      return dropped.map { _ in Expected(prefix: "prctl(PR_CAPBSET_DROP, ") }
        + [Expected(prefix: "prctl(PR_CAPBSET_DROP, ", holds: ["EINVAL"])]
    case EXECUTOR_SET_CAPABILITIES: return [Expected(prefix: "capset(")]
    case EXECUTOR_NO_NEW_PRIVILEGES: return [Expected(prefix: "prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)")]
    case EXECUTOR_SECCOMP: return [Expected(prefix: "seccomp(SECCOMP_SET_MODE_FILTER, 0, {len=\(numbers.count / 2),")]
    case EXECUTOR_EXECUTE:
      return step.strings.prefix(Int(numbers[0])).map { Expected(prefix: "execve(" + quote($0), isOptional: true) }
    default: return [Expected(prefix: "no call is known for operation \(step.operation.rawValue)")]
    }
  }
}
