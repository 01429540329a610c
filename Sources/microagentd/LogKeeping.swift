import CSystem
import ContainerRunner
import EventLoop
import LinuxSystem

/// All containers' logs: fills them as output comes, and has the keeper hold what must outlive the agent.
final class LogKeeping {
  private final class Entry {
    let container: UInt64
    let log: ContainerLog
    var watcher: DescriptorWatcher?
    /// The keeper holds it too.
    var isHeld = false

    init(container: UInt64, log: ContainerLog) {
      self.container = container
      self.log = log
    }
  }

  private let loop: EventLoop
  private let keeper: KeeperLink
  private var entries: [Entry] = []
  /// Called when a container's log has more.
  var onGrowth: ((UInt64) -> Void)?

  init(on loop: EventLoop, keeper: KeeperLink) {
    self.loop = loop
    self.keeper = keeper
  }

  func log(of container: UInt64) -> ContainerLog? {
    entries.first { $0.container == container }?.log
  }

  /// Takes over what the keeper held.
  func adopt(_ held: KeeperLink.HeldLog, capacityBytes: UInt64) throws(SystemError) {
    let log = try ContainerLog(
      pipe: FileDescriptor(owning: held.pipe), ring: FileDescriptor(owning: held.ring), capacityBytes: capacityBytes)
    let entry = Entry(container: held.container, log: log)
    entry.isHeld = true
    entries.append(entry)
  }

  /// A log for a container: the one it has, or a new one, for which `hold` is called before the container may write.
  func open(_ container: UInt64, capacityBytes: UInt64) throws(SystemError) -> ContainerLog {
    if let log = log(of: container) { return log }
    let pipe = try FileDescriptor.pipe(nonblocking: true)
    return try make(pipe.reading, container, capacityBytes)
  }

  /// Has the keeper hold a container's log too: from here on no death of the agent loses any of it.
  func hold(_ container: UInt64) throws(SystemError) {
    guard let entry = entries.first(where: { $0.container == container }), !entry.isHeld else { return }
    CrashPoint.pass("before the keeper holds its log")
    try keeper.hold(container: container, pipe: entry.log.pipeDescriptor, ring: entry.log.ringDescriptor)
    entry.isHeld = true
    CrashPoint.pass("the keeper holds its log")
  }

  /// A new log on the pipe of a container that outlived the agent and its keeper: what it wrote before is gone with them,
  /// but from here on nothing is lost. `output` is the path of one of its descriptors, as /proc/PID/fd/1.
  func reopen(_ container: UInt64, output: String, capacityBytes: UInt64) throws(SystemError) {
    let pipe = try FileDescriptor.open(output, O_RDONLY | O_NONBLOCK)
    _ = try make(pipe, container, capacityBytes)
    try hold(container)
  }

  private func make(
    _ pipe: consuming FileDescriptor, _ container: UInt64, _ capacityBytes: UInt64
  ) throws(SystemError) -> ContainerLog {
    let ring = FileDescriptor(owning: try check(system_memfd("microagent-log"), "make", "a log ring"))
    let log = try ContainerLog(pipe: pipe, ring: ring, capacityBytes: capacityBytes)
    entries.append(Entry(container: container, log: log))
    return log
  }

  /// Fills the log from now on. Call it while the container has the pipe open: a pipe without a writer is always ready.
  func watch(_ container: UInt64) throws(SystemError) {
    guard let entry = entries.first(where: { $0.container == container }) else { return }
    if entry.watcher == nil {
      entry.watcher = try DescriptorWatcher(on: loop, borrowing: entry.log.pipeDescriptor) { [self] event in
        outputCame(entry, event)
      }
    }
    try entry.watcher?.start(.readable)
  }

  private func outputCame(_ entry: Entry, _ event: DescriptorWatcher.Event) {
    if entry.log.drain() {
      onGrowth?(entry.container)
    } else {
      // Ready and empty: no writer is left.
      entry.watcher?.stop()
    }
  }

  /// The container ended: takes what its pipe still holds.
  func finish(_ container: UInt64) {
    guard let entry = entries.first(where: { $0.container == container }) else { return }
    entry.log.drainAll()
    entry.watcher?.stop()
  }

  /// The container is removed: its log goes once nobody reads it any more.
  func remove(_ container: UInt64) {
    for entry in entries where entry.container == container {
      entry.watcher?.close()
      entry.watcher = nil
    }
    entries.removeAll { $0.container == container }
    keeper.drop(container: container)
  }

  func removeAll(except known: [UInt64]) {
    for entry in entries where !known.contains(entry.container) { remove(entry.container) }
  }

  func close() {
    for entry in entries { entry.watcher?.close() }
    entries = []
    onGrowth = nil
  }
}
