/// What somebody asks for who wants a lease.
public struct LeaseRequest: Equatable, Sendable {
  /// Chosen by the client, new for each lease that it wants: the same again, from the same holder, is the same lease.
  public var requestID: [UInt8] = []
  public var size = Resources(cpuMillis: 200, processes: 256, containers: 4)
  public var durationSeconds: UInt64 = 3600
  /// Under pressure leases of lower priority are given up first.
  public var priority: UInt8 = 3

  public init() {}

  public static let requestIDBytes = 8...16
  public static let mostPriority: UInt8 = 7
  public static let leastSeconds: UInt64 = 10
  /// Less holds no container.
  public static let leastMemoryBytes = Budget.leastMemoryBytes + Budget.kernelBytes + Budget.leastLogBytes
  public static let mostDiskBytes: UInt64 = 1 << 50

  /// What is wrong with it, as one line that says what would be right; nil: nothing.
  public var problem: String? {
    if !Self.requestIDBytes.contains(requestID.count) { return "request id: give 8 to 16 bytes, new for each lease" }
    if size.memoryBytes < Self.leastMemoryBytes {
      return
        "lease of \(size.memoryBytes / 1024) KiB: \(Self.leastMemoryBytes / 1024) KiB is the least that holds a container"
    }
    if size.memoryBytes > Budget.mostMemoryBytes {
      return "lease: at most \(Budget.mostMemoryBytes >> 30) GiB of memory"
    }
    if size.diskBytes > Self.mostDiskBytes { return "lease: at most \(Self.mostDiskBytes >> 40) TiB of disk" }
    if size.cpuMillis < Budget.leastCPUMillis || size.cpuMillis > Budget.mostCPUMillis {
      return "lease: 0.01 to \(Budget.mostCPUMillis / 1000) cores"
    }
    if size.processes < 1 || size.processes > Budget.mostProcesses {
      return "lease: 1 to \(Budget.mostProcesses) processes"
    }
    if size.containers < 1 || size.containers > UInt64(Supervisor.maximumContainers) {
      return "lease: 1 to \(Supervisor.maximumContainers) containers"
    }
    if durationSeconds < Self.leastSeconds || durationSeconds > LeasePolicy.mostSeconds {
      return "lease: for \(Self.leastSeconds) s to \(LeasePolicy.mostSeconds / 86_400) days"
    }
    return priority > Self.mostPriority ? "priority: 0 to \(Self.mostPriority)" : nil
  }
}

/// What somebody asks for who holds a lease: to keep it.
public struct LeaseChange: Equatable, Sendable {
  /// From now on; a lease is never made shorter by it. Nil: a tentative lease is confirmed for as long as it was asked for,
  /// another stays as it is.
  public var durationSeconds: UInt64?
  /// The generation that the holder knows: with another one it is refused.
  public var generation: UInt32?

  public init(durationSeconds: UInt64? = nil, generation: UInt32? = nil) {
    self.durationSeconds = durationSeconds
    self.generation = generation
  }

  var problem: String? {
    guard let durationSeconds else { return nil }
    let isPossible = (LeaseRequest.leastSeconds...LeasePolicy.mostSeconds).contains(durationSeconds)
    return isPossible ? nil : "lease: for \(LeaseRequest.leastSeconds) s to \(LeasePolicy.mostSeconds / 86_400) days"
  }
}
