import Basics
import CUV
import LinuxSystem

/// A stream of bytes to and from one peer, over a Unix socket or TCP.
///
/// Set the closures, then `startReading()`. The object lives while somebody holds it, and dropping it closes it at once,
/// queued bytes and all; `finish` closes after they are sent.
public final class Connection {
  enum Kind { case unix, tcp }

  private var handle: Handle<uv_any_handle>
  private let kind: Kind
  private var hasEnded = false
  private var whenFinished: (() -> Void)?

  /// Called with each piece that arrives, of up to 64 KiB.
  public var onRead: (([UInt8]) -> Void)?
  /// Called once, when nothing more will arrive: nil if the peer has finished, or why the connection is broken. After
  /// nil the peer may still be reading, so answers can be written. The connection stays until it is closed.
  public var onEnd: ((SystemError?) -> Void)?
  /// Called when all that had to be queued has been given to the kernel; not for writes that it took at once.
  public var onDrain: (() -> Void)?

  /// The most that `write` queues for a peer that does not read.
  public var queueLimitBytes = 256 * 1024

  /// Connects to the Unix socket at `path`, or fails, at once.
  public init(on loop: EventLoop, path: String) throws(SystemError) {
    let socket = try UnixSockets.connect(path)
    kind = .unix
    handle = try Self.makeHandle(.unix, on: loop, "connect to", path)
    handle.callsBack(self)
    try Self.open(handle, socket, "connect to", path)
  }

  /// Begins to connect over TCP, from the address `source` of ours if one is given. What is written meanwhile is queued;
  /// a failure is told to `onEnd`.
  public init(on loop: EventLoop, address: SocketAddress, from source: IPAddress? = nil) throws(SystemError) {
    kind = .tcp
    handle = try Self.makeHandle(.tcp, on: loop, "connect to", address.description)
    handle.callsBack(self)
    guard let pointer = handle.pointer(as: uv_tcp_t.self) else { return }
    if let source {
      let result = SocketAddress(source, port: 0).withSockaddr { uv_tcp_bind(pointer, $0, 0) }
      if result < 0 { throw systemError(result, "connect from", source.description) }
    }
    let request = UnsafeMutablePointer<uv_connect_t>.allocate(capacity: 1)
    let result = address.withSockaddr { uv_tcp_connect(request, pointer, $0, connectEnded) }
    if result < 0 {
      request.deallocate()
      throw systemError(result, "connect to", "\(address)")
    }
  }

  /// Takes the connection that waits at a listener.
  init(accepting listener: UnsafeMutablePointer<uv_stream_t>, _ kind: Kind, on loop: EventLoop) throws(SystemError) {
    self.kind = kind
    handle = try Self.makeHandle(kind, on: loop, "accept", "a connection")
    handle.callsBack(self)
    guard let pointer = handle.pointer(as: uv_stream_t.self) else { return }
    let result = uv_accept(listener, pointer)
    if result < 0 { throw systemError(result, "accept", "a connection") }
  }

  deinit { handle.close() }

  static func makeHandle(
    _ kind: Kind, on loop: EventLoop, _ action: String, _ subject: String
  ) throws(SystemError) -> Handle<uv_any_handle> {
    try Handle(on: loop, action, subject) { loop, memory in
      let memory = UnsafeMutableRawPointer(memory)
      switch kind {
      case .unix: return uv_pipe_init(loop, memory.assumingMemoryBound(to: uv_pipe_t.self), 0)
      case .tcp: return uv_tcp_init(loop, memory.assumingMemoryBound(to: uv_tcp_t.self))
      }
    }
  }

  /// Gives a Unix socket to its handle, which closes it from then on.
  static func open(
    _ handle: borrowing Handle<uv_any_handle>, _ socket: consuming FileDescriptor, _ action: String, _ subject: String
  ) throws(SystemError) {
    guard let pointer = handle.pointer(as: uv_pipe_t.self) else { return }
    let result = uv_pipe_open(pointer, socket.rawValue)
    if result < 0 { throw systemError(result, action, subject) }
    _ = socket.release()
  }

  public var isOpen: Bool { handle.isOpen }

  /// Who is at the other end of a Unix socket.
  public func peerCredentials() throws(SystemError) -> PeerCredentials {
    var descriptor: uv_os_fd_t = -1
    if let pointer = handle.pointer(as: uv_handle_t.self) { uv_fileno(pointer, &descriptor) }
    return try PeerCredentials.of(socket: descriptor)
  }

  /// The other end's address over TCP; nil over a Unix socket, or if there is none (any more).
  public var peerAddress: SocketAddress? {
    guard kind == .tcp, let pointer = handle.pointer(as: uv_tcp_t.self) else { return nil }
    return SocketAddress.ask { uv_tcp_getpeername(pointer, $0, $1) }
  }

  /// What is written over TCP goes at once, though what went before it is not acknowledged yet: no answer is to wait for the one
  /// before it.
  public func sendAtOnce() {
    if kind == .tcp, let pointer = handle.pointer(as: uv_tcp_t.self) { uv_tcp_nodelay(pointer, 1) }
  }

  /// Has the kernel ask over TCP whether the peer is still there when nothing was heard for so long (SO_KEEPALIVE); one that
  /// is not is told to `onEnd`.
  public func keepAlive(seconds: UInt32) {
    if kind == .tcp, let pointer = handle.pointer(as: uv_tcp_t.self) { uv_tcp_keepalive(pointer, 1, seconds) }
  }

  /// Closes at once; queued bytes are lost, and no closure is called any more.
  public func close() {
    handle.close()
    onRead = nil
    onEnd = nil
    onDrain = nil
    whenFinished = nil
  }
}

// MARK: - Reading

extension Connection {
  /// Reads from now on.
  public func startReading() throws(SystemError) {
    guard let pointer = handle.pointer(as: uv_stream_t.self) else {
      throw SystemError("read from", "a closed connection", .badDescriptor)
    }
    let result = uv_read_start(pointer, lendReadBuffer, bytesCame)
    if result < 0 && result != UV_EALREADY.rawValue { throw systemError(result, "read from", "a connection") }
  }

  /// Leaves what arrives in the kernel, which in time stops the peer from sending; `startReading` goes on. The peer's
  /// end is not seen meanwhile.
  public func stopReading() {
    if let pointer = handle.pointer(as: uv_stream_t.self) { uv_read_stop(pointer) }
  }

  fileprivate func read(_ bytes: [UInt8]) {
    let call = onRead
    call?(bytes)
  }

  fileprivate func ended(_ code: CInt) {
    let isEnd = code == UV_EOF.rawValue
    end(isEnd ? nil : systemError(code, "use", "a connection"))
  }

  private func end(_ error: SystemError?) {
    if let finished = whenFinished, error != nil {
      close()
      return finished()
    }
    guard !hasEnded else { return }
    hasEnded = true
    stopReading()
    let call = onEnd
    call?(error)
  }
}

// MARK: - Writing

extension Connection {
  /// Bytes that were written and that the kernel has not taken yet: what to look at before writing more.
  public var queuedBytes: Int {
    handle.pointer(as: uv_stream_t.self).map { Int(uv_stream_get_write_queue_size($0)) } ?? 0
  }

  /// Sends bytes, or queues what the kernel does not take now. All or nothing: more than `queueLimitBytes` in the queue
  /// throws `noBufferSpace`, and none of them is sent. A peer found gone later is told to `onEnd`.
  public func write(_ bytes: [UInt8]) throws(SystemError) {
    guard let stream = handle.pointer(as: uv_stream_t.self), whenFinished == nil else {
      throw SystemError("write to", "a closed connection", .badDescriptor)
    }
    guard bytes.count <= queueLimitBytes - queuedBytes else {
      throw SystemError("write to", "a peer that does not read", .noBufferSpace)
    }
    let sent = bytes.withUnsafeBytes { memory in
      var buffer = uv_buf_init(
        UnsafeMutablePointer(mutating: memory.bindMemory(to: CChar.self).baseAddress), CUnsignedInt(memory.count))
      return uv_try_write(stream, &buffer, 1)
    }
    if sent < 0 && sent != UV_EAGAIN.rawValue { throw systemError(sent, "write to", "a connection") }
    let rest = bytes[max(0, Int(sent))...]
    if !rest.isEmpty { try queue(rest, on: stream) }
  }

  private func queue(_ bytes: ArraySlice<UInt8>, on stream: UnsafeMutablePointer<uv_stream_t>) throws(SystemError) {
    let request = WriteRequest.make(bytes)
    var buffer = uv_buf_init(WriteRequest.bytes(of: request), CUnsignedInt(bytes.count))
    let result = uv_write(request, stream, &buffer, 1, writeEnded)
    if result < 0 {
      WriteRequest.free(request)
      throw systemError(result, "write to", "a connection")
    }
  }

  /// Sends what is queued, then closes, then calls `then`, at once if nothing is queued; keep holding the connection
  /// until that. A peer that breaks off ends it too; one that never reads does not: limit the wait with a timer and
  /// `close()`, which does not call `then`.
  public func finish(then: @escaping () -> Void) {
    guard handle.isOpen else { return then() }
    whenFinished = then
    stopReading()
    if queuedBytes == 0 { drained() }
  }

  fileprivate func wrote(_ status: CInt) {
    if status < 0 { return end(systemError(status, "write to", "a connection")) }
    if queuedBytes == 0 { drained() }
  }

  private func drained() {
    if let finished = whenFinished {
      close()
      finished()
    } else {
      let call = onDrain
      call?()
    }
  }
}

/// A libuv write request with the bytes behind it, in one piece of memory that lives until its callback.
private enum WriteRequest {
  static func make(_ bytes: ArraySlice<UInt8>) -> UnsafeMutablePointer<uv_write_t> {
    let header = MemoryLayout<uv_write_t>.stride
    let memory = UnsafeMutableRawPointer.allocate(byteCount: header + bytes.count, alignment: 16)
    bytes.withUnsafeBytes { (memory + header).copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
    return memory.bindMemory(to: uv_write_t.self, capacity: 1)
  }

  static func bytes(of request: UnsafeMutablePointer<uv_write_t>) -> UnsafeMutablePointer<CChar> {
    (UnsafeMutableRawPointer(request) + MemoryLayout<uv_write_t>.stride).assumingMemoryBound(to: CChar.self)
  }

  static func free(_ request: UnsafeMutablePointer<uv_write_t>) {
    UnsafeMutableRawPointer(request).deallocate()
  }
}

private func writeEnded(_ request: UnsafeMutablePointer<uv_write_t>?, _ status: CInt) {
  guard let request else { return }
  let connection = owner(of: request.pointee.handle, as: Connection.self)
  WriteRequest.free(request)
  connection?.wrote(status)
}

private func connectEnded(_ request: UnsafeMutablePointer<uv_connect_t>?, _ status: CInt) {
  guard let request else { return }
  let connection = owner(of: request.pointee.handle, as: Connection.self)
  request.deallocate()
  if status < 0 { connection?.ended(status) }
}

private func bytesCame(
  _ stream: UnsafeMutablePointer<uv_stream_t>?, _ count: Int, _ buffer: UnsafePointer<uv_buf_t>?
) {
  guard count != 0, let connection = owner(of: stream, as: Connection.self) else { return }
  if count < 0 { return connection.ended(CInt(count)) }
  guard let base = buffer?.pointee.base else { return }
  connection.read(Array(UnsafeRawBufferPointer(start: base, count: count)))
}
