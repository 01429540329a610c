import Basics
import CUV
import LinuxSystem

/// Sends and receives datagrams over IPv4 or IPv6.
public final class UDPSocket {
  private var handle: Handle<uv_udp_t>
  private var onReceive: (([UInt8], SocketAddress) -> Void)?
  private let name: String

  /// Binds a socket to an address of this host; port 0 lets the kernel choose one. An IPv6 socket takes IPv6 only.
  /// With `shared` others may bind the same port too, as multicast DNS wants it (SO_REUSEADDR).
  /// Each datagram, of up to 64 KiB, is given to `onReceive` with its sender's address.
  public init(
    on loop: EventLoop, boundTo address: SocketAddress, shared: Bool = false,
    onReceive: @escaping ([UInt8], SocketAddress) -> Void
  ) throws(SystemError) {
    name = address.description
    handle = try Handle(on: loop, "bind UDP to", name) { uv_udp_init($0, $1) }
    self.onReceive = onReceive
    handle.callsBack(self)
    var flags: UInt32 = shared ? UV_UDP_REUSEADDR.rawValue : 0
    if case .v6 = address.address { flags |= UV_UDP_IPV6ONLY.rawValue }
    try check("bind UDP to", name) { pointer in address.withSockaddr { uv_udp_bind(pointer, $0, flags) } }
    try check("receive UDP on", name) { uv_udp_recv_start($0, lendReadBuffer, datagramCame) }
  }

  deinit { handle.close() }

  /// Where the socket is bound, with the port that the kernel chose; nil once closed.
  public var localAddress: SocketAddress? {
    guard let pointer = handle.pointer else { return nil }
    return SocketAddress.ask { uv_udp_getsockname(pointer, $0, $1) }
  }

  /// Sends one datagram, or fails: the kernel's buffer is the only queue, and a full one throws `wouldBlock`, which
  /// protocols over UDP treat as a datagram lost.
  public func send(_ bytes: [UInt8], to address: SocketAddress) throws(SystemError) {
    guard let pointer = handle.pointer else { throw SystemError("send UDP to", "\(address)", .badDescriptor) }
    let result = bytes.withUnsafeBytes { memory in
      let base = UnsafeMutablePointer(mutating: memory.bindMemory(to: CChar.self).baseAddress)
      var buffer = uv_buf_init(base, CUnsignedInt(memory.count))
      return address.withSockaddr { uv_udp_try_send(pointer, &buffer, 1, $0) }
    }
    if result < 0 { throw systemError(result, "send UDP to", "\(address)") }
  }

  /// Also receives what is sent to `group`. The interface is named by its own address for IPv4 (`192.0.2.7`), by `::%eth0`
  /// for IPv6; nil leaves it to the kernel's routes.
  public func join(_ group: IPAddress, interface: String? = nil) throws(SystemError) {
    try check("join multicast group", "\(group)") { pointer in
      group.description.withCString { groupText in
        guard let interface else { return uv_udp_set_membership(pointer, groupText, nil, UV_JOIN_GROUP) }
        return interface.withCString { uv_udp_set_membership(pointer, groupText, $0, UV_JOIN_GROUP) }
      }
    }
  }

  /// Sends multicast out of this interface, named as for `join`.
  public func setMulticastInterface(_ interface: String) throws(SystemError) {
    try check("send multicast on", interface) { pointer in
      interface.withCString { uv_udp_set_multicast_interface(pointer, $0) }
    }
  }

  /// How many routers, plus one, multicast may pass: 1 stays on the link; multicast DNS wants 255.
  public func setMulticastHops(_ hops: UInt8) throws(SystemError) {
    try check("set multicast hops of", name) { uv_udp_set_multicast_ttl($0, CInt(hops)) }
  }

  /// Whether this host hears what it sends itself to a group; it does unless told otherwise.
  public func setMulticastLoop(_ on: Bool) throws(SystemError) {
    try check("set multicast loop of", name) { uv_udp_set_multicast_loop($0, on ? 1 : 0) }
  }

  /// Closes the socket; nothing more is received.
  public func close() {
    handle.close()
    onReceive = nil
  }

  private func check(
    _ action: String, _ subject: String, _ call: (UnsafeMutablePointer<uv_udp_t>) -> CInt
  ) throws(SystemError) {
    guard let pointer = handle.pointer else { throw SystemError(action, subject, .badDescriptor) }
    let result = call(pointer)
    if result < 0 { throw systemError(result, action, subject) }
  }

  fileprivate func came(_ bytes: [UInt8], _ source: SocketAddress) {
    let call = onReceive
    call?(bytes, source)
  }
}

/// A datagram without a source is libuv saying that there is no more; errors of single datagrams are as good as loss.
private func datagramCame(
  _ handle: UnsafeMutablePointer<uv_udp_t>?, _ count: Int, _ buffer: UnsafePointer<uv_buf_t>?,
  _ source: UnsafePointer<sockaddr>?, _ flags: CUnsignedInt
) {
  guard count >= 0, let source = SocketAddress(source), let base = buffer?.pointee.base else { return }
  let bytes = Array(UnsafeRawBufferPointer(start: base, count: count))
  owner(of: handle, as: UDPSocket.self)?.came(bytes, source)
}
