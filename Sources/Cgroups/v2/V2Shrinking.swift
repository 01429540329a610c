import LinuxSystem

extension V2 {
  /// Takes what is above a limit from a group, as far as that goes, and slows it down while it wants more.
  static func reclaim(_ group: Cgroup, to bytes: UInt64) throws(CgroupError) {
    let directory = group.unifiedDirectory
    try explained { () throws(SystemError) in try Files.write("\(bytes)", to: directory + "/memory.high") }
    let used = KernelText.number(KernelText.read(directory + "/memory.current")) ?? .max
    if used <= bytes { return }
    endReclaim(group)
    throw .badValue("memory limit \(bytes): the group uses \(used) bytes that cannot be reclaimed")
  }

  static func endReclaim(_ group: Cgroup) {
    try? Files.write("max", to: group.unifiedDirectory + "/memory.high")
  }
}
