/// How and why a container's last run ended. Every run that ended has one.
public struct ContainerEnd: Equatable, Sendable {
  public enum Cause: Equatable, Sendable {
    case exited(code: UInt8)
    case killed(signal: UInt8)
    /// The container reached its memory budget and was ended as a whole.
    case outOfMemory(limitBytes: UInt64, peakBytes: UInt64)
    /// The program never ran: the line says which step failed and why.
    case failedToStart(String)
    /// It ended while nobody could see how: the line says why nobody could.
    case unknown(String)
  }

  /// What somebody did to bring the end about.
  public enum Initiator: UInt8, Equatable, Sendable {
    case none = 0
    /// `stop`: the program was asked to end and did.
    case stopped = 1
    /// `stop`: it did not end within its grace period and was killed.
    case graceExpired = 2
    /// `rm --force`.
    case removed = 3
    /// `kill`.
    case killed = 4
    /// `kill --signal` with the signal that it is stopped with; it may have ended long after.
    case signalled = 5
    /// Its health check failed.
    case unhealthy = 6
  }

  /// Who did that. Which key it was, the audit trail tells.
  public enum Asker: UInt8, Equatable, Sendable {
    case unknown = 0
    case owner = 1
    /// Who holds the lease that it is in.
    case holder = 2
    /// The node itself, when the lease was over.
    case node = 3
  }

  /// What somebody wants of a container that is to end.
  public struct Demand: Equatable, Sendable {
    public var initiator = Initiator.none
    public var asker = Asker.unknown

    public init(_ initiator: Initiator = .none, by asker: Asker = .unknown) {
      self.initiator = initiator
      self.asker = asker
    }
  }

  public var cause: Cause
  public var demand: Demand
  public var initiator: Initiator { demand.initiator }

  public init(cause: Cause, demand: Demand = Demand()) {
    self.cause = cause
    self.demand = demand
  }

  /// What a shell would see: the exit code, 128 + signal, 137 for out of memory, 125 where no program ran.
  public var exitCode: UInt8 {
    switch cause {
    case .exited(let code): return code
    case .killed(let signal): return 128 &+ signal
    case .outOfMemory: return 137
    case .failedToStart, .unknown: return 125
    }
  }
}

extension ContainerEnd: CustomStringConvertible {
  /// One line for people: `exit code 1`, `out of memory: budget 4096 KiB, peak 4096 KiB`, `killed by signal 9, killed on
  /// request of the owner`.
  public var description: String {
    let how: String
    switch cause {
    case .exited(let code): how = "exit code \(code)"
    case .killed(let signal): how = "killed by signal \(signal)"
    case .outOfMemory(let limit, let peak): how = "out of memory: budget \(limit / 1024) KiB, peak \(peak / 1024) KiB"
    case .failedToStart(let line): how = line
    case .unknown(let why): how = "unknown: \(why)"
    }
    return how + demand.description
  }
}

extension ContainerEnd.Demand: CustomStringConvertible {
  /// What is added to how it ended.
  public var description: String {
    switch initiator {
    case .none: ""
    case .stopped: ", stopped\(asker)"
    case .graceExpired: ", stopped\(asker) after its grace period"
    case .removed: ", removed by force\(asker)"
    case .killed: ", killed\(asker)"
    case .signalled: ", sent its stop signal\(asker)"
    case .unhealthy: ", killed as its health check failed"
    }
  }
}

extension ContainerEnd.Asker: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unknown: " on request"
    case .owner: " on request of the owner"
    case .holder: " on request of its lease's holder"
    case .node: " as its lease is over"
    }
  }
}
