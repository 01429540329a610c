import CSystem

/// What the runtime does before the clone.
extension RuntimeSpec {
  func agentSteps() -> StepList {
    var steps = StepList(expectedBytes: 4000)
    addNamespaceFiles(to: &steps)
    if ownsStreams { container.addStreamOwner(to: &steps) }
    container.addCgroup(to: &steps)
    steps.append(EXECUTOR_OPEN_TREE, [Slot.root, 1], [container.root.path])
    steps.append(EXECUTOR_SET_MOUNT, [Slot.root, 0, 0, Propagation.private.rawValue, 1])
    for (index, mount) in binds.enumerated() { addBind(mount, Slot.firstBind + UInt32(index), to: &steps) }
    if let start {
      // For both reading and writing: neither this open nor the program's end waits for anybody, or tells it too early.
      steps.append(EXECUTOR_OPEN, [Slot.startControl, OpenFlags.readWrite, 0], [start.control])
      steps.append(EXECUTOR_OPEN, [Slot.startErrors, OpenFlags.readWrite, 0], [start.errors])
    }
    return steps
  }

  private func addNamespaceFiles(to steps: inout StepList) {
    for (index, namespace) in joinedNamespaces.enumerated() {
      // A clone into a pid namespace takes it from the container's slot.
      let slot = namespace.kind == .pid ? Slot.container : Slot.firstNamespace + UInt32(index)
      steps.append(EXECUTOR_OPEN, [slot, 0, 0], [namespace.path])
    }
  }

  private func addBind(_ mount: RuntimeMount, _ slot: UInt32, to steps: inout StepList) {
    steps.append(EXECUTOR_OPEN_TREE, [slot, mount.isRecursive ? 1 : 0], [mount.source])
    let propagation = (mount.propagation ?? rootPropagation).rawValue
    steps.append(EXECUTOR_SET_MOUNT, [slot, 0, 0, propagation, mount.isRecursive ? 1 : 0])
    guard mount.attributes | mount.cleared != 0 else { return }
    steps.append(
      EXECUTOR_SET_MOUNT, [slot, mount.attributes, mount.cleared, 0, mount.attributesAreRecursive ? 1 : 0])
  }

  private var binds: [RuntimeMount] { orderedMounts.filter { $0.isBind } }

  /// As they are listed, but with proc and what lies on it last: see `ContainerSpec.effectiveMounts`.
  private var orderedMounts: [RuntimeMount] { mountsBeforeProc + mountsOnProc }

  private var mountsBeforeProc: [RuntimeMount] { mounts.filter { !isProcOrBelow($0) } }

  private var mountsOnProc: [RuntimeMount] { mounts.filter { isProcOrBelow($0) } }

  private func isProcOrBelow(_ mount: RuntimeMount) -> Bool {
    mounts.contains { $0.type == "proc" && (mount.destination + "/").hasPrefix($0.destination + "/") }
  }
}

/// What the container's process does between the clone and the program.
extension RuntimeSpec {
  func childSteps(_ facts: HostFacts) -> StepList {
    var steps = StepList(expectedBytes: 8000)
    container.addBeginning(to: &steps)
    addJoins(to: &steps)
    addScheduling(to: &steps)
    container.addOwnNamespaces(to: &steps, timeOffsets: timeOffsets)
    if !domainName.isEmpty { steps.append(EXECUTOR_DOMAIN_NAME, [], [domainName]) }
    if container.namespaces.contains(.user) {
      steps.append(EXECUTOR_WAIT, [Step.mappedByte])
      container.addRootUser(to: &steps)
    }
    steps.append(EXECUTOR_NEW_KEYRING)
    if waitsForHooks {
      steps.append(EXECUTOR_ANNOUNCE, [Step.hooksByte])
      steps.append(EXECUTOR_WAIT, [Step.hooksByte])
    }
    for hook in createHooks { add(hook, to: &steps) }
    container.addRootChange(to: &steps, facts)
    var bind = Slot.firstBind
    addMounts(mountsBeforeProc, &bind, to: &steps)
    addDevices(to: &steps)
    let hasOwnDev = mounts.contains { $0.destination == "/dev" && $0.type == "tmpfs" }
    addTerminal(bindingConsole: hasOwnDev, to: &steps)
    // From here on a link of the image may lead through /proc/self to the host's files: nothing more is made.
    addMounts(mountsOnProc, &bind, to: &steps)
    for mount in mounts where mount.isReadonlyLate {
      steps.append(EXECUTOR_SET_MOUNT, [EXECUTOR_NO_SLOT, MountAttribute.readonly, 0, 0, 0], [mount.destination])
    }
    for sysctl in sysctls { steps.append(EXECUTOR_WRITE_FILE, [], ["/proc/sys/" + sysctl.path, sysctl.value]) }
    for path in container.maskedPaths { steps.append(EXECUTOR_MASK, [], [path]) }
    for path in container.readonlyPaths { steps.append(EXECUTOR_READ_ONLY, [1], [path]) }
    addRootEnd(to: &steps, facts)
    if let personality { steps.append(EXECUTOR_PERSONALITY, [personality]) }
    let kept = (start == nil ? [] : [Slot.startControl, Slot.startErrors]) + preserved
    container.addPrivileges(to: &steps, filter: seccompFilter, flags: seccompFlags, keeping: kept)
    if start != nil {
      // Who creates a container wants to hear of it now, not at its start.
      steps.append(EXECUTOR_FIND_PROGRAM, [], container.process.searchPaths)
      // Nobody would find it if it stood alone before it is recorded.
      steps.append(EXECUTOR_WAIT, [Step.recordedByte])
      steps.append(EXECUTOR_STAND_ALONE, [Slot.startControl, Slot.startErrors])
    }
    steps.append(EXECUTOR_WAIT, [Step.goByte])
    for hook in startHooks { add(hook, to: &steps) }
    container.addProgram(to: &steps)
    return steps
  }

  private var preserved: [UInt32] { (0..<UInt32(preservedCount)).map { Slot.firstPreserved + $0 } }

  private func addScheduling(to steps: inout StepList) {
    if let scheduler {
      let times = [scheduler.runtimeNanoseconds, scheduler.deadlineNanoseconds, scheduler.periodNanoseconds]
      let nice = UInt32(bitPattern: scheduler.nice)
      steps.append(
        EXECUTOR_SCHEDULER, [scheduler.policy, scheduler.flags, nice, scheduler.priority] + times.flatMap { $0.words })
    }
    if let ioPriority { steps.append(EXECUTOR_IO_PRIORITY, [ioPriority]) }
  }

  private func add(_ hook: HookSpec, to steps: inout StepList) {
    steps.append(
      EXECUTOR_RUN_HOOK, [hook.timeoutSeconds, UInt32(hook.args.count)],
      [hook.path, hook.stateBeforeNumber, hook.stateAfterNumber] + hook.args + hook.env)
  }

  private func addJoins(to steps: inout StepList) {
    for (index, namespace) in joinedNamespaces.enumerated() where namespace.kind != .pid {
      steps.append(EXECUTOR_JOIN_NAMESPACE, [Slot.firstNamespace + UInt32(index), namespace.kind.rawValue])
    }
  }

  private func addMounts(_ mounts: [RuntimeMount], _ bind: inout UInt32, to steps: inout StepList) {
    var fresh: [String] = []  // what is empty now, so that targets in it are known to be missing
    for mount in mounts {
      let isInFresh = !mount.isBind && fresh.contains { mount.destination.isChild(of: $0) }
      if isInFresh { steps.append(EXECUTOR_MAKE_DIRECTORY, [0o755], [mount.destination]) }
      if mount.type == "tmpfs", !mount.copiesTarget { fresh.append(mount.destination + "/") }
      if mount.isBind {
        steps.append(EXECUTOR_MOVE_MOUNT, [bind, 1], [mount.destination])
        bind += 1
        continue
      }
      let texts = [mount.source, mount.destination, mount.type, mount.data]
      steps.append(
        mount.copiesTarget ? EXECUTOR_MOUNT_COPY : EXECUTOR_MOUNT, [mount.kernelFlags, 1], texts)
      if let propagation = mount.propagation, propagation != .private {
        steps.append(EXECUTOR_SET_MOUNT, [EXECUTOR_NO_SLOT, 0, 0, propagation.rawValue, 0], [mount.destination])
      }
    }
  }

  private func addDevices(to steps: inout StepList) {
    let inUserNamespace = container.namespaces.contains(.user)
    let standard = container.makesStandardDevices ? Device.standard : []
    let all =
      standard.map { DeviceSpec(path: "/dev/" + $0.name, mode: Device.mode, major: $0.major, minor: $0.minor) }
      + devices.filter { device in !standard.contains { "/dev/" + $0.name == device.path } }
    for device in all {
      if inUserNamespace {
        steps.append(EXECUTOR_BIND_NODE, [], [String(device.path.dropFirst()), device.path])
      } else {
        for directory in device.path.directoriesBelowDev { steps.append(EXECUTOR_MAKE_DIRECTORY, [0o755], [directory]) }
        steps.append(
          EXECUTOR_MAKE_DEVICE, [device.mode, device.major, device.minor, device.uid, device.gid], [device.path])
      }
    }
    guard container.makesStandardDevices else { return }
    for (target, path) in Device.links { steps.append(EXECUTOR_LINK_IF_MISSING, [], [target, path]) }
  }

  private func addTerminal(bindingConsole: Bool, to steps: inout StepList) {
    if let console { container.addTerminal(console, bindingConsole: bindingConsole, to: &steps) }
  }

  private func addRootEnd(to steps: inout StepList, _ facts: HostFacts) {
    var root = container
    root.root.readonly = false  // its mount points had to be made first
    root.addRootEnd(to: &steps, facts)
    let attributes = container.root.readonly ? MountAttribute.readonly : 0
    let propagation = rootPropagation == .private ? 0 : rootPropagation.rawValue
    guard attributes | propagation != 0 else { return }
    steps.append(EXECUTOR_SET_MOUNT, [EXECUTOR_NO_SLOT, attributes, 0, propagation, 0], ["/"])
  }
}

/// A program that enters a container which runs already: see ExecSteps.swift. Nobody need be there when it ends.
extension RuntimeSpec {
  func execAgentSteps() -> StepList {
    var steps = StepList(expectedBytes: 1000)
    if ownsStreams { container.addStreamOwner(to: &steps) }
    container.addCgroupJoin(to: &steps)
    return steps
  }

  func execChildSteps() -> StepList {
    var steps = StepList(expectedBytes: 6000)
    steps.append(EXECUTOR_HIDE)
    container.addBeginning(to: &steps)
    addScheduling(to: &steps)
    let streams = [Slot.standardInput, Slot.standardOutput, Slot.standardError]
    let console = self.console == nil ? [] : [Slot.console]
    steps.append(EXECUTOR_CLOSE_OTHERS, streams + [Slot.container] + console + preserved)
    steps.append(EXECUTOR_JOIN_NAMESPACE, [Slot.container, allNamespaces.subtracting(.pid).rawValue])
    if container.namespaces.contains(.user) { container.addRootUser(to: &steps) }
    steps.append(EXECUTOR_NEW_KEYRING)
    addTerminal(bindingConsole: false, to: &steps)
    if let personality { steps.append(EXECUTOR_PERSONALITY, [personality]) }
    container.addPrivileges(to: &steps, filter: seccompFilter, flags: seccompFlags, keeping: preserved)
    steps.append(EXECUTOR_WAIT, [Step.goByte])
    container.addProgram(to: &steps)
    return steps
  }
}

extension RuntimeMount {
  /// What is mounted in an empty file system needs a directory there, so this one becomes read-only when all are made.
  var isReadonlyLate: Bool { type == "tmpfs" && attributes & MountAttribute.readonly != 0 }

  /// mount(2)'s flags: those for the file system, and the attributes in its bits.
  var kernelFlags: UInt32 {
    let low = MountAttribute.readonly | MountAttribute.nosuid | MountAttribute.nodev | MountAttribute.noexec
    var flags = fileSystemFlags | attributes & low
    if isReadonlyLate { flags &= ~MountAttribute.readonly }
    if attributes & MountAttribute.nosymfollow != 0 { flags |= 1 << 8 }
    if attributes & MountAttribute.nodiratime != 0 { flags |= 1 << 11 }
    if attributes & MountAttribute.noatime != 0 { flags |= 1 << 10 }
    if attributes & MountAttribute.strictatime != 0 { flags |= 1 << 24 }
    return flags
  }
}

extension String {
  /// `/dev/a/b/c` gives `/dev/a`, `/dev/a/b`.
  fileprivate var directoriesBelowDev: [String] {
    var result: [String] = []
    let bytes = Array(utf8)
    for index in bytes.indices where index > 4 && bytes[index] == UInt8(ascii: "/") {
      result.append(String(decoding: bytes[..<index], as: UTF8.self))
    }
    return result
  }
}

extension OpenFlags {
  static let readWrite: UInt32 = 0o2
}

extension Step {
  static let hooksByte = UInt32(UInt8(ascii: "h"))
  static let recordedByte = UInt32(UInt8(ascii: "k"))
}
