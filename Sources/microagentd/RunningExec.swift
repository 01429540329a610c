import CSystem
import ContainerRunner
import EventLoop
import LinuxSystem
import MicroAgent

/// A program that runs in a container beside the container's own.
final class RunningExec {
  let name: ExecName
  let output: ExecStream
  let errors: ExecStream
  private let plan: LaunchPlan
  private var process: Int32 = 0
  private var child: ChildWatcher?
  /// Says why the program never ran, where it did not.
  private var failures: FileDescriptor?

  init(_ name: ExecName, _ plan: LaunchPlan, on loop: EventLoop) throws(SystemError) {
    self.name = name
    self.plan = plan
    output = try ExecStream(on: loop)
    errors = try ExecStream(on: loop)
  }

  func close() {
    child?.close()
    child = nil
    failures = nil
    output.close()
    errors.close()
  }

  /// Takes over the process that is set up, and lets it run its program.
  func take(
    _ started: consuming StartedProcess, on loop: EventLoop, onEnd: @escaping () -> Void
  ) throws(SystemError) {
    process = started.pid
    let control = started.control
    failures = .some(started.errors)
    do throws(SystemError) {
      child = try ChildWatcher(on: loop, pidfd: started.pidfd, onEnd: onEnd)
      try ContainerProcess.releaseToExec(control)
    } catch {
      kill()
      _ = system_wait_for_end(process)
      throw error
    }
  }

  /// Ends it with what it has started, as far as that has not gone its own way (setsid(2)). Its process is not collected
  /// yet, so the number is no other's.
  func kill() {
    _ = system_kill(-process, SIGKILL)
    _ = system_kill(process, SIGKILL)
  }

  /// Collects the process, which has ended, and tells what came of it.
  func finish() -> ExecResult {
    var status = system_exit_status()
    _ = system_wait(process, 0, &status)
    var result = failure ?? Self.result(status)
    let (written, complained) = (output.finish(), errors.finish())
    (result.output, result.errors) = (written.bytes, complained.bytes)
    result.cutBytes = written.cutBytes + complained.cutBytes
    close()
    return result
  }

  /// Why the program never ran; nil: it did.
  private var failure: ExecResult? {
    var report = [UInt8](repeating: 0, count: 64)
    let count = report.withUnsafeMutableBytes { system_read(failures?.rawValue ?? -1, $0.baseAddress, $0.count) }
    guard count > 0, let error = ContainerProcess.parseFailure(Array(report[..<Int(count)]), of: plan) else {
      return nil
    }
    var code = ExecResult.notRun
    if error.step == error.stepCount {
      code = error.errno == .noSuchFile ? ExecResult.notFound : ExecResult.notExecutable
    }
    return ExecResult(exitCode: code, reason: Processor.line(error))
  }

  private static func result(_ status: system_exit_status) -> ExecResult {
    let number = UInt8(truncatingIfNeeded: status.code)
    let end = ContainerEnd(cause: status.by_signal != 0 ? .killed(signal: number) : .exited(code: number))
    return ExecResult(exitCode: end.exitCode, reason: end.description)
  }
}
