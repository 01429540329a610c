import Basics

@testable import MicroAgent

/// A supervisor under the hands of a test: time stands still until it is moved, and what is asked is told back by hand.
struct SupervisorBench {
  var supervisor = Supervisor(nextID: 1) { 1_700_000_000 }
  var now = Instant(nanoseconds: 1_000_000_000)
  private var nextProcess: Int32 = 100

  static let boot = "boot"

  mutating func wait(milliseconds: UInt64) {
    now = now.advanced(milliseconds: milliseconds)
  }

  mutating func run(_ request: ContainerRequest = plainRequest(), token: UInt64 = 1) -> [Effect] {
    supervisor.run(request, token: token, now: now)
  }

  mutating func start(_ name: String = "dns", token: UInt64 = 2) -> [Effect] {
    supervisor.start(named: name, token: token, now: now)
  }

  mutating func stop(_ name: String = "dns", grace: UInt64 = 1_000, token: UInt64 = 3) -> [Effect] {
    supervisor.stop(named: name, graceMilliseconds: grace, token: token, now: now)
  }

  mutating func remove(_ name: String = "dns", force: Bool = false, token: UInt64 = 4) -> [Effect] {
    supervisor.remove(named: name, force: force, token: token, now: now)
  }

  mutating func tell(_ event: Event, id: UInt64 = 1) -> [Effect] {
    supervisor.handle(event, id: id, now: now)
  }

  /// The newest save is durable.
  mutating func tellSaved(id: UInt64 = 1) -> [Effect] {
    guard let index = supervisor.index(of: id) else { return [] }
    return tell(.saved(revision: supervisor.entries[index].revision), id: id)
  }

  mutating func tellLaunched(id: UInt64 = 1) -> [Effect] {
    nextProcess += 1
    return tell(.launched(Self.process(nextProcess)), id: id)
  }

  /// To the next deadline.
  mutating func tick() -> [Effect] {
    if let deadline = supervisor.nextDeadline { now = max(now, deadline) }
    return supervisor.tick(now: now)
  }

  /// How long from now to the next deadline.
  var pauseMilliseconds: UInt64? {
    supervisor.nextDeadline.map { $0.milliseconds(since: now) }
  }

  static func process(_ number: Int32) -> ProcessIdentity {
    ProcessIdentity(process: number, startTicks: UInt64(number), boot: boot)
  }

  func container(_ id: UInt64 = 1) -> Container? {
    supervisor.container(id: id)
  }

  func phase(_ id: UInt64 = 1) -> Container.Phase? {
    container(id)?.phase
  }

  /// From a launch that was asked for to a program that runs.
  mutating func bringUp(id: UInt64 = 1) {
    _ = tellLaunched(id: id)
    _ = tellSaved(id: id)
    _ = tell(.started, id: id)
    _ = tellSaved(id: id)
  }

  /// From the end of the program until it is put away.
  mutating func bringDown(_ cause: ContainerEnd.Cause = .exited(code: 0), id: UInt64 = 1) {
    _ = tell(.ended(cause), id: id)
    _ = tellSaved(id: id)
    _ = tell(.wasPutAway, id: id)
  }

  /// A container that has come as far as this phase.
  static func at(_ phase: Container.Phase, _ request: ContainerRequest = plainRequest()) -> SupervisorBench {
    var bench = SupervisorBench()
    var request = request
    if phase == .waiting { request.restart = .always }
    _ = bench.run(request)
    if phase == .created { return bench }
    _ = bench.tellLaunched()
    if phase == .starting { return bench }
    _ = bench.tellSaved()
    _ = bench.tell(.started)
    _ = bench.tellSaved()
    switch phase {
    case .stopping: _ = bench.stop()
    case .ended, .waiting: bench.bringDown(.exited(code: 1))
    case .removing:
      bench.bringDown()
      _ = bench.remove()
    case .created, .starting, .running: break
    }
    return bench
  }
}

extension Effect {
  static func done(_ token: UInt64, _ name: String = "dns") -> Effect {
    .reply(token: token, .done(name: name))
  }
}

/// The kind of the refusal that is the only effect; nil: it is something else.
func refusalKind(_ effects: [Effect]) -> RequestError.Kind? {
  guard effects.count == 1, case .reply(_, .failed(let error)) = effects[0] else { return nil }
  return error.kind
}
