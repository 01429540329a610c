import Basics
import CSystem
import MicroAgent

/// Places where a test lets the agent die as by `kill -9`, to see that nothing is lost or doubled.
///
/// Each step of a start, a stop, a removal, and of a lease's beginning and end passes one. `MICROAGENT_CRASH_AT=start:7` in the environment of the first
/// agent of a keeper kills it at the seventh that it passes after a request to start came in; `start:7:keeper` kills its
/// keeper, too, just before it. Agents that the keeper starts again pass unharmed. Without the variable a point costs a
/// comparison.
enum CrashPoint {
  /// The requests whose steps are counted.
  enum Operation {
    /// To stop is also to kill.
    case run, start, stop, update, remove, lease, confirm, release
    /// Making or removing one.
    case image
  }

  private struct Plan {
    let operation: Operation
    let number: UInt64
    let takesKeeper: Bool
  }

  nonisolated(unsafe) private static var plan: Plan?
  /// Points passed since the request came; nil before.
  nonisolated(unsafe) private static var passed: UInt64?

  /// Reads the environment.
  static func arm(_ life: AgentLife) {
    guard life.generation == 1, let text = getenv("MICROAGENT_CRASH_AT") else { return }
    let words = ASCII.split(Array(String(cString: text).utf8)[...], at: UInt8(ascii: ":"))
    guard words.count >= 2, let operation = operation(ASCII.string(words[0])), let number = Decimal.parse(words[1]),
      words.count == 2 || words.count == 3 && ASCII.string(words[2]) == "keeper"
    else { return Diagnostics.line("MICROAGENT_CRASH_AT: give a request, as run or release, and a number, as stop:3") }
    plan = Plan(operation: operation, number: number, takesKeeper: words.count == 3)
  }

  private static func operation(_ word: String) -> Operation? {
    switch word {
    case "run": .run
    case "start": .start
    case "stop": .stop
    case "update": .update
    case "remove": .remove
    case "lease": .lease
    case "confirm": .confirm
    case "release": .release
    case "image": .image
    default: nil
    }
  }

  /// A request came in: counting begins if it is the one that is to be broken off, and ends if it is the one after that.
  static func begin(_ operation: Operation) {
    if passed != nil { plan = nil }
    if plan?.operation == operation { passed = 0 }
  }

  /// - Parameter step: what is about to happen, or just has, for messages.
  static func pass(_ step: @autoclosure () -> String) {
    guard passAll(1, { _ in step() }) != nil else { return }
    for process in victims { _ = system_kill(process, SIGKILL) }
  }

  /// Passes the points of another process beforehand. Which of them is the one, from 0: there that process is to kill
  /// the `victims`.
  static func passAll(_ count: Int, _ step: (Int) -> String) -> Int? {
    guard let plan, let before = passed else { return nil }
    passed = before + UInt64(count)
    guard plan.number > before, plan.number <= before + UInt64(count) else { return nil }
    let index = Int(plan.number - before - 1)
    Diagnostics.line("crash point \(plan.number): \(step(index))")
    return index
  }

  /// The agent, after its keeper if that is to die, too.
  static var victims: [Int32] { (plan?.takesKeeper == true ? [system_parent()] : []) + [system_self()] }
}

extension Effect {
  /// What a crash point before it is called.
  var crashPointName: String {
    switch self {
    case .launch: "before launch"
    case .save: "before save"
    case .release: "before release"
    case .signal(_, let signal): "before signal \(signal)"
    case .killAll: "before killing all"
    case .throttle: "before throttling"
    case .pause: "before pausing"
    case .shrink: "before lowering its memory limit"
    case .limit: "before setting its limits"
    case .putAway: "before putting away"
    case .deleteFiles: "before deleting files"
    case .forget: "before forgetting"
    case .reply: "before the reply"
    case .changed, .leaseChanged: "before telling observers"
    case .saveLease: "before the lease's save"
    case .forgetLease: "before forgetting the lease"
    }
  }
}
