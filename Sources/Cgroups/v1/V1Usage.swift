extension V1 {
  static func usage(_ group: Cgroup) -> CgroupUsage {
    func read(_ controller: CgroupController, _ file: String) -> [UInt8]? {
      group.directory(of: controller).flatMap { KernelText.read($0 + "/" + file) }
    }
    let memory = read(.memory, "memory.stat")
    let cpu = read(.cpu, "cpu.stat")
    var usage = CgroupUsage()
    usage.memoryBytes = KernelText.number(read(.memory, "memory.usage_in_bytes"))
    usage.memoryPeakBytes = KernelText.number(read(.memory, "memory.max_usage_in_bytes"))
    usage.kernelMemoryBytes = KernelText.number(read(.memory, "memory.kmem.usage_in_bytes"))
    // The total_ lines count the groups below as well, as the usage does.
    usage.inactiveFileBytes = KernelText.value(of: "total_inactive_file", in: memory)
    usage.swapBytes = KernelText.value(of: "total_swap", in: memory)
    usage.pids = KernelText.number(read(.pids, "pids.current"))
    usage.cpuNanoseconds = KernelText.number(read(.cpuacct, "cpuacct.usage"))
    usage.throttledPeriods = KernelText.value(of: "nr_throttled", in: cpu)
    usage.throttledNanoseconds = KernelText.value(of: "throttled_time", in: cpu)
    usage.oomKills = oomKills(group)
    return usage
  }

  /// Since Linux 4.13; of this group only, not of groups below.
  static func oomKills(_ group: Cgroup) -> UInt64? {
    guard let directory = group.directory(of: .memory) else { return nil }
    return KernelText.value(of: "oom_kill", in: KernelText.read(directory + "/memory.oom_control"))
  }
}
