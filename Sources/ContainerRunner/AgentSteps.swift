import CSystem

/// What the agent does before the clone: the streams and the cgroups, none of which waits for a disk, and those mounts
/// that need the host's rights or paths, unless a mounter makes them.
extension ContainerSpec {
  func agentSteps(_ facts: HostFacts) -> StepList {
    var steps = StepList(expectedBytes: 4000)
    steps.append(EXECUTOR_OPEN, [Slot.standardInput, 0, 0], ["/dev/null"])
    addStreamOwner(to: &steps)
    addCgroup(to: &steps)
    if !hasMounter { addHostMounts(to: &steps, facts) }
    return steps
  }

  /// The ids that the host knows the container's user by.
  private var hostUser: (uid: UInt32, gid: UInt32) { hostIDs(process.user.uid, process.user.gid) }

  func hostIDs(_ uid: UInt32, _ gid: UInt32) -> (uid: UInt32, gid: UInt32) {
    guard namespaces.contains(.user) else { return (uid, gid) }
    return (
      IDMapping.hostID(of: uid, in: uidMappings) ?? uid, IDMapping.hostID(of: gid, in: gidMappings) ?? gid
    )
  }

  /// A program may open /dev/stdout anew, which checks who owns the pipe.
  func addStreamOwner(to steps: inout StepList, ofInput: Bool = false) {
    let user = hostUser
    guard user.uid != 0 else { return }
    if ofInput { steps.append(EXECUTOR_OWN, [Slot.standardInput, user.uid, user.gid]) }
    steps.append(EXECUTOR_OWN, [Slot.standardOutput, user.uid, user.gid])
    steps.append(EXECUTOR_OWN, [Slot.standardError, user.uid, user.gid])
  }

  func addCgroup(to steps: inout StepList) {
    for operation in cgroup.operations {
      switch operation {
      case .makeDirectory(let path): steps.append(EXECUTOR_MAKE_DIRECTORY, [0o755], [path])
      case .write(let path, let text): steps.append(EXECUTOR_WRITE_FILE, [], [path, text])
      }
    }
    addCgroupJoin(to: &steps)
  }

  func addCgroupJoin(to steps: inout StepList) {
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
}

/// open(2)'s flags as steps hold them: the same numbers on i386 and x86_64.
enum OpenFlags {
  static let write: UInt32 = 0o1
  static let directory: UInt32 = 0o200000
  static let path: UInt32 = 0o10000000
}
