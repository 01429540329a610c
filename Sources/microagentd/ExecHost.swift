import Basics
import CSystem
import ContainerRunner
import EventLoop
import LinuxSystem
import MicroAgent
import Microcloud

/// Runs programs in containers that run already, and keeps for a while what came of them.
///
/// They die with the agent, of which they are children, and with their container: nothing of them is recorded.
final class ExecHost {
  private let loop: EventLoop
  private let launcher: Launcher
  private var execs = Execs()
  private var running: [RunningExec] = []
  private var alarm: Alarm?
  /// Called when one has ended.
  var onEnd: ((ExecName) -> Void)?
  /// Called when one that is attended has written something.
  var onOutput: ((ExecOutput) -> Void)?

  init(_ launcher: Launcher, on loop: EventLoop) throws(StartError) {
    self.loop = loop
    self.launcher = launcher
    do throws(SystemError) {
      alarm = try Alarm(on: loop) { [unowned(unsafe) self] in tick() }
    } catch {
      throw StartError("\(error)")
    }
  }

  /// Lets go of everything; what runs is killed when the agent ends.
  func close() {
    for exec in running { exec.close() }
    running = []
    alarm?.close()
    (alarm, onEnd, onOutput) = (nil, nil, nil)
  }

  /// Sets a program going; what is wrong with it later is how it ended.
  ///
  /// - Parameter process: a pidfd of the container's first process.
  func run(
    _ name: ExecName, _ request: ExecRequest, in container: Container, process: CInt
  ) throws(RequestError) {
    guard container.request.userNamespace || system_program_is_unwritable() != 0 else {
      let why = "root in it is root on the board, who could overwrite the agent's program"
      throw RequestError(.failed, "container \(container.name): \(why): for an exec use Linux 5.12 or newer")
    }
    let wish = request.applied(to: container.request)
    if let problem = wish.problem { throw RequestError(.invalid, problem) }
    let plan = try launcher.execPlan(wish, name: container.name, streams: Self.streams(of: request))
    guard try execs.begin(name, request, now: loop.now) else { return }
    defer { setAlarm() }
    do throws(RequestError) {
      running.append(try start(plan, name, request, container.name, process))
    } catch {
      execs.cancel(name)
      throw error
    }
  }

  private static func streams(of request: ExecRequest) -> ExecStreams {
    guard let size = request.terminal else { return request.hasInput ? .inputAndOutput : .output }
    return .terminal(ConsoleSpec(rows: UInt32(size.rows), columns: UInt32(size.columns)))
  }

  private func start(
    _ plan: LaunchPlan, _ name: ExecName, _ request: ExecRequest, _ container: String, _ process: CInt
  ) throws(RequestError) -> RunningExec {
    let exec: RunningExec
    let streams: ProgramStreams
    do throws(SystemError) {
      exec = try RunningExec(name, plan, request, on: loop)
      streams = try exec.open()
    } catch {
      throw Self.failure(container, error)
    }
    let started = try launcher.start(plan, streams.descriptors(container: process))
    do throws(SystemError) {
      try exec.take(started, on: loop) { [unowned(unsafe) self] in
        exec.collect()
        settle(exec)
      }
    } catch {
      throw Self.failure(container, error)
    }
    exec.conversation?.onChange = { [unowned(unsafe) self] in onOutput?($0) }
    return exec
  }

  private static func failure(_ container: String, _ error: SystemError) -> RequestError {
    RequestError(.failed, "container \(container): \(error)")
  }

  /// Notes the end of one, where nothing of it is to be waited for.
  private func settle(_ exec: RunningExec) {
    guard exec.isOver, let result = exec.result else { return }
    running.removeAll { $0 === exec }
    exec.close()
    execs.end(exec.name, result, now: loop.now)
    setAlarm()
    onEnd?(exec.name)
  }

  private func tick() {
    for due in execs.tick(now: loop.now) {
      switch due {
      case .hangUp(let name): if let exec = find(name) { hangUp(exec) }
      case .kill(let name): find(name)?.kill()
      }
    }
    setAlarm()
  }

  private func find(_ name: ExecName) -> RunningExec? { running.first { $0.name == name } }

  private func hangUp(_ exec: RunningExec) {
    exec.hangUp()
    settle(exec)
  }

  private func setAlarm() { alarm?.set(execs.nextDeadline) }

  /// The container is gone, and with it all that ran in it.
  func forget(container: UInt64) {
    execs.forget(container: container)
    for exec in running where exec.name.container == container { hangUp(exec) }
    setAlarm()
  }

  /// What came of one, which is then forgotten.
  func collect(_ name: ExecName) -> ExecResult? { execs.collect(name) }

  // MARK: Whoever attends one

  /// What a program writes to a stream; nil: it has ended, and all of that was taken.
  func output(of name: ExecName, _ stream: Attendance.Stream) throws(RequestError) -> ExecOutput? {
    guard let conversation = try heard(name) else { return nil }
    guard stream == .errors else { return conversation.output }
    guard let errors = conversation.errors else {
      throw RequestError(.conflict, "exec \(name.number): at a terminal errors are output")
    }
    return errors
  }

  func take(_ name: ExecName, output: UInt64, errors: UInt64) throws(RequestError) {
    guard let conversation = try heard(name), let exec = find(name) else { return }
    try conversation.output.take(to: output)
    try conversation.errors?.take(to: errors)
    settle(exec)
  }

  /// Calls `answer` once the program has the piece, or does not want it.
  func give(_ name: ExecName, _ piece: InputPiece, _ answer: @escaping ExecInput.Answer) throws(RequestError) {
    guard let conversation = try heard(name) else { return answer(nil) }
    try conversation.input.take(piece, answer)
  }

  func resize(_ name: ExecName, to size: TerminalSize) throws(RequestError) {
    try heard(name)?.resize(to: size)
  }

  func hangUp(_ name: ExecName) throws(RequestError) {
    guard try execs.hangUp(name, now: loop.now), let exec = find(name) else { return }
    hangUp(exec)
    setAlarm()
  }

  /// Notes that somebody is there. Nil: the program has ended.
  @discardableResult
  private func heard(_ name: ExecName) throws(RequestError) -> ExecConversation? {
    try execs.heard(name, now: loop.now)
    setAlarm()
    return find(name)?.conversation
  }

  func value(of name: ExecName) -> CBORValue? { execs.value(of: name) }
}
