import Basics
import CUV
import LinuxSystem

/// One thread's loop over libuv: it sleeps in the kernel until a descriptor, a signal or a timer has something, calls the
/// closures that wait for it, and sleeps again. With no timer started, nothing wakes it.
///
/// Ownership: a `Timer`, `UnixListener`… works while somebody holds it. Dropping it, or calling `close()`, ends it; its
/// closures are never called again, and are let go. Each of them holds the loop, so a loop outlives what runs on it.
/// A closure that captures the object it is stored in makes a cycle (Embedded Swift has no weak references): such an
/// object lives until its `close()`, which breaks the cycle.
///
/// No closure may wait: there is no other thread to carry on meanwhile.
public final class EventLoop {
  /// libuv's loop and what its C callbacks need, in memory whose place never changes.
  struct State {
    var loop = uv_loop_t()
    var counts = HandleCounts()
    /// What arrives is read here, and copied out before anything else can arrive. Pages never read into cost nothing.
    let readBuffer = UnsafeMutableRawPointer.allocate(byteCount: EventLoop.readBufferBytes, alignment: 16)
  }

  /// The most that one read or one datagram gives: UDP's largest.
  public static let readBufferBytes = 64 * 1024

  let state: UnsafeMutablePointer<State>

  /// libuv's own pointer to its loop.
  var pointer: UnsafeMutablePointer<uv_loop_t> {
    UnsafeMutableRawPointer(state).assumingMemoryBound(to: uv_loop_t.self)
  }

  /// Makes a loop, and makes writing to a peer that is gone an error in this process rather than its end (SIGPIPE).
  public init() throws(SystemError) {
    try Signals.ignoreBrokenPipes()
    state = .allocate(capacity: 1)
    state.initialize(to: State())
    let result = uv_loop_init(UnsafeMutableRawPointer(state).assumingMemoryBound(to: uv_loop_t.self))
    if result < 0 {
      Self.free(state)
      throw SystemError("make", "an event loop", Errno(rawValue: -result))
    }
    pointer.pointee.data = UnsafeMutableRawPointer(state)
  }

  deinit {
    // Everything that ran here has gone, for each of them holds the loop; what is left is to let libuv give back their
    // memory, which takes it one turn.
    while uv_loop_close(pointer) == UV_EBUSY.rawValue { uv_run(pointer, UV_RUN_NOWAIT) }
    Self.free(state)
  }

  private static func free(_ state: UnsafeMutablePointer<State>) {
    state.pointee.readBuffer.deallocate()
    state.deinitialize(count: 1)
    state.deallocate()
  }

  /// Runs until `stop()`, or until nothing is left that could call anyone.
  public func run() {
    uv_run(pointer, UV_RUN_DEFAULT)
  }

  /// Handles what has happened already, without sleeping. Returns whether something is left to wait for.
  @discardableResult
  public func runOnce() -> Bool {
    uv_run(pointer, UV_RUN_NOWAIT) != 0
  }

  /// Ends `run()` after the closure that is running. A stop before `run()` ends the next one at once.
  public func stop() {
    uv_stop(pointer)
  }

  /// Monotonic time, read from the clock each time.
  public var now: Instant {
    Clock.now()
  }

  /// How many handles were made and how many were closed, for tests: at rest, those in use make the difference.
  public var handleCounts: HandleCounts {
    state.pointee.counts
  }
}

/// How many of libuv's handles were made and how many have been closed completely.
public struct HandleCounts: Equatable, Sendable {
  public internal(set) var made = 0
  public internal(set) var closed = 0
}

/// libuv's error codes are negative errno, except for a few of its own such as the end of a stream.
func systemError(_ code: CInt, _ action: String, _ subject: String) -> SystemError {
  SystemError(action, subject, Errno(rawValue: code < 0 && code > -4000 ? -code : Errno.inputOutput.rawValue))
}
