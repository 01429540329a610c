import CSystem
import ContainerRunner
import EventLoop
import LinuxSystem
import MicroAgent

/// What containers write to the disk: a folder each, with the overlay's two directories.
///
/// Deleting waits for the disk: even an empty directory's entry may be on its way there, behind a sync of a second. So a
/// child process deletes, a little later and all that came meanwhile in one go. Ids are never used twice, so nobody waits
/// for it; what an agent that died had not deleted the next one finds. The same process changes limits of what may be there.
final class ContainerFiles {
  private let directory: String
  private let runtimeDirectory: String
  private let loop: EventLoop
  /// Whether containers are kept to their disk budgets.
  let keepsBudgets: Bool
  /// Paths to be deleted.
  private var doomed: [String] = []
  /// Folders that get other limits.
  private var changed: [(folder: String, limits: FileLimits)] = []
  private var delay: Timer?
  private var sweeper: ChildWatcher?
  private var sweeperProcess: Int32 = 0

  /// A fork for many deletions; so short that a person sees none of it.
  private static let delayMilliseconds: UInt64 = 50

  /// The store's numbers are signed.
  private static let highestID = UInt64(Int64.max)

  init(directory: String, runtimeDirectory: String, on loop: EventLoop) throws(SystemError) {
    self.directory = directory
    self.runtimeDirectory = runtimeDirectory
    self.loop = loop
    try Files.makeDirectories(directory, mode: 0o711)
    keepsBudgets = FileLimits.areKept(in: directory)
    delay = nil
    delay = try Timer(on: loop) { [self] in sweep() }
  }

  /// What is still to be deleted is, by a process that nobody waits for.
  func close() {
    deleteAllNetworkFiles()
    delay?.close()
    delay = nil
    sweeper?.close()
    sweeper = nil
    sweep()
    sweeper?.close()
    sweeper = nil
  }

  private func folder(of id: UInt64) -> String { "\(directory)/\(id)" }

  /// The overlay's second directory, for start number `start` (from 0). A fresh one for each: the kernel empties one that
  /// was used before it mounts, and waits for the disk to do so.
  private func work(of id: UInt64, start: UInt32) -> String { folder(of: id) + "/work-\(start)" }

  /// Where a container writes; the container's mounter makes the directories.
  func overlay(of container: Container) -> OverlaySpec {
    let folder = folder(of: container.id)
    return OverlaySpec(
      directory: folder, upper: folder + "/upper", work: work(of: container.id, start: container.starts),
      limits: limits(of: container))
  }

  // MARK: Budgets

  /// Nil: what it writes is not limited.
  private func limits(of container: Container) -> FileLimits? {
    let budget = container.request.budget
    return keepsBudgets && budget.diskBytes > 0 ? FileLimits(bytes: budget.diskBytes, files: budget.files) : nil
  }

  /// Holds a container that runs to its budget, whatever it was held to before, a moment later.
  func limit(_ container: Container) {
    guard let limits = limits(of: container) else { return }
    changed.append((folder(of: container.id), limits))
    sweepSoon()
  }

  /// What a container that runs has written; nil: that is not counted.
  func used(by id: UInt64) -> FileLimits? { keepsBudgets ? FileLimits.used(in: folder(of: id)) : nil }

  // MARK: Files of its network

  /// In memory, and there only until they are mounted.
  private var networkDirectory: String { runtimeDirectory + "/network" }

  func networkFiles(of id: UInt64) -> NetworkFiles {
    NetworkFiles(hosts: "\(networkDirectory)/\(id).hosts", resolver: "\(networkDirectory)/\(id).resolv")
  }

  func writeNetworkFiles(_ texts: Bridge.Texts, of id: UInt64) throws(SystemError) {
    try Files.makeDirectories(networkDirectory, mode: 0o700)
    let files = networkFiles(of: id)
    for (path, text) in [(files.hosts, texts.hosts), (files.resolver, texts.resolver)] {
      try Files.create(path, Array(text.utf8), mode: 0o644)
    }
  }

  func deleteNetworkFiles(of id: UInt64) {
    let files = networkFiles(of: id)
    for path in [files.hosts, files.resolver] { try? Files.remove(path) }
  }

  func deleteAllNetworkFiles() {
    if Files.exists(networkDirectory) { try? FileTree.remove(networkDirectory) }
  }

  /// Deletes a container's folder; a folder that is not there is as good.
  func delete(_ id: UInt64) {
    CrashPoint.pass("before its folder is to be deleted")
    doom(folder(of: id))
  }

  /// Deletes what an earlier start has used and the next does not.
  func deleteWork(of id: UInt64, before start: UInt32) {
    if start > 0 { doom(work(of: id, start: start - 1)) }
  }

  private func doom(_ path: String) {
    doomed.append(path)
    sweepSoon()
  }

  private func sweepSoon() {
    if sweeper == nil { delay?.start(milliseconds: Self.delayMilliseconds) }
  }

  /// A number above every id that has a folder. One that was never recorded is not known to the store, and its folder is
  /// still to be deleted.
  var nextID: UInt64 {
    let names = (try? Files.list(directory)) ?? []
    let highest = names.compactMap { UInt64($0) }.max() ?? 0
    return highest < Self.highestID ? highest + 1 : highest
  }

  /// Deletes folders that no container claims: left by an agent that died before it had deleted or recorded them.
  func deleteAll(except known: [UInt64]) {
    for name in (try? Files.list(directory)) ?? [] {
      guard let id = UInt64(name), !known.contains(id) else { continue }
      delete(id)
    }
  }

  /// Deletes what is doomed in a child process, unless one is at it already.
  private func sweep() {
    guard sweeper == nil, !doomed.isEmpty || !changed.isEmpty else { return }
    let process = system_fork()
    if process == 0 {
      // A connection or a pipe that the agent closes meanwhile must not stay open here.
      _ = system_close_from(0)
      for change in changed { change.limits.set(on: change.folder) }
      for path in doomed { remove(path) }
      system_exit(0)
    }
    // Without a process to spare they are left to the next deletion, or the next start.
    guard process > 0 else { return }
    doomed = []
    changed = []
    sweeperProcess = process
    do throws(SystemError) {
      let pidfd = FileDescriptor(owning: try check(system_pidfd_open(process), "watch", "the sweeper"))
      sweeper = try ChildWatcher(on: loop, pidfd: pidfd) { [self] in swept() }
    } catch {
      // Without a watch the sweeper is collected by the keeper, when the agent ends.
    }
  }

  /// The kernel forgets a project that has neither limits nor files. So the limits go first: with the folder goes the only one who
  /// knows the project.
  private func remove(_ path: String) {
    if keepsBudgets { FileLimits().set(on: path) }
    try? FileTree.remove(path)
  }

  private func swept() {
    var status = system_exit_status()
    _ = system_wait(sweeperProcess, 0, &status)
    sweeper?.close()
    sweeper = nil
    // More may have come meanwhile. What could not be deleted waits for the next start of the agent.
    sweep()
  }
}
