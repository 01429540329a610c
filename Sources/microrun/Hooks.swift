import CSystem
import Images
import LinuxSystem
import OCIRuntime

/// Programs of others at points of a container's life.
enum Hooks {
  /// Runs them one after the other, and stops at the first that fails.
  static func run(_ hooks: [Hook], _ kind: String, _ state: JSONValue) throws(Failure) {
    let text = JSONText.write(state) + "\n"
    for hook in hooks { try run(hook, kind, text) }
  }

  private static func run(_ hook: Hook, _ kind: String, _ state: String) throws(Failure) {
    let what = "\(kind) hook \(hook.path)"
    let status = try telling { () throws(SystemError) in
      let input = FileDescriptor(owning: try check(system_memfd("state"), "make a file for", what))
      try input.write(state, subject: what)
      // Its reading begins where this writing ended.
      let reading = try FileDescriptor.open("/proc/self/fd/\(input.rawValue)", O_RDONLY)
      let process = try check(
        CStrings.with(hook.args, hook.env) { system_run_program(hook.path, $0, $1, reading.rawValue) }, "run", what)
      return try wait(process, hook.timeoutSeconds, what)
    }
    if status.by_signal == 0, status.code == 0 { return }
    if status.by_signal == 0, status.code == 127 {
      throw Failure("\(what): it could not be run, or ended with code 127")
    }
    throw Failure("\(what): it ended with \(status.by_signal != 0 ? "signal" : "code") \(status.code)")
  }

  private static func wait(
    _ process: Int32, _ timeoutSeconds: UInt64?, _ what: String
  ) throws(SystemError) -> system_exit_status {
    let pidfd = FileDescriptor(owning: try check(system_pidfd_open(process), "watch", what))
    var watched = pidfd.rawValue
    var ended: CInt = 0
    let milliseconds = timeoutSeconds.map { CInt(clamping: min($0, 1_000_000) * 1000) } ?? -1
    if system_wait_readable(&watched, &ended, 1, milliseconds) == 0 {
      try Signals.kill(process)
      _ = system_wait_for_end(process)
      throw SystemError("run", what, .timedOut)
    }
    var status = system_exit_status()
    try check(system_wait(process, 0, &status), "wait for", what)
    return status
  }
}

/// Vectors of strings as C has them.
enum CStrings {
  typealias Vector = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

  static func with<Result>(_ first: [String], _ second: [String], _ body: (Vector, Vector) -> Result) -> Result {
    var one = first.map { strdup($0) } + [nil]
    var two = second.map { strdup($0) } + [nil]
    defer { for each in one + two { free(each) } }
    return one.withUnsafeMutableBufferPointer { one in
      two.withUnsafeMutableBufferPointer { two in body(one.baseAddress!, two.baseAddress!) }
    }
  }
}
