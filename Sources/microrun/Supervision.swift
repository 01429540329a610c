import CSystem
import LinuxSystem

/// Stays with a program in the foreground: hands on the signals that it gets, and returns what the program ends with, as a shell counts it.
enum Supervision {
  private static let forwarded: [CInt] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGCONT, SIGWINCH]

  /// To be called before the program exists, so that none is lost.
  static func catchSignals() throws(Failure) -> FileDescriptor {
    try telling { () throws(SystemError) in
      FileDescriptor(owning: try check(system_signal_descriptor(forwarded, forwarded.count), "wait for signals"))
    }
  }

  /// - Parameter console: its terminal, to be shown here.
  static func wait(
    _ process: Int32, _ pidfd: CInt, _ signals: borrowing FileDescriptor, _ console: consuming FileDescriptor?
  ) throws(Failure) -> CInt {
    if let console {
      var terminal = try Terminal(console)
      while true {
        var ready: [CInt] = [0, 0, 0]
        _ = system_wait_readable([pidfd, signals.rawValue, terminal.descriptor], &ready, 3, -1)
        if ready[1] != 0 { handOn(signals, pidfd) { terminal.followSize() } }
        if ready[2] != 0 { terminal.show() }
        if ready[0] != 0 { break }
      }
      terminal.showRest()
    } else {
      while true {
        var ready: [CInt] = [0, 0]
        _ = system_wait_readable([pidfd, signals.rawValue], &ready, 2, -1)
        if ready[1] != 0 { handOn(signals, pidfd) { _ = system_pidfd_send_signal(pidfd, SIGWINCH) } }
        if ready[0] != 0 { break }
      }
    }
    return try collectEnd(process)
  }

  private static func handOn(_ signals: borrowing FileDescriptor, _ pidfd: CInt, changedSize: () -> Void) {
    while case let signal = system_next_signal(signals.rawValue), signal > 0 {
      if signal == SIGWINCH { changedSize() } else { _ = system_pidfd_send_signal(pidfd, signal) }
    }
  }

  private static func collectEnd(_ process: Int32) throws(Failure) -> CInt {
    var status = system_exit_status()
    try telling { () throws(SystemError) in _ = try check(system_wait(process, 0, &status), "wait for", "the container")
    }
    return status.by_signal != 0 ? 128 + status.code : status.code
  }
}
