import CSystem

/// Signals to processes that are known by number only, and what this process does with its own.
public enum Signals {
  /// Ends a process at once (SIGKILL); one that is already gone is as good. `process` must be above 0: other numbers
  /// mean groups of processes.
  public static func kill(_ process: Int32) throws(SystemError) {
    precondition(process > 0)
    let result = system_kill(process, SIGKILL)
    if result == -Errno.noSuchProcess.rawValue { return }
    try check(result, "kill", "process \(process)")
  }

  /// Ends this process when its parent ends; also of a parent that is gone already.
  public static func dieWithParent(_ parent: Int32) {
    _ = system_set_parent_death_signal(SIGKILL)
    if system_parent() != parent { system_exit(1) }
  }

  /// This process's own number.
  public static func ownProcess() -> Int32 { getpid() }

  /// Makes a write to a peer that is gone an error (EPIPE) rather than the end of the process. The setting is inherited
  /// through exec: whoever starts another program puts SIGPIPE back first.
  public static func ignoreBrokenPipes() throws(SystemError) {
    try check(system_ignore_signal(SIGPIPE), "ignore SIGPIPE")
  }
}
