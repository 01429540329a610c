import CSystem

/// What the agent does before the clone: the cgroups, and every mount that needs the host's rights or paths. It makes
/// these mounts detached, so that nobody sees them and closing the descriptor undoes them.
extension ContainerSpec {
  func agentSteps(_ facts: HostFacts) -> StepList {
    var steps = StepList(expectedBytes: 4000)
    steps.append(EXECUTOR_OPEN, [Slot.standardInput, 0, 0], ["/dev/null"])
    addStreamOwner(to: &steps)
    addCgroup(to: &steps)
    addRoot(to: &steps, facts)
    for (index, mount) in binds.enumerated() { addBind(mount, Slot.firstBind + UInt32(index), to: &steps, facts) }
    return steps
  }

  /// The mounts that are binds here: sysfs cannot be mounted from a user namespace without its own network namespace,
  /// so the host's is shown instead.
  var effectiveMounts: [MountSpec] {
    guard namespaces.contains(.user), !namespaces.contains(.network) else { return mounts }
    return mounts.map { mount in
      guard mount.type == "sysfs" else { return mount }
      return MountSpec(
        destination: mount.destination, type: "bind", source: "/sys", options: mount.options.union(.recursive))
    }
  }

  private var binds: [MountSpec] { effectiveMounts.filter { $0.isBind } }

  /// The ids that the host knows the container's user by.
  private var hostUser: (uid: UInt32, gid: UInt32) { hostIDs(process.user.uid, process.user.gid) }

  private func hostIDs(_ uid: UInt32, _ gid: UInt32) -> (uid: UInt32, gid: UInt32) {
    guard namespaces.contains(.user) else { return (uid, gid) }
    return (
      IDMapping.hostID(of: uid, in: uidMappings) ?? uid, IDMapping.hostID(of: gid, in: gidMappings) ?? gid
    )
  }

  /// A program may open /dev/stdout anew, which checks who owns the pipe.
  private func addStreamOwner(to steps: inout StepList) {
    let user = hostUser
    guard user.uid != 0 else { return }
    steps.append(EXECUTOR_OWN, [Slot.standardOutput, user.uid, user.gid])
    steps.append(EXECUTOR_OWN, [Slot.standardError, user.uid, user.gid])
  }

  private func addCgroup(to steps: inout StepList) {
    for operation in cgroup.operations {
      switch operation {
      case .makeDirectory(let path): steps.append(EXECUTOR_MAKE_DIRECTORY, [0o755], [path])
      case .write(let path, let text): steps.append(EXECUTOR_WRITE_FILE, [], [path, text])
      }
    }
    switch cgroup.join {
    case .none: break
    case .directory(let path):
      steps.append(EXECUTOR_OPEN, [Slot.cgroup, OpenFlags.path | OpenFlags.directory, 0], [path])
    case .tasks(let paths):
      for (index, path) in paths.enumerated() {
        steps.append(EXECUTOR_OPEN, [Slot.firstTasks + UInt32(index), OpenFlags.write, 0], [path])
      }
    }
  }

  private func addRoot(to steps: inout StepList, _ facts: HostFacts) {
    let mapping = namespaces.contains(.user) && !root.idsAreMapped ? Slot.userNamespace : EXECUTOR_NO_SLOT
    guard let overlay = root.overlay else {
      steps.append(EXECUTOR_OPEN_TREE, [Slot.root, 0], [root.path])
      let attributes: MountOptions = root.readonly ? .readonly : []
      addChange(of: Slot.root, attributes, mapping: mapping, to: &steps, facts)
      return
    }
    steps.append(EXECUTOR_MAKE_DIRECTORY, [0o755], [overlay.upper])
    steps.append(EXECUTOR_MAKE_DIRECTORY, [0o700], [overlay.work])
    if namespaces.contains(.user) {
      let owner = hostIDs(0, 0)
      steps.append(EXECUTOR_OWN, [EXECUTOR_NO_SLOT, owner.uid, owner.gid], [overlay.upper])
    }
    steps.append(EXECUTOR_OPEN_TREE, [Slot.lower, 0], [root.path])
    if mapping != EXECUTOR_NO_SLOT { addChange(of: Slot.lower, [], mapping: mapping, to: &steps, facts) }
    steps.append(EXECUTOR_OVERLAY, [Slot.root, Slot.lower, overlay.isVolatile ? 1 : 0], [overlay.upper, overlay.work])
  }

  private func addBind(_ mount: MountSpec, _ slot: UInt32, to steps: inout StepList, _ facts: HostFacts) {
    let recursive: UInt32 = mount.options.contains(.recursive) ? 1 : 0
    steps.append(EXECUTOR_OPEN_TREE, [slot, recursive], [mount.source])
    let mapping =
      namespaces.contains(.user) && mount.options.contains(.idmap) ? Slot.userNamespace : EXECUTOR_NO_SLOT
    addChange(
      of: slot, mount.options.intersection(.attributes), recursive: recursive, mapping: mapping, to: &steps, facts)
  }

  /// Private, so that what is mounted in the container never shows on the host. Before Linux 5.12 the child does this.
  private func addChange(
    of slot: UInt32, _ attributes: MountOptions, recursive: UInt32 = 0, mapping: UInt32, to steps: inout StepList,
    _ facts: HostFacts
  ) {
    guard facts.canChangeDetachedMounts else { return }
    steps.append(EXECUTOR_CHANGE_MOUNT, [slot, attributes.rawValue, 1, recursive, mapping])
  }
}

/// open(2)'s flags as steps hold them: the same numbers on i386 and x86_64.
enum OpenFlags {
  static let write: UInt32 = 0o1
  static let directory: UInt32 = 0o200000
  static let path: UInt32 = 0o10000000
}
