import CSystem
import LinuxSystem

/// The agent's end of the link to its keeper.
final class KeeperLink {
  /// A container's log, as the keeper held it while there was no agent.
  struct HeldLog {
    let container: UInt64
    let pipe: CInt
    let ring: CInt
  }

  /// What the keeper had for a new agent. The descriptors are the agent's from here on.
  struct State {
    var logs: [HeldLog] = []
    var ends: [KeeperMessage] = []
  }

  private let socket: MessageSocket

  init(owning link: CInt) {
    socket = MessageSocket(FileDescriptor(owning: link))
  }

  var descriptor: CInt { socket.descriptor.rawValue }

  /// Takes all that the keeper holds; waits for it, before the loop runs.
  ///
  /// The keeper collects a process before it hears this question: one that was seen to be gone before is in the answer, if
  /// it was the keeper's.
  func receiveState() throws(SystemError) -> State {
    try socket.send(KeeperMessage(.tellAll).bytes)
    var state = State()
    while let message = try socket.receive(limitBytes: KeeperMessage.byteCount, wait: true) {
      guard let parsed = KeeperMessage(message.bytes[...]) else {
        throw SystemError("take over from", "the keeper", .brokenPipe)
      }
      switch parsed.kind {
      case .held where message.descriptors.count == 2:
        state.logs.append(
          HeldLog(container: parsed.container, pipe: message.descriptors[0], ring: message.descriptors[1]))
      case .ended: state.ends.append(parsed)
      case .complete: return state
      case .held, .hold, .drop, .forgetEnd, .tellAll: break
      }
    }
    return state
  }

  /// The ends that were reported since; nil: the keeper is gone.
  func receiveEnds() -> [KeeperMessage]? {
    var ends: [KeeperMessage] = []
    while true {
      guard let message = try? socket.receive(limitBytes: KeeperMessage.byteCount, wait: false) else { return ends }
      guard let parsed = KeeperMessage(message.bytes[...]) else { return nil }
      if parsed.kind == .ended { ends.append(parsed) }
    }
  }

  func hold(container: UInt64, pipe: CInt, ring: CInt) throws(SystemError) {
    try socket.send(KeeperMessage(.hold, container: container).bytes, descriptors: [pipe, ring])
  }

  /// Lets go of a log; a keeper that cannot be told is gone, and holds nothing.
  func drop(container: UInt64) {
    try? socket.send(KeeperMessage(.drop, container: container).bytes)
  }

  func forgetEnd(of process: Int32) {
    try? socket.send(KeeperMessage(.forgetEnd, process: process).bytes)
  }
}
