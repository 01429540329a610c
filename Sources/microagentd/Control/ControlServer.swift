import CSystem
import EventLoop
import LinuxSystem

/// Listens on the agent's unix socket and owns the connections of those who talk to it.
final class ControlServer {
  /// More clients at once than a board has people; each costs a few KiB. Others wait until one of them goes.
  static let maximumConnections = 64

  private let loop: EventLoop
  private var listener: Listener?
  /// Due when clients have requests that are still to be answered.
  private var turn: Timer?
  private var path = ""
  private(set) var connections: [ControlConnection] = []
  /// Takes each request; set before `listen`.
  var onRequest: ((ControlRequest) -> Void)?

  init(on loop: EventLoop) {
    self.loop = loop
  }

  /// Listens at `path`: root and the socket's group may connect, and only root may change things.
  func listen(path: String) throws(SystemError) {
    listener = try Listener(on: loop, path: path, mode: 0o660) { [self] in accept($0) }
    self.path = path
    turn = try Timer(on: loop) { [self] in
      for connection in connections { connection.goOn() }
    }
  }

  /// - Parameter forGood: no agent follows at once, so the socket's file goes as well. It goes while we still listen at
  ///   it: until then no other agent can have taken its place.
  func close(forGood: Bool) {
    if forGood, listener != nil { _ = system_unlink(path) }
    turn?.close()
    turn = nil
    listener?.close()
    listener = nil
    for connection in connections { connection.close() }
    connections = []
    onRequest = nil
  }

  private func accept(_ stream: Connection) {
    guard let peer = try? stream.peerCredentials() else { return stream.close() }
    let connection = ControlConnection(stream, peer: peer, server: self)
    connections.append(connection)
    listener?.isAccepting = connections.count < Self.maximumConnections
    connection.start()
  }

  /// Lets the loop see to others first.
  func continueSoon() {
    // With 0 libuv would call again before it looks at anybody else.
    turn?.start(milliseconds: 1)
  }

  /// A connection ended; whoever still answers it finds it closed.
  func remove(_ connection: ControlConnection) {
    connections.removeAll { $0 === connection }
    listener?.isAccepting = connections.count < Self.maximumConnections
  }
}
