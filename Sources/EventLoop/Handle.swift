import CUV
import LinuxSystem

/// libuv's half of an object: C memory that must stay where it is until libuv has called back that it is closed.
///
/// It closes exactly once, at `close()` or at its end, whichever is first; the memory is given back by the close
/// callback. `owner` is not retained: the object that holds this handle takes itself out (by closing) before it ends.
struct Handle<Kind>: ~Copyable {
  let loop: EventLoop
  private var memory: UnsafeMutablePointer<Kind>?

  /// Makes a handle by `initialise`, one of libuv's `uv_…_init`; the action and subject are for its error.
  init(
    on loop: EventLoop, _ action: String, _ subject: String,
    initialise: (UnsafeMutablePointer<uv_loop_t>, UnsafeMutablePointer<Kind>) -> CInt
  ) throws(SystemError) {
    let pointer = UnsafeMutablePointer<Kind>.allocate(capacity: 1)
    let result = initialise(loop.pointer, pointer)
    if result < 0 {
      pointer.deallocate()
      throw systemError(result, action, subject)
    }
    self.loop = loop
    memory = pointer
    loop.state.pointee.counts.made += 1
  }

  deinit {
    Self.close(memory)
  }

  var isOpen: Bool { memory != nil }

  /// libuv's pointer while the handle is open.
  var pointer: UnsafeMutablePointer<Kind>? { memory }

  /// The same as one of libuv's base types: `uv_handle_t`, `uv_stream_t`.
  func pointer<Base>(as base: Base.Type) -> UnsafeMutablePointer<Base>? {
    memory.map { UnsafeMutableRawPointer($0).assumingMemoryBound(to: base) }
  }

  /// Says whom C callbacks are for. Not retained.
  func callsBack(_ owner: AnyObject) {
    pointer(as: uv_handle_t.self)?.pointee.data = Unmanaged.passUnretained(owner).toOpaque()
  }

  /// Starts closing; nothing calls back for this handle from here on. Doing it twice is as good as once.
  mutating func close() {
    Self.close(memory)
    memory = nil
  }

  private static func close(_ memory: UnsafeMutablePointer<Kind>?) {
    guard let memory else { return }
    let handle = UnsafeMutableRawPointer(memory).assumingMemoryBound(to: uv_handle_t.self)
    handle.pointee.data = nil
    uv_close(handle, handleClosed)
  }
}

/// libuv has let go of a handle: its memory goes back. Nothing in Swift's half is left to be told.
private func handleClosed(_ handle: UnsafeMutablePointer<uv_handle_t>?) {
  guard let handle else { return }
  let state = handle.pointee.loop.pointee.data.assumingMemoryBound(to: EventLoop.State.self)
  state.pointee.counts.closed += 1
  UnsafeMutableRawPointer(handle).deallocate()
}

/// The object a C callback is for, or nil once its handle is closing. Holding the result keeps the object for the length
/// of the callback, so that it may drop itself in its own closure.
func owner<Owner: AnyObject, Kind>(of handle: UnsafeMutablePointer<Kind>?, as type: Owner.Type) -> Owner? {
  guard let handle else { return nil }
  let data = UnsafeMutableRawPointer(handle).assumingMemoryBound(to: uv_handle_t.self).pointee.data
  return data.map { Unmanaged<Owner>.fromOpaque($0).takeUnretainedValue() }
}

/// libuv asks where to put what it is about to read: always the loop's one buffer.
func lendReadBuffer(
  _ handle: UnsafeMutablePointer<uv_handle_t>?, _ suggested: Int, _ buffer: UnsafeMutablePointer<uv_buf_t>?
) {
  guard let handle, let buffer else { return }
  let state = handle.pointee.loop.pointee.data.assumingMemoryBound(to: EventLoop.State.self)
  let bytes = state.pointee.readBuffer.assumingMemoryBound(to: CChar.self)
  buffer.pointee = uv_buf_init(bytes, CUnsignedInt(EventLoop.readBufferBytes))
}
