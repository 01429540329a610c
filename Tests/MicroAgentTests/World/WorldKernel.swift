import Basics
import MicroAgent

/// A container's first process as the simulated kernel and keeper know it.
struct WorldProcess {
  /// Who would be told by the kernel how it ends.
  enum Parent {
    case agent
    case keeper
    /// Neither: agent and keeper died together after it was made. Its end is seen, not how.
    case nobody
  }

  let identity: ProcessIdentity
  let container: UInt64
  var parent = Parent.agent
  /// It got the go byte.
  var isReleased = false
  /// It runs the program of the container.
  var runsProgram = false
  /// It once did.
  var ranProgram = false
  /// How it ended; nil while it lives.
  var end: ContainerEnd.Cause?
  /// Its end has been collected, or nobody is left to collect it.
  var isCollected = false
  /// An agent found it half started and is about to undo it: how it ends is of no interest.
  var isDoomed = false

  var lives: Bool { end == nil }
}

/// What of the containers is in the kernel, on the disk beside the store, and in the keeper.
struct WorldKernel {
  var processes: [WorldProcess] = []
  var cgroups: Set<UInt64> = []
  /// On disk: survive a power cut.
  var files: Set<UInt64> = []
  /// In memory, held by the keeper.
  var logs: Set<UInt64> = []
  var boot = 1
  private var nextProcess: Int32 = 100

  mutating func clone(for container: UInt64) -> ProcessIdentity {
    nextProcess += 1
    let identity = ProcessIdentity(process: nextProcess, startTicks: UInt64(nextProcess), boot: "boot \(boot)")
    processes.append(WorldProcess(identity: identity, container: container))
    return identity
  }

  func index(of identity: ProcessIdentity) -> Int? {
    processes.lastIndex { $0.identity == identity }
  }

  /// The process of a container that is still to be collected, alive or ended.
  func current(_ container: UInt64) -> Int? {
    processes.lastIndex { $0.container == container && !$0.isCollected }
  }

  func last(_ container: UInt64) -> WorldProcess? {
    processes.last { $0.container == container }
  }

  /// What is left of a container, for a message; nil: nothing.
  func traces(of id: UInt64) -> String? {
    var traces: [String] = []
    if cgroups.contains(id) { traces.append("cgroup") }
    if files.contains(id) { traces.append("files") }
    if logs.contains(id) { traces.append("log") }
    if processes.contains(where: { $0.container == id && ($0.lives || !$0.isCollected) }) { traces.append("process") }
    return traces.isEmpty ? nil : traces.joined(separator: ", ")
  }

  var knownContainers: Set<UInt64> {
    var ids = cgroups.union(files).union(logs)
    for process in processes where process.lives || !process.isCollected { ids.insert(process.container) }
    return ids
  }

  /// What a new agent finds of the process that a record names, as `Observation` says it.
  func observation(of container: Container) -> Observation {
    guard let identity = container.process else { return .gone("the record names no process") }
    guard identity.boot == "boot \(boot)" else { return .gone("the board was restarted") }
    guard let found = index(of: identity) else { return .gone("there is no such process") }
    let process = processes[found]
    if process.lives { return .alive(runsProgram: process.runsProgram) }
    if process.isCollected || process.parent == .nobody { return .gone("nobody was there to see its end") }
    guard process.ranProgram, let end = process.end else { return .neverRan }
    return .ended(end)
  }
}

/// A store that is slower than the agent: what is asked for is written some time later, and durable later still.
struct WorldStore {
  enum Change {
    case put(Container, revision: UInt32)
    case delete(UInt64)
    case putLease(Lease, revision: UInt32)
    case deleteLease(UInt64)
  }

  /// What stands in the store.
  struct Content {
    var containers: [UInt64: Container] = [:]
    var leases: [UInt64: Lease] = [:]
    var highestID: UInt64 = 0
    var highestLease: UInt64 = 0

    mutating func apply(_ change: Change) {
      switch change {
      case .put(let container, _):
        containers[container.id] = container
        highestID = max(highestID, container.id)
      case .delete(let id):
        containers[id] = nil
      case .putLease(let lease, _):
        leases[lease.id] = lease
        highestLease = max(highestLease, lease.id)
      case .deleteLease(let id):
        leases[id] = nil
      }
    }
  }

  /// Asked for; in the agent's memory only.
  var asked: [(change: Change, agent: Int)] = []
  /// In the operating system's hands: survives a `kill -9`. A suffix of changes not yet durable.
  var unsynced: [(change: Change, agent: Int)] = []
  private(set) var writtenContent = Content()
  /// Survives a power cut.
  private(set) var durableContent = Content()

  var written: [UInt64: Container] { writtenContent.containers }
  var durable: [UInt64: Container] { durableContent.containers }

  mutating func writeNext() {
    guard !asked.isEmpty else { return }
    let change = asked.removeFirst()
    writtenContent.apply(change.change)
    unsynced.append(change)
  }

  /// Makes the oldest written change durable; returns it.
  mutating func syncNext() -> (change: Change, agent: Int)? {
    guard !unsynced.isEmpty else { return nil }
    let change = unsynced.removeFirst()
    durableContent.apply(change.change)
    return change
  }

  /// A new agent makes durable what it finds.
  mutating func open() {
    while syncNext() != nil {}
  }

  mutating func loseAgent() {
    asked = []
  }

  mutating func losePower() {
    asked = []
    unsynced = []
    writtenContent = durableContent
  }
}
