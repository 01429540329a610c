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

  /// Who asked for the end, where somebody did.
  public enum Initiator: UInt8, Equatable, Sendable {
    case none = 0
    /// `stop`: the program was asked to end and did.
    case stopped = 1
    /// `stop`: it did not end within its grace period and was killed.
    case graceExpired = 2
    /// `rm --force`.
    case removed = 3
  }

  public var cause: Cause
  public var initiator: Initiator

  public init(cause: Cause, initiator: Initiator = .none) {
    self.cause = cause
    self.initiator = initiator
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
  /// One line for people: `exit code 1`, `out of memory: budget 4096 KiB, peak 4096 KiB`.
  public var description: String {
    let how: String
    switch cause {
    case .exited(let code): how = "exit code \(code)"
    case .killed(let signal): how = "killed by signal \(signal)"
    case .outOfMemory(let limit, let peak): how = "out of memory: budget \(limit / 1024) KiB, peak \(peak / 1024) KiB"
    case .failedToStart(let line): how = line
    case .unknown(let why): how = "unknown: \(why)"
    }
    switch initiator {
    case .none: return how
    case .stopped: return "\(how), stopped on request"
    case .graceExpired: return "\(how), stopped on request after its grace period"
    case .removed: return "\(how), removed by force"
    }
  }
}
