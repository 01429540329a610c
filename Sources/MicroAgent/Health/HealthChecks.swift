import Basics

/// What a container's health check has found.
public enum ContainerHealth: Equatable, Sendable, CustomStringConvertible {
  /// It was not healthy yet, and may take its time.
  case starting
  case healthy
  /// The line says what the last check said, or what became of it.
  case unhealthy(String)

  public var description: String {
    switch self {
    case .starting: "starting"
    case .healthy: "healthy"
    case .unhealthy: "unhealthy"
    }
  }
}

/// When which container's health is checked, and what follows of what the checks find.
///
/// It does nothing itself, and never reads a clock: whoever runs the checks calls `tick` at `nextDeadline`, and tells what
/// became of each. What was found is not recorded: a new agent begins with it anew.
public struct HealthChecks: Sendable {
  /// Checks at one time on a node; others wait for their turn.
  public static let mostAtOnce = 4

  private struct Entry {
    let id: UInt64
    /// Which run of the container it is.
    let starts: UInt32
    let check: HealthCheck
    /// Until then failures do not count.
    let startEnds: Instant
    var health = ContainerHealth.starting
    /// In a row.
    var failures: UInt64 = 0
    /// When it is checked next; nil: it is being checked, or it is paused.
    var due: Instant?
    var isChecking = false
    var isPaused = false
    /// It was paused in the midst of its check, which therefore says nothing.
    var ignoresCheck = false
  }

  private var entries: [Entry] = []

  public init() {}

  /// The container is as it is: checks of it begin, rest, go on or end.
  public mutating func follow(_ container: Container, now: Instant) {
    let index = entries.firstIndex { $0.id == container.id }
    guard container.phase == .running, let check = container.request.health else {
      if let index { entries.remove(at: index) }
      return
    }
    if let index, entries[index].starts == container.starts {
      return setPaused(index, container.isPaused, now)
    }
    if let index { entries.remove(at: index) }
    var entry = Entry(
      id: container.id, starts: container.starts, check: check,
      startEnds: now.advanced(milliseconds: check.startMilliseconds))
    entry.isPaused = container.isPaused
    entry.due = entry.isPaused ? nil : now.advanced(milliseconds: check.intervalMilliseconds)
    entries.append(entry)
  }

  private mutating func setPaused(_ index: Int, _ isPaused: Bool, _ now: Instant) {
    if entries[index].isPaused == isPaused { return }
    entries[index].isPaused = isPaused
    if entries[index].isChecking {
      entries[index].ignoresCheck = true
    } else {
      entries[index].due = isPaused ? nil : now.advanced(milliseconds: entries[index].check.intervalMilliseconds)
    }
  }

  /// Those to be checked now: each is answered by `checked`.
  public mutating func tick(now: Instant) -> [ExecName] {
    var begun: [ExecName] = []
    while checking < Self.mostAtOnce, let index = earliestDue, let due = entries[index].due, due <= now {
      entries[index].due = nil
      entries[index].isChecking = true
      entries[index].ignoresCheck = false
      begun.append(ExecName(checkOf: entries[index].id, run: entries[index].starts))
    }
    return begun
  }

  /// When `tick` must next be called; nil: not before something else happens.
  public var nextDeadline: Instant? {
    checking < Self.mostAtOnce ? earliestDue.flatMap { entries[$0].due } : nil
  }

  private var checking: Int { entries.count { $0.isChecking } }

  /// Who has waited for longest.
  private var earliestDue: Int? {
    entries.indices.filter { entries[$0].due != nil }.min { Self.comesFirst(entries[$0].due, entries[$1].due) }
  }

  private static func comesFirst(_ one: Instant?, _ other: Instant?) -> Bool {
    guard let one, let other else { return false }
    return one < other
  }

  /// What became of a check. The container's health, if that changes it.
  public mutating func checked(_ name: ExecName, _ result: ExecResult, now: Instant) -> ContainerHealth? {
    let index = entries.firstIndex { $0.id == name.container && $0.starts == name.number && $0.isChecking }
    guard let index else { return nil }
    let check = entries[index].check
    entries[index].isChecking = false
    if !entries[index].isPaused { entries[index].due = now.advanced(milliseconds: check.intervalMilliseconds) }
    if entries[index].ignoresCheck { return nil }
    let before = entries[index].health
    if result.exitCode == 0 {
      entries[index].failures = 0
      entries[index].health = .healthy
    } else if before != .starting || entries[index].startEnds <= now {
      entries[index].failures += 1
      if entries[index].failures >= check.retries { entries[index].health = .unhealthy(result.line) }
    }
    // What an unhealthy one says anew is no news.
    if case (.unhealthy, .unhealthy) = (before, entries[index].health) { return nil }
    return entries[index].health == before ? nil : entries[index].health
  }
}

extension ExecResult {
  /// As many bytes of what a check writes are shown.
  static let mostLineBytes = 128

  /// What it said last, or how it ended where it said nothing.
  fileprivate var line: String {
    let lines = ASCII.split((errors.isEmpty ? output : errors)[...], at: UInt8(ascii: "\n"))
    guard let last = lines.last(where: { !$0.isEmpty }) else { return reason }
    let plain = last.prefix(Self.mostLineBytes).map { (0x20..<0x7F).contains($0) ? $0 : UInt8(ascii: "?") }
    return "\(reason): \(ASCII.string(plain))"
  }
}
