import Basics
import CSystem
import Images
import LinuxSystem

/// Unpacks a layer in processes beside the agent, which never waits for them: this one, which has the agent's rights and
/// reads nothing that strangers made, and below it the confined one that does.
///
/// Both end with the agent. Killing this one gives up; what is half done then stays under the draft's name until somebody
/// unpacks the same layer or removes it.
public struct Unpacker: ~Copyable {
  /// What it is called in process lists (at most 15 bytes are seen).
  static let processName = "unpacker"

  /// To be collected when it has ended.
  public let process: Int32
  /// On which it sends `UnpackReport`s. Its end without a last one means that it was killed.
  public let reports: MessageSocket

  /// Starts to unpack. Does not wait.
  public static func start(_ job: UnpackJob) throws(SystemError) -> Unpacker {
    let (ours, theirs) = try MessageSocket.pair()
    let agent = system_self()
    let process = system_fork()
    if process == 0 {
      becomeUnpacker(keeping: theirs, parent: agent)
      UnpackSupervision.run(job, reports: theirs)
      system_exit(0)
    }
    _ = system_close(theirs)
    let socket = MessageSocket(FileDescriptor(owning: ours))
    try check(process, "fork", "the unpacker")
    return Unpacker(process: process, reports: socket)
  }

  /// Its socket, to be kept by whoever watches it.
  public consuming func takeReports() -> MessageSocket { reports }

  private init(process: Int32, reports: consuming MessageSocket) {
    self.process = process
    self.reports = reports
  }

  /// What the agent has open is not an unpacker's business, and without the agent nobody wants the layer.
  private static func becomeUnpacker(keeping socket: CInt, parent: Int32) {
    Signals.dieWithParent(parent)
    _ = system_close_others(socket)
    _ = system_set_process_name(processName)
    // Modes are what entries say.
    _ = system_set_umask(0)
  }
}
