import Basics
import CSystem
import LinuxSystem

/// Sends and receives datagrams of IPv4 or IPv6 on all interfaces, knowing by which one each goes, and hears groups.
///
/// The port may be shared with other programs. All of them hear what is sent to a group; what is sent to this machine
/// alone, only one of them gets.
public final class MulticastSocket {
  public struct Datagram {
    public let bytes: [UInt8]
    public let source: SocketAddress
    /// The index of the interface that it came by.
    public let interface: UInt32
    /// Whether it was sent to a group.
    public let isMulticast: Bool
  }

  /// How many datagrams are taken before others have their turn.
  private static let maximumBurst = 32

  private let loop: EventLoop
  private var watcher: DescriptorWatcher?
  private var onReceive: ((Datagram) -> Void)?
  private let name: String

  /// Binds a port on all interfaces, for itself and whoever else wants it.
  public init(
    on loop: EventLoop, _ family: IPFamily, port: UInt16, onReceive: @escaping (Datagram) -> Void
  ) throws(SystemError) {
    name = "UDP port \(port)"
    self.loop = loop
    self.onReceive = onReceive
    let socket = try check(system_multicast_socket(family == .v6 ? 1 : 0, port), "bind", name)
    watcher = try DescriptorWatcher(on: loop, owning: FileDescriptor(owning: socket)) { [unowned(unsafe) self] _ in
      receive()
    }
    try watcher?.start(.readable)
  }

  deinit { watcher?.close() }

  /// Hears what is sent to a group on an interface, from now on. An interface that goes takes its groups with it.
  public func join(_ group: IPAddress, interface: UInt32) throws(SystemError) {
    try setMembership(group, interface, joins: true)
  }

  public func leave(_ group: IPAddress, interface: UInt32) throws(SystemError) {
    try setMembership(group, interface, joins: false)
  }

  private func setMembership(_ group: IPAddress, _ interface: UInt32, joins: Bool) throws(SystemError) {
    let result = SocketAddress(group, port: 0).withSockaddr {
      system_multicast_membership(descriptor, $0, interface, joins ? 1 : 0)
    }
    try check(result, joins ? "join" : "leave", "\(group) on interface \(interface)")
  }

  /// Sends one datagram by an interface, or fails: the kernel's buffer is the only queue.
  public func send(_ bytes: [UInt8], to address: SocketAddress, interface: UInt32) throws(SystemError) {
    let result = bytes.withUnsafeBytes { memory in
      address.withSockaddr { system_send_datagram(descriptor, memory.baseAddress, memory.count, $0, interface) }
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
      call(
        Datagram(
          bytes: bytes, source: source, interface: datagram.interface, isMulticast: datagram.is_multicast != 0))
    }
  }
}
