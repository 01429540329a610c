import CUV
import LinuxSystem

/// Calls a closure, as an ordinary turn of the loop, each time the process gets a signal. Signals that come faster than
/// the loop turns may be told once.
public final class SignalWatcher {
  private var handle: Handle<uv_signal_t>
  private var onSignal: (() -> Void)?

  /// Watches from now on. `signal` is a number as in signal(7), such as SIGTERM.
  public init(on loop: EventLoop, signal: CInt, onSignal: @escaping () -> Void) throws(SystemError) {
    handle = try Handle(on: loop, "watch", "signal \(signal)") { uv_signal_init($0, $1) }
    self.onSignal = onSignal
    handle.callsBack(self)
    guard let pointer = handle.pointer else { return }
    let result = uv_signal_start(pointer, signalCame, signal)
    if result < 0 { throw systemError(result, "watch", "signal \(signal)") }
  }

  deinit { handle.close() }

  /// Ends the watch; the signal does again what it did before.
  public func close() {
    handle.close()
    onSignal = nil
  }

  fileprivate func came() {
    let call = onSignal
    call?()
  }
}

private func signalCame(_ handle: UnsafeMutablePointer<uv_signal_t>?, _ signal: CInt) {
  owner(of: handle, as: SignalWatcher.self)?.came()
}
