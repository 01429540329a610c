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
    (alarm, onEnd) = (nil, nil)
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
    let plan = try launcher.execPlan(wish, name: container.name)
    guard try execs.begin(name, request, now: loop.now) else { return }
    defer { setAlarm() }
    do throws(RequestError) {
      running.append(try start(plan, name, container.name, process))
    } catch {
      execs.cancel(name)
      throw error
    }
  }

  private func start(
    _ plan: LaunchPlan, _ name: ExecName, _ container: String, _ process: CInt
  ) throws(RequestError) -> RunningExec {
    let exec = try explained(container) { () throws(SystemError) in try RunningExec(name, plan, on: loop) }
    let output = try explained(container) { () throws(SystemError) in try exec.output.openForProgram() }
    let errors = try explained(container) { () throws(SystemError) in try exec.errors.openForProgram() }
    let started = try launcher.start(plan, output: output, errors: errors, container: process)
    do throws(SystemError) {
      try exec.take(started, on: loop) { [unowned(unsafe) self] in ended(exec) }
    } catch {
      throw Self.failure(container, error)
    }
    return exec
  }

  private func explained<Value: ~Copyable>(
    _ container: String, _ body: () throws(SystemError) -> Value
  ) throws(RequestError) -> Value {
    do throws(SystemError) { return try body() } catch { throw Self.failure(container, error) }
  }

  private static func failure(_ container: String, _ error: SystemError) -> RequestError {
    RequestError(.failed, "container \(container): \(error)")
  }

  private func ended(_ exec: RunningExec) {
    running.removeAll { $0 === exec }
    execs.end(exec.name, exec.finish(), now: loop.now)
    setAlarm()
    onEnd?(exec.name)
  }

  private func tick() {
    let due = execs.tick(now: loop.now)
    for exec in running where due.contains(exec.name) { exec.kill() }
    setAlarm()
  }

  private func setAlarm() { alarm?.set(execs.nextDeadline) }

  /// The container is gone, and with it all that ran in it.
  func forget(container: UInt64) {
    execs.forget(container: container)
    setAlarm()
  }

  /// What came of one, which is then forgotten.
  func take(_ name: ExecName) -> ExecResult? { execs.take(name) }

  func value(of name: ExecName) -> CBORValue? { execs.value(of: name) }
}
