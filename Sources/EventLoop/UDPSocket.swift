import Basics
import CSystem
import LinuxSystem

/// Sends and receives datagrams over IPv4 or IPv6: at an address of this host, or in a group on one interface.
public final class UDPSocket {
  private let receiver: Receiver
  private var watcher: DescriptorWatcher?

  /// Binds a socket to an address of this host; port 0 lets the kernel choose one. An IPv6 socket takes IPv6 only.
  /// Each datagram, of up to 64 KiB, is given to `onReceive`.
  public convenience init(
    on loop: EventLoop, boundTo address: SocketAddress, onReceive: @escaping (Datagram) -> Void
  ) throws(SystemError) {
    let socket = try check(address.withSockaddr { system_udp_socket($0) }, "bind UDP to", "\(address)")
    try self.init(on: loop, owning: FileDescriptor(owning: socket), onReceive)
  }

  /// Binds a group's port on an interface, and joins the group there.
  ///
  /// The port may be shared with other programs. All of them hear what is sent to the group. What is sent to this machine
  /// alone, only one of them gets, and that is us: a socket of an interface goes before one of all interfaces.
  public convenience init(
    on loop: EventLoop, group: SocketAddress, interface: UInt32, onReceive: @escaping (Datagram) -> Void
  ) throws(SystemError) {
    let socket = try check(
      group.withSockaddr { system_multicast_socket($0, interface) }, "join", "\(group) on interface \(interface)")
    try self.init(on: loop, owning: FileDescriptor(owning: socket), onReceive)
  }

  private init(
    on loop: EventLoop, owning descriptor: consuming FileDescriptor, _ onReceive: @escaping (Datagram) -> Void
  ) throws(SystemError) {
    let receiver = Receiver(loop, descriptor.rawValue, onReceive)
    self.receiver = receiver
    watcher = try DescriptorWatcher(on: loop, owning: descriptor) { _ in receiver.receive() }
    try watcher?.start(.readable)
  }

  deinit { close() }

  /// Where the socket is bound, with the port that the kernel chose; nil once closed.
  public var localAddress: SocketAddress? {
    var storage = sockaddr_storage()
    return system_local_address(descriptor, &storage) < 0 ? nil : SocketAddress(storage: &storage)
  }

  /// Sends one datagram, or fails: the kernel's buffer is the only queue, and a full one throws `wouldBlock`, which
  /// protocols over UDP treat as a datagram lost.
  ///
  /// - Parameter local: the address of ours that it is to come from; nil: the kernel chooses.
  public func send(_ bytes: [UInt8], to address: SocketAddress, from local: IPAddress? = nil) throws(SystemError) {
    let result = bytes.withUnsafeBytes { memory in
      address.withSockaddr { to in
        guard let local else { return system_send_datagram(descriptor, memory.baseAddress, memory.count, to, nil) }
        return SocketAddress(local, port: 0).withSockaddr {
          system_send_datagram(descriptor, memory.baseAddress, memory.count, to, $0)
        }
      }
    }
    try check(result, "send UDP to", "\(address)")
  }

  /// Closes the socket; nothing more is received.
  public func close() {
    receiver.onReceive = nil
    watcher?.close()
    watcher = nil
  }

  /// Once closed, none.
  private var descriptor: CInt { watcher?.descriptor ?? -1 }

  /// Reads for a socket, and outlives it where that goes while a datagram is told.
  private final class Receiver {
    /// How many datagrams are taken before others have their turn.
    static let maximumBurst = 32

    let loop: EventLoop
    let descriptor: CInt
    var onReceive: ((Datagram) -> Void)?

    init(_ loop: EventLoop, _ descriptor: CInt, _ onReceive: @escaping (Datagram) -> Void) {
      self.loop = loop
      self.descriptor = descriptor
      self.onReceive = onReceive
    }

    func receive() {
      for _ in 0..<Self.maximumBurst {
        guard let call = onReceive,
          let datagram = Datagram.receive(
            on: descriptor, by: loop.state.pointee.readBuffer, capacity: EventLoop.readBufferBytes)
        else { return }
        call(datagram)
      }
    }
  }
}
