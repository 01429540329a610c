import EventLoop
import MicroAgent

/// Containers are asked from time to time whether they are well, by a program that is run in them.
extension Agent {
  func followHealth(of container: Container) {
    checks.follow(container, now: loop.now)
    checkAlarm?.set(checks.nextDeadline)
  }

  /// Begins the checks that are due.
  func checkHealth() {
    for name in checks.tick(now: loop.now) {
      do throws(RequestError) { try beginCheck(name) } catch {
        checked(name, ExecResult(exitCode: ExecResult.notRun, reason: "\(error)"))
      }
    }
    checkAlarm?.set(checks.nextDeadline)
  }

  private func beginCheck(_ name: ExecName) throws(RequestError) {
    guard let container = supervisor.container(id: name.container), let check = container.request.health,
      let process = host.find(container.id)?.child?.pidfd
    else { throw RequestError(.conflict, "it does not run") }
    try execs.run(name, check.exec, in: container, process: process)
  }

  /// A check's program has ended.
  func checkEnded(_ name: ExecName) {
    if let result = execs.collect(name) { checked(name, result) }
    // Another one may have waited for its turn.
    checkHealth()
  }

  private func checked(_ name: ExecName, _ result: ExecResult) {
    guard let health = checks.checked(name, result, now: loop.now) else { return }
    noteHealth(health, of: name.container)
    perform(supervisor.noteHealth(health, id: name.container))
  }
}
