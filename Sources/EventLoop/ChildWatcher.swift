import LinuxSystem

/// Calls a closure once, when a process has ended. It does not wait for the process (waitid(2)): the closure does, or
/// whoever the parent is.
public final class ChildWatcher {
  private let watcher: DescriptorWatcher
  private var onEnd: (() -> Void)?

  /// Takes over a pidfd (pidfd_open(2), 5.3), which becomes readable when its process ends. A process that has ended
  /// already is told in the next turn.
  public init(
    on loop: EventLoop, pidfd: consuming FileDescriptor, onEnd: @escaping () -> Void
  ) throws(SystemError) {
    let forward = Forward()
    watcher = try DescriptorWatcher(on: loop, owning: pidfd) { _ in forward.call() }
    self.onEnd = onEnd
    forward.target = Unmanaged.passUnretained(self)
    try watcher.start(.readable)
  }

  deinit { watcher.close() }

  /// The process's descriptor, for signals; valid until `close()`.
  public var pidfd: CInt { watcher.descriptor }

  /// Ends the watch and closes the descriptor; the process goes on.
  public func close() {
    watcher.close()
    onEnd = nil
  }

  fileprivate func ended() {
    watcher.stop()
    let call = onEnd
    onEnd = nil
    call?()
  }

  /// Leads the watcher's closure to this object without retaining it. The watcher ends before its owner does.
  private final class Forward {
    var target: Unmanaged<ChildWatcher>?

    func call() {
      target?.takeUnretainedValue().ended()
    }
  }
}
