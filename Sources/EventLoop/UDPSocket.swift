import Basics
import CUV
import LinuxSystem

/// Sends and receives datagrams over IPv4 or IPv6; `MulticastSocket` does so in groups.
public final class UDPSocket {
  private var handle: Handle<uv_udp_t>
  private var onReceive: (([UInt8], SocketAddress) -> Void)?
  private let name: String

  /// Binds a socket to an address of this host; port 0 lets the kernel choose one. An IPv6 socket takes IPv6 only.
  /// Each datagram, of up to 64 KiB, is given to `onReceive` with its sender's address.
  public init(
    on loop: EventLoop, boundTo address: SocketAddress, onReceive: @escaping ([UInt8], SocketAddress) -> Void
  ) throws(SystemError) {
    name = address.description
    handle = try Handle(on: loop, "bind UDP to", name) { uv_udp_init($0, $1) }
    self.onReceive = onReceive
    handle.callsBack(self)
    var flags: UInt32 = 0
    if case .v6 = address.address { flags = UV_UDP_IPV6ONLY.rawValue }
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
