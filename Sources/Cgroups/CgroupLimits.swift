/// What the processes of a group may use together. Nil means no limit.
public struct CgroupLimits: Equatable, Sendable {
  /// Memory, page cache and the kernel's memory for the group included. The kernel rounds down to pages.
  public var memoryBytes: UInt64?
  /// Swap beyond the memory; 0 keeps the group out of swap. Needs `memoryBytes`.
  public var swapBytes: UInt64?
  /// Memory that the kernel does not take back under pressure. v2 only.
  public var memoryMinBytes: UInt64?
  /// An out-of-memory kill ends the whole group. On v1 the caller must do it: see `CgroupCaveat.oomGroupIsCallers`.
  public var oomGroup: Bool
  /// Processes and threads.
  public var pids: UInt64?
  /// CPU time in thousandths of one core: 1000 is one core, 2500 two and a half. At least 10.
  public var cpuMillis: UInt64?
  /// The share of CPU time among siblings when there is not enough: 1 to 10000, 100 where nil.
  public var cpuWeight: UInt64?

  public init(
    memoryBytes: UInt64? = nil, swapBytes: UInt64? = nil, memoryMinBytes: UInt64? = nil, oomGroup: Bool = false,
    pids: UInt64? = nil, cpuMillis: UInt64? = nil, cpuWeight: UInt64? = nil
  ) {
    self.memoryBytes = memoryBytes
    self.swapBytes = swapBytes
    self.memoryMinBytes = memoryMinBytes
    self.oomGroup = oomGroup
    self.pids = pids
    self.cpuMillis = cpuMillis
    self.cpuWeight = cpuWeight
  }

  /// A group that may use what there is.
  public static let unlimited = CgroupLimits()

  /// CPU time is handed out in periods of 100 ms, the kernel's default.
  static let cpuPeriodMicroseconds: UInt64 = 100_000
  /// The kernel's least quota is 1 ms in a period.
  static let leastCpuMillis: UInt64 = 10
  /// 2^53: above any machine's memory, and small enough that sums and page counts cannot overflow.
  static let mostBytes: UInt64 = 1 << 53
  static let mostCpuMillis: UInt64 = 1_000_000
  /// The kernel's PID_MAX_LIMIT.
  static let mostPids: UInt64 = 4 << 20

  /// Throws if a limit cannot be meant or if this machine has no controller to hold it.
  func check(on layout: CgroupLayout) throws(CgroupError) {
    if memoryBytes != nil || swapBytes != nil || oomGroup { try layout.require(.memory, for: "memory limit") }
    if pids != nil { try layout.require(.pids, for: "pids limit") }
    if cpuMillis != nil { try layout.require(.cpu, for: "cpu limit") }
    if cpuWeight != nil { try layout.require(.cpu, for: "cpu weight") }
    if memoryMinBytes != nil, layout.version == .v2 { try layout.require(.memory, for: "protected memory") }
    if swapBytes != nil, memoryBytes == nil { throw .badValue("swap limit: it needs a memory limit beside it") }
    try Self.check(memoryBytes, "memory limit", 1...Self.mostBytes, "bytes")
    try Self.check(swapBytes, "swap limit", 0...Self.mostBytes, "bytes")
    try Self.check(memoryMinBytes, "protected memory", 0...Self.mostBytes, "bytes")
    try Self.check(pids, "pids limit", 1...Self.mostPids, "processes")
    try Self.check(cpuMillis, "cpu limit", Self.leastCpuMillis...Self.mostCpuMillis, "thousandths of a core")
    try Self.check(cpuWeight, "cpu weight", 1...10_000, "(100 is usual)")
  }

  private static func check(
    _ value: UInt64?, _ name: String, _ range: ClosedRange<UInt64>, _ unit: String
  ) throws(CgroupError) {
    guard let value, !range.contains(value) else { return }
    throw .badValue("\(name) \(value): must be \(range.lowerBound) to \(range.upperBound) \(unit)")
  }
}

/// What a plan does not do although it was asked for, because this machine's control groups cannot.
public enum CgroupCaveat: Equatable, Sendable, CustomStringConvertible {
  /// v1 has no out-of-memory kill of a whole group: watch for out-of-memory events and `kill()` the group.
  case oomGroupIsCallers
  /// v1 does not protect memory.
  case memoryMinIgnored
  /// Swap is not counted: a limit of 0 only makes the kernel avoid it, any other is not kept.
  case swapNotCounted

  public var description: String {
    switch self {
    case .oomGroupIsCallers: "control groups v1 end one process when memory runs out: the agent ends the rest"
    case .memoryMinIgnored: "control groups v1 cannot protect memory"
    case .swapNotCounted: "the kernel does not count swap: add swapaccount=1 to its command line"
    }
  }
}
