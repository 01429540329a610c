import Basics
import CUV
import LinuxSystem

/// Accepts connections, at a path (Unix) or at an address (TCP), and gives each to a closure that then owns it.
public final class Listener {
  private var handle: Handle<uv_any_handle>
  private let kind: Connection.Kind
  private var onConnection: ((Connection) -> Void)?
  /// One came that was not taken yet; until it is, libuv takes no other from the kernel.
  private var isOneWaiting = false

  /// While false, who connects waits: at first in the kernel's queue of `backlog`.
  public var isAccepting = true {
    didSet { if isAccepting, isOneWaiting { accept() } }
  }

  /// Connections that the kernel keeps for us until the loop's next turn; more are refused or wait at the peer.
  public static let backlog: CInt = 16

  /// Listens on a Unix socket at `path` (at most 107 bytes) with the file mode `mode`: 0o600 for the owner alone, 0o660
  /// for a group. A file left by an agent that died is replaced in one step; one that somebody listens on is refused. The
  /// file stays at close, for the next to replace: an agent that takes over has it already.
  public init(
    on loop: EventLoop, path: String, mode: UInt32, onConnection: @escaping (Connection) -> Void
  ) throws(SystemError) {
    let socket = try UnixSockets.listen(path, mode: mode, backlog: Self.backlog)
    kind = .unix
    handle = try Connection.makeHandle(.unix, on: loop, "listen on", path)
    self.onConnection = onConnection
    handle.callsBack(self)
    try Connection.open(handle, socket, "listen on", path)
    try listen(path)
  }

  /// Listens for TCP; port 0 lets the kernel choose one.
  public init(
    on loop: EventLoop, address: SocketAddress, onConnection: @escaping (Connection) -> Void
  ) throws(SystemError) {
    let name = address.description
    kind = .tcp
    handle = try Connection.makeHandle(.tcp, on: loop, "listen on", name)
    self.onConnection = onConnection
    handle.callsBack(self)
    guard let pointer = handle.pointer(as: uv_tcp_t.self) else { return }
    var flags: UInt32 = 0
    if case .v6 = address.address { flags = UV_TCP_IPV6ONLY.rawValue }
    let result = address.withSockaddr { uv_tcp_bind(pointer, $0, flags) }
    if result < 0 { throw systemError(result, "listen on", name) }
    try listen(name)
  }

  deinit { handle.close() }

  /// Where a TCP listener is bound; nil for a Unix one, or once closed.
  public var localAddress: SocketAddress? {
    guard kind == .tcp, let pointer = handle.pointer(as: uv_tcp_t.self) else { return nil }
    return SocketAddress.ask { uv_tcp_getsockname(pointer, $0, $1) }
  }

  /// Listens no more; connections that were accepted go on.
  public func close() {
    handle.close()
    onConnection = nil
  }

  private func listen(_ name: String) throws(SystemError) {
    guard let pointer = handle.pointer(as: uv_stream_t.self) else { return }
    let result = uv_listen(pointer, Self.backlog, connectionWaits)
    if result < 0 { throw systemError(result, "listen on", name) }
  }

  /// A connection that cannot be accepted (out of descriptors, gone already) is no news to anyone: its peer is told by
  /// the kernel, and the next one gets its own chance.
  fileprivate func accept() {
    isOneWaiting = !isAccepting
    if isOneWaiting { return }
    guard let pointer = handle.pointer(as: uv_stream_t.self) else { return }
    guard let connection = try? Connection(accepting: pointer, kind, on: handle.loop) else { return }
    let call = onConnection
    call?(connection)
  }
}

private func connectionWaits(_ handle: UnsafeMutablePointer<uv_stream_t>?, _ status: CInt) {
  if status == 0 { owner(of: handle, as: Listener.self)?.accept() }
}
