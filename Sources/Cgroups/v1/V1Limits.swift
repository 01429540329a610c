extension V1 {
  static func settings(_ group: Cgroup, from old: CgroupLimits, to new: CgroupLimits) -> CgroupPlan {
    var plan = CgroupPlan()
    if let directory = group.directory(of: .memory) {
      plan.operations += memory(directory, from: old, to: new, countsSwap: group.layout.countsSwap)
    }
    if let directory = group.directory(of: .pids), old.pids != new.pids {
      plan.operations.append(.write(path: directory + "/pids.max", text: new.pids.map { "\($0)" } ?? "max"))
    }
    if let directory = group.directory(of: .cpu) { plan.operations += cpu(directory, from: old, to: new) }

    if new.oomGroup { plan.caveats.append(.oomGroupIsCallers) }
    if new.memoryMinBytes != nil { plan.caveats.append(.memoryMinIgnored) }
    if new.swapBytes != nil, !group.layout.countsSwap { plan.caveats.append(.swapNotCounted) }
    return plan
  }

  /// The limit of memory and swap together may never be below that of memory alone, so a higher one is set first and a
  /// lower one last.
  private static func memory(
    _ directory: String, from old: CgroupLimits, to new: CgroupLimits, countsSwap: Bool
  ) -> [CgroupOperation] {
    var operations: [CgroupOperation] = []
    if old.memoryBytes != new.memoryBytes {
      operations.append(.write(path: directory + "/memory.limit_in_bytes", text: bytes(new.memoryBytes)))
    }
    if countsSwap, total(old) != total(new) {
      let both = CgroupOperation.write(path: directory + "/memory.memsw.limit_in_bytes", text: bytes(total(new)))
      let rises = (new.memoryBytes ?? .max) > (old.memoryBytes ?? .max)
      operations.insert(both, at: rises ? 0 : operations.count)
    }
    if !countsSwap, (old.swapBytes == 0) != (new.swapBytes == 0) {
      // Second best: the kernel prefers to take back anything else.
      operations.append(.write(path: directory + "/memory.swappiness", text: new.swapBytes == 0 ? "0" : "60"))
    }
    return operations
  }

  private static func cpu(_ directory: String, from old: CgroupLimits, to new: CgroupLimits) -> [CgroupOperation] {
    var operations: [CgroupOperation] = []
    if old.cpuMillis != new.cpuMillis {
      if old.cpuMillis == nil {
        operations.append(
          .write(path: directory + "/cpu.cfs_period_us", text: "\(CgroupLimits.cpuPeriodMicroseconds)"))
      }
      let quota = new.cpuMillis.map { "\($0 * CgroupLimits.cpuPeriodMicroseconds / 1000)" }
      operations.append(.write(path: directory + "/cpu.cfs_quota_us", text: quota ?? "-1"))
    }
    if old.cpuWeight != new.cpuWeight {
      operations.append(.write(path: directory + "/cpu.shares", text: "\(shares(weight: new.cpuWeight ?? 100))"))
    }
    return operations
  }

  /// The kernel's own scale: weight 100 is 1024 shares. 2 is the least that v1 takes.
  static func shares(weight: UInt64) -> UInt64 {
    max(2, (weight * 1024 + 50) / 100)
  }

  private static func total(_ limits: CgroupLimits) -> UInt64? {
    guard let memory = limits.memoryBytes, let swap = limits.swapBytes else { return nil }
    return memory + swap
  }

  private static func bytes(_ limit: UInt64?) -> String {
    limit.map { "\($0)" } ?? "-1"
  }
}
