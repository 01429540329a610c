import LinuxSystem

extension V2 {
  /// False if this kernel (before Linux 5.14) cannot end a whole group by itself.
  static func kill(_ group: Cgroup) throws(CgroupError) -> Bool {
    let path = group.unifiedDirectory + "/cgroup.kill"
    guard Files.exists(path) else { return false }
    // A write here would end this process as well.
    if try group.processes().contains(Signals.ownProcess()) { return false }
    try explained { () throws(SystemError) in try Files.write("1", to: path) }
    return true
  }

  static func isPopulated(_ group: Cgroup) -> Bool {
    KernelText.value(of: "populated", in: events(group)) == 1
  }

  static func freezing(_ group: Cgroup, _ frozen: Bool) -> (path: String, text: String) {
    (group.unifiedDirectory + "/cgroup.freeze", frozen ? "1" : "0")
  }

  static func freezerState(_ group: Cgroup) -> CgroupFreezerState? {
    guard let wanted = KernelText.number(KernelText.read(group.unifiedDirectory + "/cgroup.freeze")) else { return nil }
    if KernelText.value(of: "frozen", in: events(group)) == 1 { return .frozen }
    return wanted == 0 ? .thawed : .freezing
  }

  private static func events(_ group: Cgroup) -> [UInt8]? {
    KernelText.read(group.unifiedDirectory + "/cgroup.events")
  }
}
