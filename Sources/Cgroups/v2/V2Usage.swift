extension V2 {
  static func usage(_ group: Cgroup) -> CgroupUsage {
    func read(_ file: String) -> [UInt8]? { KernelText.read(group.unifiedDirectory + "/" + file) }
    func nanoseconds(_ microseconds: UInt64?) -> UInt64? {
      guard let (product, overflow) = microseconds?.multipliedReportingOverflow(by: 1000) else { return nil }
      return overflow ? .max : product
    }
    let memory = read("memory.stat")
    let cpu = read("cpu.stat")
    var usage = CgroupUsage()
    usage.memoryBytes = KernelText.number(read("memory.current"))
    usage.memoryPeakBytes = KernelText.number(read("memory.peak"))
    usage.kernelMemoryBytes = KernelText.value(of: "kernel", in: memory)
    usage.inactiveFileBytes = KernelText.value(of: "inactive_file", in: memory)
    usage.swapBytes = KernelText.number(read("memory.swap.current"))
    usage.pids = KernelText.number(read("pids.current"))
    usage.cpuNanoseconds = nanoseconds(KernelText.value(of: "usage_usec", in: cpu))
    usage.throttledPeriods = KernelText.value(of: "nr_throttled", in: cpu)
    usage.throttledNanoseconds = nanoseconds(KernelText.value(of: "throttled_usec", in: cpu))
    usage.oomKills = oomKills(group)
    return usage
  }

  /// Groups below are counted as well.
  static func oomKills(_ group: Cgroup) -> UInt64? {
    KernelText.value(of: "oom_kill", in: KernelText.read(group.unifiedDirectory + "/memory.events"))
  }
}
