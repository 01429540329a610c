import CSystem
import EventLoop
import LinuxSystem

/// What containers write to the disk: a folder each, with the overlay's two directories.
///
/// Deleting a large tree would hold up the loop, so it is moved aside at once and deleted by a child process.
final class ContainerFiles {
  private let directory: String
  private let loop: EventLoop
  private var sweeper: ChildWatcher?
  private var sweeperProcess: Int32 = 0

  init(directory: String, on loop: EventLoop) throws(SystemError) {
    self.directory = directory
    self.loop = loop
    try Files.makeDirectories(directory, mode: 0o711)
    try Files.makeDirectory(trash, mode: 0o700)
  }

  private var trash: String { "\(directory)/trash" }

  func folder(of id: UInt64) -> String { "\(directory)/\(id)" }
  func upper(of id: UInt64) -> String { folder(of: id) + "/upper" }
  func work(of id: UInt64) -> String { folder(of: id) + "/work" }

  func make(_ id: UInt64) throws(SystemError) {
    try Files.makeDirectory(folder(of: id), mode: 0o711)
  }

  /// Deletes a container's folder; a folder that is not there is as good.
  func delete(_ id: UInt64) {
    let folder = folder(of: id)
    // Nothing was written: three empty directories, gone in a moment.
    _ = system_rmdir(upper(of: id))
    _ = system_rmdir(work(of: id) + "/work")
    _ = system_rmdir(work(of: id))
    let result = system_rmdir(folder)
    guard result < 0, result != -Errno.noSuchFile.rawValue else { return }
    CrashPoint.pass("before its folder is moved to the trash")
    if system_rename(folder, "\(trash)/\(id)") == 0 { sweep() }
  }

  /// Deletes folders that no container claims: left by an agent that died between making one and recording it.
  func deleteAll(except known: [UInt64]) {
    for name in (try? Files.list(directory)) ?? [] {
      guard let id = UInt64(name), !known.contains(id) else { continue }
      delete(id)
    }
    sweep()
  }

  /// Empties the trash in a child process, unless one is at it already.
  private func sweep() {
    guard sweeper == nil, let left = try? Files.list(trash), !left.isEmpty else { return }
    let process = system_fork()
    if process == 0 {
      var failed = false
      for name in left {
        do throws(SystemError) { try FileTree.remove("\(trash)/\(name)") } catch { failed = true }
      }
      system_exit(failed ? 1 : 0)
    }
    guard process > 0 else { return }
    sweeperProcess = process
    do throws(SystemError) {
      let pidfd = FileDescriptor(owning: try check(system_pidfd_open(process), "watch", "the sweeper"))
      sweeper = try ChildWatcher(on: loop, pidfd: pidfd) { [self] in swept() }
    } catch {
      // Without a watch the sweeper is collected with the agent; the trash is looked at again at the next start.
    }
  }

  private func swept() {
    var status = system_exit_status()
    _ = system_wait(sweeperProcess, 0, &status)
    sweeper?.close()
    sweeper = nil
    // More may have come meanwhile. What a sweep could not remove waits for the next start of the agent.
    if status.code == 0 { sweep() }
  }
}
