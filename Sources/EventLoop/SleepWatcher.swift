import CUV
import LinuxSystem

/// Calls a closure each time before the loop sleeps. It wakes nobody and keeps no loop running.
public final class SleepWatcher {
  private var handle: Handle<uv_prepare_t>
  private var onSleep: (() -> Void)?

  /// Watches from now on.
  public init(on loop: EventLoop, onSleep: @escaping () -> Void) throws(SystemError) {
    handle = try Handle(on: loop, "watch", "the loop's sleep") { uv_prepare_init($0, $1) }
    self.onSleep = onSleep
    handle.callsBack(self)
    guard let pointer = handle.pointer, let base = handle.pointer(as: uv_handle_t.self) else { return }
    uv_prepare_start(pointer, loopSleeps)
    uv_unref(base)
  }

  deinit { handle.close() }

  /// Ends the watch and lets its closure go.
  public func close() {
    handle.close()
    onSleep = nil
  }

  fileprivate func sleeps() {
    let call = onSleep
    call?()
  }
}

private func loopSleeps(_ handle: UnsafeMutablePointer<uv_prepare_t>?) {
  owner(of: handle, as: SleepWatcher.self)?.sleeps()
}
