/// What a container may use. Each is a hard limit that the kernel keeps; swap is never given.
public struct Budget: Equatable, Sendable {
  public var memoryBytes: UInt64 = 16 << 20
  /// How many processes and threads.
  public var processes: UInt64 = 64
  /// Thousandths of one core.
  public var cpuMillis: UInt64 = 1000
  /// What it may write to its root file system; 0: whoever asked did not say.
  public var diskBytes: UInt64 = 0
  /// How much of its output is kept, in RAM.
  public var logBytes: UInt64 = 64 * 1024

  public init() {}

  /// What the kernel itself spends on a container: 110 to 240 KiB were measured.
  public static let kernelBytes: UInt64 = 240 * 1024

  /// What must be set aside for it: the kernel's share and the log are no part of the container's own limit.
  public var reservedBytes: UInt64 { memoryBytes + Self.kernelBytes + logBytes }

  /// How many files, directories and the like go with its disk: so many as ext4 has for so much, and some.
  public var files: UInt64 { diskBytes / 16_384 + 256 }

  /// So much disk goes with every container: it is no part of a lease's.
  public static let leastDiskBytes: UInt64 = 1 << 20
  /// What a container without a lease may write that was asked for without saying how much.
  public static let standardDiskBytes: UInt64 = 64 << 20

  /// What must be set aside of a disk.
  var chargedDiskBytes: UInt64 { max(diskBytes, Self.leastDiskBytes) - Self.leastDiskBytes }

  /// Of each the larger.
  static func larger(_ left: Budget, _ right: Budget) -> Budget {
    var larger = left
    larger.memoryBytes = max(left.memoryBytes, right.memoryBytes)
    larger.processes = max(left.processes, right.processes)
    larger.cpuMillis = max(left.cpuMillis, right.cpuMillis)
    larger.diskBytes = max(left.diskBytes, right.diskBytes)
    return larger
  }

  /// Less cannot start a program: what set-up itself is charged for was measured at 164 to 400 KiB.
  public static let leastMemoryBytes: UInt64 = 512 * 1024
  public static let mostMemoryBytes: UInt64 = 1 << 40
  public static let mostProcesses: UInt64 = 32_768
  public static let leastCPUMillis: UInt64 = 10
  public static let mostCPUMillis: UInt64 = 64_000
  public static let leastLogBytes: UInt64 = 4096
  public static let mostLogBytes: UInt64 = 1 << 20

  static func tooLittleDisk(_ bytes: UInt64) -> String {
    "disk budget \(bytes / 1024) KiB: give at least \(leastDiskBytes / 1024) KiB"
  }

  /// What is wrong with it, as one line that says what would be right; nil: nothing.
  public var problem: String? {
    if memoryBytes < Self.leastMemoryBytes {
      return
        "memory budget \(memoryBytes / 1024) KiB: give at least \(Self.leastMemoryBytes / 1024) KiB, or nothing can start"
    }
    if memoryBytes > Self.mostMemoryBytes { return "memory budget: at most \(Self.mostMemoryBytes >> 30) GiB" }
    if processes < 1 || processes > Self.mostProcesses { return "process budget: 1 to \(Self.mostProcesses)" }
    if cpuMillis < Self.leastCPUMillis || cpuMillis > Self.mostCPUMillis {
      return "cpu budget: 0.01 to \(Self.mostCPUMillis / 1000) cores"
    }
    if diskBytes > LeaseRequest.mostDiskBytes {
      return "disk budget: at most \(LeaseRequest.mostDiskBytes >> 40) TiB"
    }
    if diskBytes != 0, diskBytes < Self.leastDiskBytes { return Self.tooLittleDisk(diskBytes) }
    if logBytes < Self.leastLogBytes || logBytes > Self.mostLogBytes {
      return "log: \(Self.leastLogBytes / 1024) to \(Self.mostLogBytes / 1024) KiB"
    }
    return nil
  }
}
