import LinuxSystem

extension Cgroup {
  /// Lowers the memory limit of a group that is kept out of swap, once what it uses is not above that; where the kernel cannot
  /// take enough from it, the limit is as it was. May wait for a disk.
  public func shrink(from old: UInt64, to new: UInt64) throws(CgroupError) {
    let (before, after) = (CgroupLimits(memoryBytes: old, swapBytes: 0), CgroupLimits(memoryBytes: new, swapBytes: 0))
    do throws(CgroupError) {
      // v2 takes any limit, and ends what is above it. v1 refuses.
      if layout.version == .v2 { try V2.reclaim(self, to: new) }
      try update(from: before, to: after).perform()
    } catch {
      try? update(from: after, to: before).perform()
      throw error
    }
    if layout.version == .v2 { V2.endReclaim(self) }
  }

  /// Sets the limits of a group, of which nothing is known but that its memory limit is not above them.
  public func reset(to limits: CgroupLimits) throws(CgroupError) {
    var old = limits
    (old.memoryBytes, old.pids, old.cpuMillis) = (1, nil, 0)
    if layout.version == .v2 { V2.endReclaim(self) }
    try update(from: old, to: limits).perform()
  }
}
