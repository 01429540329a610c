extension V2 {
  static func settings(_ group: Cgroup, from old: CgroupLimits, to new: CgroupLimits) -> CgroupPlan {
    let directory = group.unifiedDirectory
    var operations: [CgroupOperation] = []

    func write(_ file: String, _ text: String) {
      operations.append(.write(path: directory + "/" + file, text: text))
    }

    if old.memoryBytes != new.memoryBytes { write("memory.max", limit(new.memoryBytes)) }
    if old.swapBytes != new.swapBytes {
      // A kernel without swap has no such file, and nothing to limit.
      operations.append(.writeIfPresent(path: directory + "/memory.swap.max", text: limit(new.swapBytes)))
    }
    if old.memoryMinBytes != new.memoryMinBytes { write("memory.min", "\(new.memoryMinBytes ?? 0)") }
    if old.oomGroup != new.oomGroup { write("memory.oom.group", new.oomGroup ? "1" : "0") }
    if old.pids != new.pids { write("pids.max", limit(new.pids)) }
    if old.cpuMillis != new.cpuMillis {
      let quota = new.cpuMillis.map { $0 * CgroupLimits.cpuPeriodMicroseconds / 1000 }
      write("cpu.max", "\(limit(quota)) \(CgroupLimits.cpuPeriodMicroseconds)")
    }
    if old.cpuWeight != new.cpuWeight { write("cpu.weight", "\(new.cpuWeight ?? 100)") }
    return CgroupPlan(operations: operations)
  }

  private static func limit(_ value: UInt64?) -> String {
    value.map { "\($0)" } ?? "max"
  }
}
