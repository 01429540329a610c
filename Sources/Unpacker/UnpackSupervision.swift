import Basics
import CSystem
import Images
import LinuxSystem

/// What surrounds the confined process: a fresh directory before it, its few requests and its time meanwhile, and afterwards
/// the directory made durable under its name, or removed.
struct UnpackSupervision {
  private static let opaqueAttribute = "trusted.overlay.opaque"
  private static let opaqueValue: [UInt8] = [UInt8(ascii: "y")]

  private let job: UnpackJob
  private let reports: CInt

  /// The process's whole life after its start.
  static func run(_ job: UnpackJob, reports: CInt) {
    let supervision = UnpackSupervision(job: job, reports: reports)
    do throws(UnpackError) {
      let summary = try supervision.unpack()
      UnpackReport.done(summary).send(on: reports)
    } catch {
      try? FileTree.remove(job.draft)
      UnpackReport.failed(error.line).send(on: reports)
    }
  }

  private func unpack() throws(UnpackError) -> UnpackReport.Summary {
    try said { () throws(SystemError) in try joinControlGroups() }
    let blob = try said { () throws(SystemError) in try FileDescriptor.open(job.blob, O_RDONLY | O_NOFOLLOW) }
    let directory = try said { () throws(SystemError) in try makeDraft() }
    let confined = try startConfined(blob: blob.rawValue, directory: directory.rawValue)
    defer { confined.end() }
    let summary = try listen(on: confined.socket)
    try said { () throws(SystemError) in try publish(directory.rawValue) }
    return summary
  }

  private func joinControlGroups() throws(SystemError) {
    try check(system_give_way(), "lower the priority of", "the unpacker")
    for file in job.controlGroupFiles { try Files.write("0", to: file) }
  }

  /// An empty directory; what an unpacker that was killed has left goes.
  private func makeDraft() throws(SystemError) -> FileDescriptor {
    try FileTree.remove(job.draft)
    try check(system_mkdir(job.draft, 0o755), "make directory", job.draft)
    let directory = try FileDescriptor.open(job.draft, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    let owner = job.owners.firstHostID
    try check(system_fchown(directory.rawValue, owner, owner), "set the owner of", job.draft)
    return directory
  }

  // MARK: The confined process

  private struct Confined: ~Copyable {
    let process: Int32
    let socket: MessageSocket

    /// Whoever removes the control group finds nothing of it there any more.
    func end() {
      try? Signals.kill(process)
      var status = system_exit_status()
      _ = system_wait(process, 0, &status)
    }
  }

  private func startConfined(blob: CInt, directory: CInt) throws(UnpackError) -> Confined {
    let (ours, theirs) = try said { () throws(SystemError) in try MessageSocket.pair() }
    let supervisor = system_self()
    let process = system_fork()
    if process == 0 {
      Signals.dieWithParent(supervisor)
      for descriptor in [reports, ours, STDIN_FILENO, STDOUT_FILENO] { _ = system_close(descriptor) }
      ConfinedUnpacker.run(job, blob: blob, directory: directory, socket: theirs)
      system_exit(0)
    }
    _ = system_close(theirs)
    let socket = MessageSocket(FileDescriptor(owning: ours))
    try said { () throws(SystemError) in try check(process, "fork", "the confined unpacker") }
    return Confined(process: process, socket: socket)
  }

  /// Until the confined process has ended. Reports of its progress are handed on.
  private func listen(on socket: borrowing MessageSocket) throws(UnpackError) -> UnpackReport.Summary {
    let deadline = system_monotonic_time() + job.timeoutMilliseconds * 1_000_000
    while true {
      try wait(for: socket, until: deadline)
      let message = try said { () throws(SystemError) in
        try socket.receive(limitBytes: UnpackReport.maximumBytes, wait: true)
      }
      guard let message, !message.bytes.isEmpty else {
        throw UnpackError("its process ended before it was done: killed, or in want of memory")
      }
      if message.bytes == [ConfinedUnpacker.hideLower] {
        try hideLower(message.descriptors)
        continue
      }
      switch UnpackReport(message.bytes) {
      case .progress(let count)?: UnpackReport.progress(blobBytes: count).send(on: reports)
      case .notice(let line)?: UnpackReport.notice(line).send(on: reports)
      case .done(let summary)?: return summary
      case .failed(let line)?: throw UnpackError(passedOn: line)
      case nil: throw UnpackError("its process said what makes no sense")
      }
    }
  }

  private func wait(for socket: borrowing MessageSocket, until deadline: UInt64) throws(UnpackError) {
    let now = system_monotonic_time()
    let left = deadline > now ? (deadline - now) / 1_000_000 + 1 : 0
    var readable: CInt = 0
    if system_wait_readable([socket.descriptor.rawValue], &readable, 1, CInt(min(left, UInt64(CInt.max)))) == 0 {
      throw UnpackError("not done after \(job.timeoutMilliseconds / 1000) s")
    }
  }

  /// Of a directory that the confined process made. What else it might have sent gets no attribute from us.
  private func hideLower(_ descriptors: [CInt]) throws(UnpackError) {
    for raw in descriptors {
      let directory = FileDescriptor(owning: raw)
      try said { () throws(SystemError) in
        var status = system_file_status()
        try check(system_fstat(directory.rawValue, &status), "look at", "an opaque directory")
        guard status.mode & UInt32(S_IFMT) == UInt32(S_IFDIR) else {
          throw SystemError("hide what lower layers have in", "a file", .notDirectory)
        }
        try check(
          system_set_attribute(directory.rawValue, Self.opaqueAttribute, Self.opaqueValue, Self.opaqueValue.count),
          "set \(Self.opaqueAttribute) of", "a directory")
      }
    }
  }

  // MARK: The end

  /// All that was written is on the disk before the name is, and the name before anybody hears of it.
  private func publish(_ directory: CInt) throws(SystemError) {
    try check(system_syncfs(directory), "sync", job.draft)
    try check(system_rename_new(job.draft, job.directory), "rename", "\(job.draft) to \(job.directory)")
    try Files.syncDirectory(Files.directory(of: job.directory))
  }
}
