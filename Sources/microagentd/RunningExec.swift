import CSystem
import ContainerRunner
import EventLoop
import LinuxSystem
import MicroAgent

/// A program that runs in a container beside the container's own.
final class RunningExec {
  /// Where its output goes.
  enum Streams {
    /// The last of it is kept until it has ended.
    case kept(output: ExecStream, errors: ExecStream)
    /// To whoever attends it.
    case attended(ExecConversation)
  }

  let name: ExecName
  let streams: Streams
  private let plan: LaunchPlan
  /// 0: it has ended and is collected, and its number may be another's.
  private var process: Int32 = 0
  private var child: ChildWatcher?
  /// Says why the program never ran, where it did not.
  private var failures: FileDescriptor?
  /// What came of it. Nil: it runs.
  private(set) var result: ExecResult?

  init(_ name: ExecName, _ plan: LaunchPlan, _ request: ExecRequest, on loop: EventLoop) throws(SystemError) {
    self.name = name
    self.plan = plan
    if request.isAttended {
      streams = .attended(ExecConversation(hasTerminal: request.terminal != nil, on: loop))
    } else {
      streams = .kept(output: try ExecStream(on: loop), errors: try ExecStream(on: loop))
    }
  }

  /// Nil: nobody attends it.
  var conversation: ExecConversation? {
    if case .attended(let conversation) = streams { conversation } else { nil }
  }

  func close() {
    child?.close()
    child = nil
    failures = nil
    switch streams {
    case .kept(let output, let errors):
      output.close()
      errors.close()
    case .attended(let conversation): conversation.close()
    }
  }

  /// Opens its streams; what the program gets of them.
  func open() throws(SystemError) -> ProgramStreams {
    let program = ProgramStreams()
    switch streams {
    case .kept(let output, let errors):
      program.output = .some(try output.openForProgram())
      program.errors = .some(try errors.openForProgram())
    case .attended(let conversation): try conversation.open(program)
    }
    return program
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
  func kill() { signal(SIGKILL) }

  /// Lets it know that nobody attends it any more.
  func hangUp() {
    conversation?.hangUp()
    signal(SIGHUP)
    signal(SIGCONT)
  }

  private func signal(_ number: CInt) {
    guard process > 0 else { return }
    _ = system_kill(-process, number)
    _ = system_kill(process, number)
  }

  /// Collects the process, which has ended.
  func collect() {
    var status = system_exit_status()
    _ = system_wait(process, 0, &status)
    process = 0
    var result = failure ?? Self.result(status)
    switch streams {
    case .kept(let output, let errors):
      let (written, complained) = (output.finish(), errors.finish())
      (result.output, result.errors) = (written.bytes, complained.bytes)
      result.cutBytes = written.cutBytes + complained.cutBytes
    case .attended(let conversation): conversation.endOfProgram()
    }
    self.result = result
  }

  /// It has ended, and whoever attends it has all that it wrote.
  var isOver: Bool { result != nil && conversation?.isOver ?? true }

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
