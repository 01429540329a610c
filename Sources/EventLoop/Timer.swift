import CUV
import LinuxSystem

/// Calls a closure once after so many milliseconds; may be started again, as often as wanted, also from its closure.
public final class Timer {
  private var handle: Handle<uv_timer_t>
  private var onFire: (() -> Void)?

  /// Makes a timer that is not started: until then it costs no wake-up.
  public init(on loop: EventLoop, onFire: @escaping () -> Void) throws(SystemError) {
    handle = try Handle(on: loop, "make", "a timer") { uv_timer_init($0, $1) }
    self.onFire = onFire
    handle.callsBack(self)
  }

  deinit { handle.close() }

  /// Fires once in `milliseconds`, counted from now; a start that was still to fire is replaced.
  public func start(milliseconds: UInt64) {
    guard let pointer = handle.pointer else { return }
    // libuv counts from the time it last woke; a closure that ran long would otherwise make the timer early.
    uv_update_time(handle.loop.pointer)
    uv_timer_start(pointer, timerFired, milliseconds, 0)
  }

  /// Does not fire until started again.
  public func stop() {
    if let pointer = handle.pointer { uv_timer_stop(pointer) }
  }

  /// Ends the timer and lets its closure go.
  public func close() {
    handle.close()
    onFire = nil
  }

  fileprivate func fired() {
    let call = onFire
    call?()
  }
}

private func timerFired(_ handle: UnsafeMutablePointer<uv_timer_t>?) {
  owner(of: handle, as: Timer.self)?.fired()
}
