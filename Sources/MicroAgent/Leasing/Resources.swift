/// An amount of what a board has to give.
public struct Resources: Equatable, Sendable {
  public var memoryBytes: UInt64
  /// Thousandths of one core.
  public var cpuMillis: UInt64
  public var diskBytes: UInt64
  /// Processes and threads.
  public var processes: UInt64
  /// How many containers.
  public var containers: UInt64

  public init(
    memoryBytes: UInt64 = 0, cpuMillis: UInt64 = 0, diskBytes: UInt64 = 0, processes: UInt64 = 0,
    containers: UInt64 = 0
  ) {
    self.memoryBytes = memoryBytes
    self.cpuMillis = cpuMillis
    self.diskBytes = diskBytes
    self.processes = processes
    self.containers = containers
  }

  /// What a container takes while it has a place: its budget, the kernel's own cost, and its log.
  public init(of budget: Budget) {
    self.init(
      memoryBytes: budget.reservedBytes, cpuMillis: budget.cpuMillis, diskBytes: budget.chargedDiskBytes,
      processes: budget.processes, containers: 1)
  }

  /// Sums stop at the largest number.
  public static func + (left: Resources, right: Resources) -> Resources {
    combine(left, right) { sum($0, $1) }
  }

  /// What is left; nothing is less than 0.
  public static func - (left: Resources, right: Resources) -> Resources {
    combine(left, right) { $0 > $1 ? $0 - $1 : 0 }
  }

  /// Of each the smaller.
  public static func smaller(_ left: Resources, _ right: Resources) -> Resources {
    combine(left, right) { min($0, $1) }
  }

  /// So many hundredths of each.
  public func percent(_ percent: UInt64) -> Resources {
    Self.combine(self, self) { amount, _ in Self.percent(percent, of: amount) }
  }

  /// So many hundredths of an amount, rounded down; `percent` is at most 100.
  static func percent(_ percent: UInt64, of amount: UInt64) -> UInt64 {
    amount / 100 * percent + amount % 100 * percent / 100
  }

  public func fits(in room: Resources) -> Bool { lack(in: room) == nil }

  /// The first of which more is asked for than there is; nil: there is enough of all.
  func lack(in room: Resources) -> Lack? {
    if memoryBytes > room.memoryBytes { return .memory(asked: memoryBytes, left: room.memoryBytes) }
    if cpuMillis > room.cpuMillis { return .cpu(asked: cpuMillis, left: room.cpuMillis) }
    if diskBytes > room.diskBytes { return .disk(asked: diskBytes, left: room.diskBytes) }
    if processes > room.processes { return .processes(asked: processes, left: room.processes) }
    if containers > room.containers { return .containers(asked: containers, left: room.containers) }
    return nil
  }

  /// What there is too little of.
  enum Lack: Equatable, CustomStringConvertible {
    case memory(asked: UInt64, left: UInt64)
    case cpu(asked: UInt64, left: UInt64)
    case disk(asked: UInt64, left: UInt64)
    case processes(asked: UInt64, left: UInt64)
    case containers(asked: UInt64, left: UInt64)

    /// `memory 8192 KiB asked, 4096 KiB left`.
    var description: String {
      switch self {
      case .memory(let asked, let left): Self.line("memory", asked / 1024, left / 1024, " KiB")
      case .cpu(let asked, let left): Self.line("cpu", asked, left, " thousandths of a core")
      case .disk(let asked, let left): Self.line("disk", asked / 1024, left / 1024, " KiB")
      case .processes(let asked, let left): Self.line("processes", asked, left, "")
      case .containers(let asked, let left): Self.line("containers", asked, left, "")
      }
    }

    private static func line(_ what: String, _ asked: UInt64, _ left: UInt64, _ unit: String) -> String {
      "\(what): \(asked)\(unit) asked for, \(left)\(unit) left"
    }
  }

  private static func sum(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let (sum, overflow) = left.addingReportingOverflow(right)
    return overflow ? .max : sum
  }

  private static func combine(_ left: Resources, _ right: Resources, _ call: (UInt64, UInt64) -> UInt64) -> Resources {
    Resources(
      memoryBytes: call(left.memoryBytes, right.memoryBytes), cpuMillis: call(left.cpuMillis, right.cpuMillis),
      diskBytes: call(left.diskBytes, right.diskBytes), processes: call(left.processes, right.processes),
      containers: call(left.containers, right.containers))
  }
}
