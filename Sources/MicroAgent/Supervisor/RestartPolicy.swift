import Basics

/// Whether a container that ended is started again; `stop` overrides every policy.
public enum RestartPolicy: Equatable, Sendable, CustomStringConvertible {
  case no
  /// After an end other than exit code 0; at most so many times in a row, where a number is given.
  case onFailure(maximumRestarts: UInt32?)
  /// After every end, and when the board starts.
  case always

  /// The first pause before a restart; each further one in a row is twice as long, up to the cap.
  public static let firstPauseMilliseconds: UInt64 = 100
  public static let longestPauseMilliseconds: UInt64 = 60_000
  /// A container that ran this long is steady again: the next pause is the first one.
  public static let steadyAfterMilliseconds: UInt64 = 10_000

  /// The pause before restart number `restarts` in a row, counted from 0.
  public static func pauseMilliseconds(beforeRestart restarts: UInt32) -> UInt64 {
    let doublings = min(restarts, 16)
    return min(firstPauseMilliseconds << UInt64(doublings), longestPauseMilliseconds)
  }

  /// Whether to start again after `cause`, when `restarts` were made in a row already.
  public func restarts(after cause: ContainerEnd.Cause, restarts: UInt32) -> Bool {
    switch self {
    case .no: return false
    case .always: return true
    case .onFailure(let maximum):
      if cause == .exited(code: 0) { return false }
      guard let maximum else { return true }
      return restarts < maximum
    }
  }

  /// As on the command line: `no`, `on-failure`, `on-failure:3`, `always`.
  public var description: String {
    switch self {
    case .no: return "no"
    case .always: return "always"
    case .onFailure(nil): return "on-failure"
    case .onFailure(.some(let maximum)): return "on-failure:\(maximum)"
    }
  }

  /// Reads what `description` writes; nil for anything else.
  public init?(_ text: String) {
    switch text {
    case "no": self = .no
    case "always": self = .always
    case "on-failure": self = .onFailure(maximumRestarts: nil)
    default:
      let prefix = Array("on-failure:".utf8)
      let bytes = Array(text.utf8)
      guard bytes.starts(with: prefix), let number = Decimal.parse(bytes[prefix.count...]),
        let maximum = UInt32(exactly: number)
      else { return nil }
      self = .onFailure(maximumRestarts: maximum)
    }
  }
}
