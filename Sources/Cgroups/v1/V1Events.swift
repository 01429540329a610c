import LinuxSystem

/// v1 adds to an event counter that was registered through `cgroup.event_control` together with the file it is about.
extension V1 {
  static func watchOutOfMemory(_ group: Cgroup) throws(CgroupError) -> CgroupEvent {
    try register(group, "memory.oom_control", "")
  }

  static func watchMemoryUsage(_ group: Cgroup, _ thresholdBytes: UInt64) throws(CgroupError) -> CgroupEvent {
    try register(group, "memory.usage_in_bytes", " \(thresholdBytes)")
  }

  /// The registration ends when the counter is closed; the file need stay open only until it is made.
  private static func register(
    _ group: Cgroup, _ file: String, _ arguments: String
  ) throws(CgroupError) -> CgroupEvent {
    let directory = group.directory(of: .memory) ?? ""
    do throws(SystemError) {
      let counter = try FileDescriptor.eventCounter()
      let watched = try FileDescriptor.open(directory + "/" + file, for: .reading)
      let registry = directory + "/cgroup.event_control"
      try Files.write("\(counter.rawValue) \(watched.rawValue)\(arguments)", to: registry)
      return CgroupEvent(descriptor: counter, source: .counter)
    } catch {
      throw .refused(error, advice: CgroupAdvice.text(error))
    }
  }
}
