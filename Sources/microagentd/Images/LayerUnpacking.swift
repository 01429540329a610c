import Basics
import CSystem
import Cgroups
import EventLoop
import Images
import LinuxSystem
import Unpacker

/// A layer that is being unpacked, in a process of its own that can reach nothing else.
final class LayerUnpacking {
  struct Task {
    let layer: ImageDescriptor
    /// Of the archive, uncompressed.
    let content: Digest
    /// The user on the board that its root becomes; 0: it stays root.
    let firstHostID: UInt32
    /// What it may take of the disk, as far as its holder is concerned.
    let leftBytes: UInt64
  }

  enum Outcome {
    /// It is there, and durable.
    case unpacked(sizeBytes: UInt64, notices: [String])
    case failed(String)
  }

  private let process: Int32
  /// Holds its budget.
  private let group: Cgroup
  private let completion: (Outcome) -> Void
  private let reports: MessageSocket
  private var watcher: DescriptorWatcher?
  private var child: ChildWatcher?
  private var last: UnpackReport?
  private var notices: [String] = []

  /// Of each feature one is sure and one perhaps.
  private static let mostNotices = 2 * ProcessorFeatures.bits

  /// The slowest board unpacks some hundred KiB a second.
  private static let timeoutMilliseconds: UInt64 = 3_600_000
  /// As many files as a distribution has.
  private static let mostEntries: UInt32 = 200_000
  /// By experience programs and texts take no more than so many times their size in gzip, which squashfs uses, too.
  private static let usualExpansion: UInt64 = 3

  /// What a layer takes, before anybody has looked into it.
  static func neededBytes(_ layer: ImageDescriptor) -> UInt64 {
    layer.kind == .layer(.none) ? layer.sizeBytes : layer.sizeBytes * usualExpansion
  }

  init(
    _ task: Task, _ files: ImageFiles, in group: Cgroup, on loop: EventLoop,
    completion: @escaping (Outcome) -> Void
  ) throws(SystemError) {
    self.group = group
    self.completion = completion
    let limits = LayerLimits(bytes: min(task.leftBytes, files.roomBytes), entries: Self.mostEntries)
    let digest = task.layer.digest.bytes
    var job = UnpackJob(
      blob: files.blob(digest), digest: task.content, directory: files.layer(digest),
      owners: LayerOwners(firstHostID: task.firstHostID), limits: limits,
      timeoutMilliseconds: Self.timeoutMilliseconds)
    job.lacking = Processor.lacking
    job.controlGroupFiles = group.directories.map { $0 + "/cgroup.procs" }
    let unpacker = try Unpacker.start(job)
    process = unpacker.process
    reports = unpacker.takeReports()
    watcher = try DescriptorWatcher(on: loop, borrowing: reports.descriptor.rawValue) { [unowned(unsafe) self] _ in
      if !hear() { watcher?.stop() }
    }
    try watcher?.start(.readable)
    let pidfd = FileDescriptor(owning: try check(system_pidfd_open(process), "watch", "the unpacker"))
    child = try ChildWatcher(on: loop, pidfd: pidfd) { [self] in ended() }
  }

  /// Gives it up. What is half done goes when the agent starts the next time, or unpacks that layer again.
  func cancel() {
    try? Signals.kill(process)
    _ = try? group.kill()
    _ = try? group.remove()
    close()
  }

  private func close() {
    watcher?.close()
    watcher = nil
    child?.close()
    child = nil
  }

  /// Takes in a report; false: there is none any more.
  private func hear() -> Bool {
    guard let message = try? reports.receive(limitBytes: UnpackReport.maximumBytes, wait: false) else { return true }
    if message.bytes.isEmpty { return false }
    let report = UnpackReport(message.bytes)
    if case .notice(let line)? = report {
      if notices.count < Self.mostNotices { notices.append(line) }
    } else {
      last = report
    }
    return true
  }

  private func ended() {
    while reports.nextMessageBytes() ?? 0 > 0, hear() {}
    var status = system_exit_status()
    _ = system_wait(process, 0, &status)
    close()
    // The confined one ends with it, if a moment later: what is left ends here.
    _ = try? group.kill()
    _ = try? group.remove()
    switch last {
    case .done(let summary): completion(.unpacked(sizeBytes: summary.bytes, notices: notices))
    case .failed(let line): completion(.failed(line))
    case .progress, .notice, nil: completion(.failed("its process was killed"))
    }
  }
}
