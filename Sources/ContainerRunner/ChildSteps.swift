import Basics
import CSystem

/// What the child does between the clone and the program. It first makes itself a stranger to the agent, then does all
/// that needs no ids (while the agent writes the id maps), then enters the new root and builds what it sees there.
/// From then on absolute paths are the container's, so that no link in an image leads out, and the old root is the
/// working directory, from which the host's devices are named.
extension ContainerSpec {
  func childSteps(_ facts: HostFacts) -> StepList {
    var steps = StepList(expectedBytes: 8000)
    addBeginning(to: &steps)
    addOwnNamespaces(to: &steps)
    if namespaces.contains(.user) {
      steps.append(EXECUTOR_WAIT, [Step.mappedByte])
      addRootUser(to: &steps)
    }
    addRootChange(to: &steps, facts)
    addMounts(to: &steps, facts)
    if makesStandardDevices { addDevices(to: &steps) }
    for path in maskedPaths { steps.append(EXECUTOR_MASK, [], [path]) }
    for path in readonlyPaths {
      steps.append(EXECUTOR_READ_ONLY, [facts.canChangeDetachedMounts ? 1 : 0], [path])
    }
    addRootEnd(to: &steps, facts)
    addPrivileges(to: &steps, facts)
    steps.append(EXECUTOR_WAIT, [Step.goByte])
    addProgram(to: &steps)
    return steps
  }

  func addRootUser(to steps: inout StepList) {
    steps.append(EXECUTOR_GROUP, [0])
    steps.append(EXECUTOR_USER, [0, 0])
  }

  func addBeginning(to steps: inout StepList) {
    steps.append(EXECUTOR_NEW_SESSION)
    steps.append(EXECUTOR_RESET_SIGNALS)
    steps.append(EXECUTOR_UMASK, [0])
    if case .tasks(let paths) = cgroup.join {
      for index in paths.indices { steps.append(EXECUTOR_WRITE, [Slot.firstTasks + UInt32(index)], ["0"]) }
    }
    if let score = process.oomScoreAdj {
      steps.append(EXECUTOR_WRITE_FILE, [], ["/proc/self/oom_score_adj", "\(score)"])
    }
  }

  /// - Parameter timeOffsets: `RuntimeSpec.timeOffsets`.
  func addOwnNamespaces(to steps: inout StepList, timeOffsets: String = "") {
    if namespaces.contains(.cgroup) { steps.append(EXECUTOR_UNSHARE, [Namespaces.cgroup.rawValue]) }
    if namespaces.contains(.time) { addTimeNamespace(to: &steps, timeOffsets) }
    if !hostname.isEmpty { steps.append(EXECUTOR_HOSTNAME, [], [hostname]) }
    if namespaces.contains(.network) { steps.append(EXECUTOR_LOOPBACK) }
  }

  /// unshare(2) moves only children to come; entering what it made moves this process.
  private func addTimeNamespace(to steps: inout StepList, _ offsets: String) {
    steps.append(EXECUTOR_UNSHARE, [Namespaces.time.rawValue])
    if !offsets.isEmpty { steps.append(EXECUTOR_WRITE_FILE, [], ["/proc/self/timens_offsets", offsets]) }
    steps.append(EXECUTOR_OPEN, [Slot.timeNamespace, 0, 0], ["/proc/self/ns/time_for_children"])
    steps.append(EXECUTOR_JOIN_NAMESPACE, [Slot.timeNamespace, Namespaces.time.rawValue])
  }

  func addRootChange(to steps: inout StepList, _ facts: HostFacts) {
    steps.append(EXECUTOR_MOUNT, [MountFlags.private | MountFlags.recursive, 0], ["", "/", "", ""])
    steps.append(EXECUTOR_OPEN, [Slot.oldRoot, OpenFlags.path | OpenFlags.directory, 0], ["/"])
    if hasMounter { steps.append(EXECUTOR_TAKE_OVER, [Slot.mounter] + handedOver) }
    steps.append(EXECUTOR_MOVE_MOUNT, [Slot.root, 0], ["/"])
    steps.append(EXECUTOR_ENTER_DIRECTORY, [Slot.root])
    if facts.rootIsInitramfs {
      // The new root lies over the old one, so ".." leads back to it from anywhere.
      steps.append(EXECUTOR_CHANGE_ROOT, [], ["."])
    } else {
      steps.append(EXECUTOR_PIVOT_ROOT)
    }
    if !facts.canChangeDetachedMounts {
      steps.append(EXECUTOR_MOUNT, [MountFlags.private, 0], ["", "/", "", ""])
    }
    steps.append(EXECUTOR_ENTER_DIRECTORY, [Slot.oldRoot])
  }

  private func addMounts(to steps: inout StepList, _ facts: HostFacts) {
    var bind = Slot.firstBind
    var fresh: [String] = []  // what is empty now, so that targets in it are known to be missing
    for mount in effectiveMounts {
      let isInFresh = fresh.contains { mount.destination.isChild(of: $0) }
      if !mount.isBind {
        let flags = mount.options.intersection(.ofKernelMount).rawValue
        if isInFresh { steps.append(EXECUTOR_MAKE_DIRECTORY, [0o755], [mount.destination]) }
        steps.append(
          EXECUTOR_MOUNT, [flags, isInFresh ? 0 : 1], [mount.source, mount.destination, mount.type, data(of: mount)])
        if mount.type == "tmpfs" { fresh.append(mount.destination + "/") }
        continue
      }
      steps.append(EXECUTOR_MOVE_MOUNT, [bind, 1], [mount.destination])
      bind += 1
      if facts.canChangeDetachedMounts { continue }
      steps.append(EXECUTOR_MOUNT, [MountFlags.private, 0], ["", mount.destination, "", ""])
      let attributes = mount.options.intersection(.attributes).rawValue
      steps.append(EXECUTOR_MOUNT, [MountFlags.remountBind | attributes, 0], ["", mount.destination, "", ""])
    }
  }

  /// devpts refuses a group that the user namespace does not know.
  private func data(of mount: MountSpec) -> String {
    let ttyGroup = ",gid=5"
    let isKnown = !namespaces.contains(.user) || IDMapping.hostID(of: 5, in: gidMappings) != nil
    guard mount.type == "devpts", !isKnown, mount.data.hasSuffix(ttyGroup) else { return mount.data }
    return String(mount.data.dropLast(ttyGroup.count))
  }

  private func addDevices(to steps: inout StepList) {
    for device in Device.standard {
      let path = "/dev/" + device.name
      if namespaces.contains(.user) {
        steps.append(EXECUTOR_BIND_NODE, [], ["dev/" + device.name, path])
      } else {
        steps.append(EXECUTOR_MAKE_NODE, [Device.mode, device.major, device.minor], [path])
      }
    }
    for (target, path) in Device.links { steps.append(EXECUTOR_LINK, [], [target, path]) }
  }

  func addRootEnd(to steps: inout StepList, _ facts: HostFacts) {
    if facts.rootIsInitramfs {
      // The old root stays below; its proc and sysfs must not, for from them a process could mount them unmasked.
      // Inside a user namespace they are locked in place, but cannot be reached.
      if !namespaces.contains(.user) {
        for path in ["proc", "sys"] { steps.append(EXECUTOR_UNMOUNT, [MountFlags.detach], [path]) }
      }
    } else {
      steps.append(EXECUTOR_UNMOUNT, [MountFlags.detach], ["."])
    }
    if root.readonly && (root.isOverlay || !facts.canChangeDetachedMounts) {
      let flags = MountFlags.remountBind | MountOptions.readonly.rawValue
      steps.append(EXECUTOR_MOUNT, [flags, 0], ["", "/", "", ""])
    }
    steps.append(EXECUTOR_CHANGE_DIRECTORY, [], ["/"])
  }

  func addPrivileges(to steps: inout StepList, _ facts: HostFacts) {
    addPrivileges(to: &steps, filter: seccomp ? SeccompProfile.standardNumbers(is64Bit: facts.is64Bit) : [])
  }

  /// - Parameters:
  ///   - filter: the numbers of `EXECUTOR_SECCOMP`; none: system calls are not filtered.
  ///   - flags: of seccomp(2).
  ///   - kept: slots that stay open.
  func addPrivileges(
    to steps: inout StepList, filter: [UInt32], flags: UInt32 = 0, keeping kept: [UInt32] = []
  ) {
    let sets = process.capabilities
    steps.append(EXECUTOR_STANDARD_STREAMS, [Slot.standardInput, Slot.standardOutput, Slot.standardError])
    steps.append(EXECUTOR_CLOSE_OTHERS, kept)
    // Not before: the agent has more open than a container may have, and the child had all of that.
    for limit in process.rlimits {
      steps.append(EXECUTOR_LIMIT, [limit.resource] + limit.soft.words + limit.hard.words)
    }
    // Only now that neither this process's directory nor one of its descriptors is the host's: the path, or a link of the
    // image in it, may lead through /proc/self/cwd or /proc/self/fd.
    steps.append(EXECUTOR_CHANGE_DIRECTORY, [], [process.cwd])
    // Without no_new_privs only CAP_SYS_ADMIN may load a filter, so that must come before capabilities go.
    if !filter.isEmpty && !process.noNewPrivileges { addFilter(filter, flags, to: &steps) }
    steps.append(EXECUTOR_LIMIT_CAPABILITIES, sets.bounding.rawValue.words)
    steps.append(EXECUTOR_GROUPS, process.user.additionalGids)
    if process.user.gid != 0 || !namespaces.contains(.user) { steps.append(EXECUTOR_GROUP, [process.user.gid]) }
    if process.user.uid != 0 || !namespaces.contains(.user) {
      steps.append(EXECUTOR_USER, [process.user.uid, sets.permitted.isEmpty ? 0 : 1])
    }
    steps.append(
      EXECUTOR_SET_CAPABILITIES,
      sets.effective.rawValue.words + sets.permitted.rawValue.words + sets.inheritable.rawValue.words
        + sets.ambient.rawValue.words)
    steps.append(EXECUTOR_UMASK, [process.user.umask])
    if process.noNewPrivileges { steps.append(EXECUTOR_NO_NEW_PRIVILEGES) }
    if !filter.isEmpty && process.noNewPrivileges { addFilter(filter, flags, to: &steps) }
  }

  private func addFilter(_ filter: [UInt32], _ flags: UInt32, to steps: inout StepList) {
    if flags == 0 {
      steps.append(EXECUTOR_SECCOMP, filter)
    } else {
      steps.append(EXECUTOR_SECCOMP_FLAGS, [flags] + filter)
    }
  }

  func addProgram(to steps: inout StepList) {
    let candidates = process.searchPaths
    steps.append(
      EXECUTOR_EXECUTE,
      [UInt32(candidates.count), UInt32(process.args.count)]
        + (process.lacking.isEmpty ? [] : [UInt32(process.lacking.rawValue)]),
      candidates + process.args + process.env)
  }
}

extension String {
  /// This path names something directly in `directory`, which ends in a slash.
  func isChild(of directory: String) -> Bool {
    hasPrefix(directory) && !utf8.dropFirst(directory.utf8.count).contains(UInt8(ascii: "/"))
  }
}

extension ProcessSpec {
  /// The files that may be the program, in order: itself if its name has a slash, else one a directory of PATH.
  var searchPaths: [String] {
    let program = args.first ?? ""
    if program.utf8.contains(UInt8(ascii: "/")) { return [program] }
    let path = env.first { $0.hasPrefix("PATH=") }.map { String($0.dropFirst(5)) } ?? ContainerSpec.searchPath
    return path.split(separator: ":", omittingEmptySubsequences: true).map { "\($0)/\(program)" }
  }
}

/// The devices that every container has.
struct Device {
  let name: String
  let major: UInt32
  let minor: UInt32

  static let mode: UInt32 = 0o20666  // a character device for everybody
  static let standard = [
    Device(name: "null", major: 1, minor: 3), Device(name: "zero", major: 1, minor: 5),
    Device(name: "full", major: 1, minor: 7), Device(name: "random", major: 1, minor: 8),
    Device(name: "urandom", major: 1, minor: 9), Device(name: "tty", major: 5, minor: 0),
  ]
  static let links = [
    ("/proc/self/fd", "/dev/fd"), ("/proc/self/fd/0", "/dev/stdin"), ("/proc/self/fd/1", "/dev/stdout"),
    ("/proc/self/fd/2", "/dev/stderr"), ("pts/ptmx", "/dev/ptmx"),
  ]
}

/// mount(2)'s and umount2(2)'s flags that are no options.
enum MountFlags {
  static let remountBind: UInt32 = 1 << 5 | 1 << 12
  static let recursive: UInt32 = 1 << 14
  static let `private`: UInt32 = 1 << 18
  static let detach: UInt32 = 2
}
