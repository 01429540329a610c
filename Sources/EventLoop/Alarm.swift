import Basics
import LinuxSystem

/// A timer that is set to a state machine's next deadline, and else does not wake anybody.
public final class Alarm {
  private let loop: EventLoop
  private let timer: Timer
  private var deadline: Instant?

  public init(on loop: EventLoop, onDeadline: @escaping () -> Void) throws(SystemError) {
    self.loop = loop
    let forward = Forward()
    timer = try Timer(on: loop) { forward.call() }
    forward.onDeadline = { [unowned(unsafe) self] in
      self.deadline = nil
      onDeadline()
    }
  }

  /// Goes off at `deadline`, or not at all.
  public func set(_ deadline: Instant?) {
    if deadline == self.deadline { return }
    self.deadline = deadline
    if let deadline {
      timer.start(milliseconds: deadline.milliseconds(since: loop.now))
    } else {
      timer.stop()
    }
  }

  /// Ends it and lets its closure go.
  public func close() { timer.close() }

  private final class Forward {
    var onDeadline: (() -> Void)?

    func call() { onDeadline?() }
  }
}
