/// What a group has used and met so far. Nil is what this kernel does not tell, or a controller that is absent.
public struct CgroupUsage: Equatable, Sendable {
  /// Memory in use now, page cache and kernel memory included.
  public var memoryBytes: UInt64?
  /// The most that was ever in use (v2: since Linux 5.19).
  public var memoryPeakBytes: UInt64?
  /// The kernel's own memory for the group, part of `memoryBytes` (v2: since Linux 5.18).
  public var kernelMemoryBytes: UInt64?
  /// Page cache that has not been used for a while and goes first; people subtract it from `memoryBytes`.
  public var inactiveFileBytes: UInt64?
  public var swapBytes: UInt64?
  /// Processes and threads now.
  public var pids: UInt64?
  public var cpuNanoseconds: UInt64?
  /// Periods of 100 ms in which the CPU limit stopped the group.
  public var throttledPeriods: UInt64?
  public var throttledNanoseconds: UInt64?
  /// Processes of the group that were ended because memory ran out.
  public var oomKills: UInt64?

  public init() {}
}

extension Cgroup {
  /// Reads the usage: up to eight small files, some microseconds each.
  public func usage() -> CgroupUsage {
    layout.version == .v1 ? V1.usage(self) : V2.usage(self)
  }

  /// How many processes of the group were ended for want of memory: the one number to ask after an out-of-memory event.
  public func oomKills() -> UInt64? {
    layout.version == .v1 ? V1.oomKills(self) : V2.oomKills(self)
  }
}
