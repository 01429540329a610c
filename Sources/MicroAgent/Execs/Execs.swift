import Basics
import Microcloud

/// Which exec it is: the client chose the number, so that it can ask again without running the program twice.
public struct ExecName: Hashable, Sendable {
  public let container: UInt64
  public let number: UInt32
  /// No client asked for it: the node itself looks whether the container is well.
  public let isCheck: Bool

  public init(container: UInt64, number: UInt32) {
    self.container = container
    self.number = number
    isCheck = false
  }

  /// The check of a container in its so many-th run.
  init(checkOf container: UInt64, run: UInt32) {
    self.container = container
    number = run
    isCheck = true
  }
}

/// What came of an exec.
public struct ExecResult: Equatable, Sendable {
  /// As a shell shows it.
  public var exitCode: UInt8
  /// For people.
  public var reason: String
  /// The last of what the program wrote to standard output and standard error.
  public var output: [UInt8] = []
  public var errors: [UInt8] = []
  /// How much of both is not kept.
  public var cutBytes: UInt64 = 0

  /// As of a program that could not be run, in a shell: it is not there, it is none that may be run, or it did not come to that.
  public static let notFound: UInt8 = 127
  public static let notExecutable: UInt8 = 126
  public static let notRun: UInt8 = 125

  public init(exitCode: UInt8, reason: String) {
    self.exitCode = exitCode
    self.reason = reason
  }
}

/// What is run in containers beside their own programs: how much at once, for how long, and what came of it.
///
/// One that somebody attends has no limit of time. It is there as long as something is asked of it now and then; else it is
/// hung up, as if its terminal were gone, and killed where it does not end by that.
///
/// It does nothing itself, and never reads a clock: whoever runs the programs asks it first, tells it how they end, and calls
/// `tick` at `nextDeadline`.
public struct Execs: Sendable {
  public static let mostInContainer = 4
  public static let mostOnNode = 8
  /// Those that have ended counted.
  static let mostKept = 16
  public static let keptMilliseconds: UInt64 = 60_000
  /// Of standard output and of standard error each.
  public static let outputBytes: UInt64 = 16 * 1024

  /// Of those that somebody attends: each keeps some ten KiB of what goes to and fro.
  public static let mostAttended = 4
  /// Who attends one asks something of it more often than this.
  public static let absenceMilliseconds: UInt64 = 30_000
  /// How long one has after it was hung up.
  public static let hangUpMilliseconds: UInt64 = 10_000

  /// What is to be done to one now.
  public enum Due: Equatable, Sendable {
    case hangUp(ExecName)
    case kill(ExecName)
  }

  private struct Entry {
    let name: ExecName
    let request: ExecRequest
    /// Nil: it runs.
    var result: ExecResult?
    /// When it is killed, or hung up; once it has ended, when it is forgotten. Nil: it was killed.
    var deadline: Instant?
    var isHungUp = false
    /// Why it ended, where it was made to; nil: as its result says.
    var reason: String?
  }

  /// In the order in which they began.
  private var entries: [Entry] = []

  public init() {}

  /// Notes that a program is to be run. False: it was before, by the same request.
  public mutating func begin(
    _ name: ExecName, _ request: ExecRequest, now: Instant
  ) throws(RequestError) -> Bool {
    if let entry = entries.first(where: { $0.name == name }) {
      if entry.request == request { return false }
      throw RequestError(.conflict, "exec \(name.number): that number is taken: choose another")
    }
    // How many checks there are at once, `HealthChecks` says.
    if !name.isCheck { try refuseTooMany(request, in: name.container) }
    if entries.count >= Self.mostKept { makeRoom(in: name.container) }
    let patience = request.isAttended ? Self.absenceMilliseconds : request.timeLimitMilliseconds
    let deadline = now.advanced(milliseconds: patience)
    entries.append(Entry(name: name, request: request, deadline: deadline))
    return true
  }

  private func refuseTooMany(_ request: ExecRequest, in container: UInt64) throws(RequestError) {
    let running = entries.filter { $0.result == nil && !$0.name.isCheck }
    if running.count(where: { $0.name.container == container }) >= Self.mostInContainer {
      throw RequestError(
        .noRoom, "exec: \(Self.mostInContainer) programs run in this container already: wait until one has ended")
    }
    if running.count >= Self.mostOnNode {
      throw RequestError(.noRoom, "exec: \(Self.mostOnNode) programs run on this node already: try again later")
    }
    if request.isAttended, running.count(where: { $0.request.isAttended }) >= Self.mostAttended {
      throw RequestError(
        .noRoom, "exec: \(Self.mostAttended) programs with input or terminal run on this node already: try again later")
    }
  }

  /// Forgets the oldest that has ended, of the same container where there is one: who runs much forgets its own.
  private mutating func makeRoom(in container: UInt64) {
    let own = entries.firstIndex { $0.result != nil && $0.name.container == container }
    if let oldest = own ?? entries.firstIndex(where: { $0.result != nil }) { entries.remove(at: oldest) }
  }

  /// Takes back what was noted of one that came to nothing.
  public mutating func cancel(_ name: ExecName) {
    entries.removeAll { $0.name == name }
  }

  /// Notes what came of one.
  public mutating func end(_ name: ExecName, _ result: ExecResult, now: Instant) {
    guard let index = index(of: name) else { return }
    var result = result
    if let reason = entries[index].reason { result.reason = reason }
    entries[index].result = result
    entries[index].deadline = now.advanced(milliseconds: Self.keptMilliseconds)
  }

  /// What came of one, which is then forgotten; nil: it has not ended, or is not known.
  public mutating func collect(_ name: ExecName) -> ExecResult? {
    guard let index = index(of: name), let result = entries[index].result else { return nil }
    entries.remove(at: index)
    return result
  }

  /// Whoever attends one is there.
  public mutating func heard(_ name: ExecName, now: Instant) throws(RequestError) {
    let index = try attended(name)
    guard entries[index].result == nil else { return }
    guard !entries[index].isHungUp else { throw RequestError(.conflict, "exec \(name.number): it was hung up") }
    entries[index].deadline = now.advanced(milliseconds: Self.absenceMilliseconds)
  }

  /// Notes that one is hung up. False: it was before, or has ended.
  public mutating func hangUp(_ name: ExecName, now: Instant) throws(RequestError) -> Bool {
    let index = try attended(name)
    if entries[index].isHungUp || entries[index].result != nil { return false }
    hangUp(index, now: now)
    return true
  }

  private mutating func hangUp(_ index: Int, now: Instant) {
    entries[index].isHungUp = true
    entries[index].deadline = now.advanced(milliseconds: Self.hangUpMilliseconds)
  }

  private func attended(_ name: ExecName) throws(RequestError) -> Int {
    guard let index = index(of: name) else { throw Self.unknown(name) }
    guard entries[index].request.isAttended else {
      throw RequestError(.conflict, "exec \(name.number): it was begun without input and terminal")
    }
    return index
  }

  /// There is none of that name.
  public static func unknown(_ name: ExecName) -> RequestError {
    RequestError(
      .notFound,
      "exec \(name.number): it is not known here: it never began, or the agent was started again, or it is too long ago"
    )
  }

  /// What is to be done now. What has been known for long enough is forgotten.
  public mutating func tick(now: Instant) -> [Due] {
    var due: [Due] = []
    entries.removeAll { $0.result != nil && $0.deadline.map { $0 <= now } ?? false }
    for index in entries.indices {
      guard let deadline = entries[index].deadline, deadline <= now else { continue }
      let entry = entries[index]
      if entry.request.isAttended, !entry.isHungUp {
        hangUp(index, now: now)
        entries[index].reason = "hung up, as nobody attended it for \(Self.absenceMilliseconds / 1000) s"
        due.append(.hangUp(entry.name))
        continue
      }
      entries[index].deadline = nil
      if !entry.request.isAttended {
        entries[index].reason = "killed when its time was over, \(entry.request.timeLimitMilliseconds / 1000) s"
      }
      due.append(.kill(entry.name))
    }
    return due
  }

  /// When `tick` must next be called; nil: not before something else happens.
  public var nextDeadline: Instant? { entries.compactMap { $0.deadline }.min() }

  /// The container is gone.
  public mutating func forget(container: UInt64) {
    entries.removeAll { $0.name.container == container }
  }

  /// What is so; nil: there is none of that name, or it is too long ago.
  public func value(of name: ExecName) -> CBORValue? {
    index(of: name).map { entries[$0].result?.value ?? ExecResult.stillRuns }
  }

  private func index(of name: ExecName) -> Int? {
    entries.firstIndex { $0.name == name }
  }
}

extension ExecResult {
  /// What is told while there is no result.
  fileprivate static var stillRuns: CBORValue {
    var map = CBORMap()
    map[.phase] = .text(Container.Phase.running.description)
    return .map(map)
  }

  fileprivate var value: CBORValue {
    var end = CBORMap()
    end[.exitCode] = .unsigned(UInt64(exitCode))
    end[.reason] = .text(reason)
    var map = CBORMap()
    map[.phase] = .text(Container.Phase.ended.description)
    map[.end] = .map(end)
    map[.output] = .bytes(output)
    map[.errors] = .bytes(errors)
    map[.cutBytes] = .unsigned(cutBytes)
    return .map(map)
  }
}
