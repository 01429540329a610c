import Basics

/// A container as the agent knows it: what was asked for, what is so, and how the last run ended.
///
/// This is the record that the store keeps; a restarted agent has nothing else to go by.
public struct Container: Equatable, Sendable {
  /// Where a container is in its life. Raw values stand in the store.
  public enum Phase: UInt8, Equatable, Sendable {
    /// About to be started: nothing of it runs yet.
    case created = 0
    /// Its process is set up and waits to be let go until this record is durable.
    case starting = 1
    case running = 2
    /// Was asked to end and has not yet.
    case stopping = 3
    /// Ended; the kernel's part of it may still have to be put away.
    case ended = 4
    /// Ended, to be started again at `restartAt`.
    case waiting = 5
    /// Being removed, record last.
    case removing = 6
  }

  /// Never used twice in one store.
  public let id: UInt64
  public let name: String
  public var request: ContainerRequest
  public var phase: Phase
  /// Whether it is meant to run; `stop` makes it false, and durable before anything is killed.
  public var wanted: Bool
  public var process: ProcessIdentity?
  /// While it is `stopping`: when a new agent kills it if it has not ended by itself, counted from the request, on the
  /// clock of its process's boot. The agent that was asked counts from SIGTERM, later by what the disk took.
  public var stopDeadline: Instant?
  /// How many times it was started.
  public var starts: UInt32
  /// Restarts in a row without a steady run between them.
  public var restarts: UInt32
  public var end: ContainerEnd?
  /// Who wants it to end, until it has.
  public var demand = ContainerEnd.Demand()
  /// Whether none of its processes gets to run for now. The kernel keeps that for as long as they live, and not the store.
  public var isPaused = false
  /// What its health check has found since this agent looks after it; nil: nothing is checked, or it does not run.
  public var health: ContainerHealth?
  /// Wall clock in seconds since 1970, for people; 0: never.
  public var createdSeconds: UInt64
  public var startedSeconds: UInt64
  public var endedSeconds: UInt64

  public init(id: UInt64, name: String, request: ContainerRequest, createdSeconds: UInt64) {
    self.id = id
    self.name = name
    self.request = request
    self.phase = .created
    self.wanted = true
    self.process = nil
    self.stopDeadline = nil
    self.starts = 0
    self.restarts = 0
    self.end = nil
    self.createdSeconds = createdSeconds
    self.startedSeconds = 0
    self.endedSeconds = 0
  }

  /// Whether a process of it may exist.
  public var isAlive: Bool {
    phase == .starting || phase == .running || phase == .stopping
  }
}

/// A process, told apart from any other that may have had its number.
public struct ProcessIdentity: Equatable, Sendable {
  public var process: Int32
  /// Clock ticks since boot at which it started (field 22 of /proc/PID/stat).
  public var startTicks: UInt64
  /// The boot it belongs to (/proc/sys/kernel/random/boot_id).
  public var boot: String

  public init(process: Int32, startTicks: UInt64, boot: String) {
    self.process = process
    self.startTicks = startTicks
    self.boot = boot
  }
}

extension Container.Phase: CustomStringConvertible {
  public var description: String {
    switch self {
    case .created: return "created"
    case .starting: return "starting"
    case .running: return "running"
    case .stopping: return "stopping"
    case .ended: return "ended"
    case .waiting: return "waiting"
    case .removing: return "removing"
    }
  }
}
