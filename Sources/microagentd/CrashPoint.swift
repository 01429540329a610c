import Basics
import CSystem

/// Places where a test lets the agent die as by `kill -9`, to see that nothing is lost or doubled.
///
/// Each step of a start, a stop and a removal passes one. With `MICROAGENT_CRASH_AT=7` in its environment the first agent of
/// a keeper dies at the seventh it passes; without it they cost a comparison.
enum CrashPoint {
  nonisolated(unsafe) private static var remaining: UInt64 = 0

  static func arm(_ life: AgentLife) {
    guard life.generation == 1, let text = getenv("MICROAGENT_CRASH_AT") else { return }
    remaining = Decimal.parse(String(cString: text)) ?? 0
  }

  static func pass() {
    guard remaining > 0 else { return }
    remaining -= 1
    if remaining == 0 { _ = system_kill(system_self(), SIGKILL) }
  }
}
