import CSystem
import EventLoop
import LinuxSystem
import MicroAgent
import Store

/// What watchdogs are told: the service manager's and the board's.
extension Agent {
  /// Tells the service manager that all is well, as often as it asked for.
  func feedWatchdog(every period: UInt64) throws(SystemError) {
    let timer = try Timer(on: loop) { [self] in
      if isWell() { manager.tell("WATCHDOG=1") }
      watchdogTimer?.start(milliseconds: period)
    }
    timer.start(milliseconds: period)
    watchdogTimer = timer
  }

  /// Whether a watchdog may be told that all is well. Why not is told once.
  func isWell() -> Bool {
    let problem = health.problem(
      oldestWrite: store.oldestUnanswered, hasKeeper: system_parent() == keeperProcess, now: loop.now)
    if let problem, problem != illness { Diagnostics.line("\(problem): no watchdog is told that the agent is well") }
    illness = problem
    return problem == nil
  }
}
