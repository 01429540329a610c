import Basics
import CSystem
import LinuxSystem

/// Sends and receives datagrams of one interface, and hears a group there.
///
/// The port may be shared with other programs. All of them hear what is sent to the group. What is sent to this machine
/// alone, only one of them gets, and that is us: a socket of an interface goes before one of all interfaces.
public final class MulticastSocket {
  public struct Datagram {
    public let bytes: [UInt8]
    public let source: SocketAddress
    /// Whether it was sent to a group, and not to us alone.
    public let isMulticast: Bool
  }

  /// How many datagrams are taken before others have their turn.
  private static let maximumBurst = 32

  private let loop: EventLoop
  private var watcher: DescriptorWatcher?
  private var onReceive: ((Datagram) -> Void)?

  /// Binds the group's port on an interface, and joins the group there.
  public init(
    on loop: EventLoop, group: SocketAddress, interface: UInt32, onReceive: @escaping (Datagram) -> Void
  ) throws(SystemError) {
    self.loop = loop
    self.onReceive = onReceive
    let socket = try check(
      group.withSockaddr { system_multicast_socket($0, interface) }, "join", "\(group) on interface \(interface)")
    watcher = try DescriptorWatcher(on: loop, owning: FileDescriptor(owning: socket)) { [unowned(unsafe) self] _ in
      receive()
    }
    try watcher?.start(.readable)
  }

  deinit { watcher?.close() }

  /// Sends one datagram, or fails: the kernel's buffer is the only queue.
  public func send(_ bytes: [UInt8], to address: SocketAddress) throws(SystemError) {
    let result = bytes.withUnsafeBytes { memory in
      address.withSockaddr { system_send_datagram(descriptor, memory.baseAddress, memory.count, $0) }
    }
    try check(result, "send UDP to", "\(address)")
  }

  /// Closes the socket; nothing more is received.
  public func close() {
    watcher?.close()
    watcher = nil
    onReceive = nil
  }

  /// Once closed, none.
  private var descriptor: CInt { watcher?.descriptor ?? -1 }

  /// An error of a single datagram is as good as loss.
  private func receive() {
    let buffer = loop.state.pointee.readBuffer
    for _ in 0..<Self.maximumBurst {
      guard let call = onReceive else { return }
      var datagram = system_datagram()
      let count = system_receive_datagram(descriptor, buffer, EventLoop.readBufferBytes, &datagram)
      if count < 0 { return }
      let source = withUnsafeBytes(of: &datagram.source) {
        SocketAddress($0.baseAddress?.assumingMemoryBound(to: sockaddr.self))
      }
      guard let source else { continue }
      let bytes = Array(UnsafeRawBufferPointer(start: buffer, count: count))
      call(Datagram(bytes: bytes, source: source, isMulticast: datagram.is_multicast != 0))
    }
  }
}
