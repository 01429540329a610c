import LinuxSystem

extension V2 {
  /// The kernel wakes those who poll an open `memory.events` whenever one of its numbers changes; it must have been read
  /// once, for a file that never was read counts as changed.
  static func watchOutOfMemory(_ group: Cgroup) throws(CgroupError) -> CgroupEvent {
    try watchFile(group.unifiedDirectory + "/memory.events")
  }

  static func watchFile(_ path: String) throws(CgroupError) -> CgroupEvent {
    do throws(SystemError) {
      let file = try FileDescriptor.open(path, for: .reading)
      _ = try file.readFromStart(subject: path)
      return CgroupEvent(descriptor: file, source: .file)
    } catch {
      throw .refused(error, advice: CgroupAdvice.text(error))
    }
  }
}
