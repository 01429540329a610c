import Basics
import Testing

@testable import MicroAgent

/// What a new agent does with each record and each finding.
@Suite struct SupervisorRecoveryTests {
  static let observations: [Observation] = [
    .alive(runsProgram: true), .alive(runsProgram: false), .ended(.exited(code: 5)), .neverRan, .gone("why"),
  ]

  private func record(
    _ phase: Container.Phase, wanted: Bool = true, _ change: (inout ContainerRequest) -> Void = { _ in }
  ) -> Container {
    var container = Container(id: 7, name: "dns", request: plainRequest("dns", change), createdSeconds: 1)
    container.phase = phase
    container.wanted = wanted
    container.starts = 1
    container.process = SupervisorBench.process(50)
    return container
  }

  private func adopt(_ container: Container, _ observation: Observation) -> (SupervisorBench, [Effect]) {
    var bench = SupervisorBench()
    let effects = bench.supervisor.adopt(container, observation, now: bench.now)
    return (bench, effects)
  }

  @Test(arguments: observations) func ended(_ observation: Observation) {
    var (bench, effects) = adopt(record(.ended), observation)
    #expect(effects == [.putAway(id: 7)])
    #expect(bench.tell(.wasPutAway, id: 7) == [])
    #expect(bench.phase(7) == .ended)
    #expect(bench.supervisor.nextDeadline == nil)
  }

  @Test(arguments: observations) func waiting(_ observation: Observation) {
    var waiting = record(.waiting) { $0.restart = .always }
    waiting.restarts = 3
    var (bench, effects) = adopt(waiting, observation)
    #expect(effects == [.putAway(id: 7)])
    #expect(bench.tell(.wasPutAway, id: 7) == [])
    #expect(bench.pauseMilliseconds == 800)
    #expect(bench.tick() == [.launch(id: 7)])
  }

  @Test(arguments: observations) func removing(_ observation: Observation) {
    var (bench, effects) = adopt(record(.removing, wanted: false), observation)
    #expect(effects == [.putAway(id: 7)])
    #expect(bench.tell(.wasPutAway, id: 7) == [.deleteFiles(id: 7), .forget(id: 7)])
    #expect(bench.tell(.forgotten, id: 7) == [.changed(id: 7)])
  }

  @Test(arguments: observations) func created(_ observation: Observation) {
    var (bench, effects) = adopt(record(.created), observation)
    #expect(effects == [.putAway(id: 7)])
    #expect(bench.tell(.wasPutAway, id: 7) == [.launch(id: 7)])
  }

  @Test func aProgramThatRunsIsTakenOver() {
    var (bench, effects) = adopt(record(.running), .alive(runsProgram: true))
    #expect(effects == [])
    #expect(bench.phase(7) == .running)
    #expect(bench.supervisor.nextDeadline == nil)
    _ = bench.tell(.ended(.exited(code: 1)), id: 7)
    #expect(bench.container(7)?.end?.cause == .exited(code: 1))
  }

  @Test func aProgramThatWasJustLetGoIsTakenOver() {
    let (bench, effects) = adopt(record(.starting), .alive(runsProgram: true))
    #expect(effects == [.save(id: 7, revision: 2)])
    #expect(bench.phase(7) == .running)
    #expect(bench.container(7)?.startedSeconds == 1_700_000_000)
  }

  @Test func healthIsWatchedOn() {
    var running = record(.running) { $0.restart = .always }
    running.restarts = 4
    var (bench, _) = adopt(running, .alive(runsProgram: true))
    #expect(bench.pauseMilliseconds == 10_000)
    #expect(bench.tick() == [.save(id: 7, revision: 2)])
    #expect(bench.container(7)?.restarts == 0)
  }

  @Test(arguments: [.starting, .running, .stopping] as [Container.Phase])
  func whatIsNotWantedIsStopped(_ phase: Container.Phase) {
    var (bench, effects) = adopt(record(phase, wanted: false), .alive(runsProgram: true))
    #expect(effects == [.save(id: 7, revision: 2), .changed(id: 7)])
    #expect(bench.phase(7) == .stopping)
    #expect(bench.tellSaved(id: 7) == [.signal(id: 7, signal: 15)])
    #expect(bench.pauseMilliseconds == 10_000)
    _ = bench.tell(.ended(.exited(code: 0)), id: 7)
    #expect(bench.container(7)?.end?.initiator == .stopped)
  }

  /// Regression: a new agent gave it the grace of its request, whatever `stop` had said and however long ago.
  @Test func aStopKeepsItsDeadline() {
    var stopping = record(.stopping, wanted: false) { $0.graceMilliseconds = 60_000 }
    stopping.stopDeadline = SupervisorBench().now.advanced(milliseconds: 300)
    var (bench, effects) = adopt(stopping, .alive(runsProgram: true))
    #expect(effects == [.save(id: 7, revision: 2), .changed(id: 7)])
    #expect(bench.container(7)?.stopDeadline == stopping.stopDeadline)
    #expect(bench.tellSaved(id: 7) == [.signal(id: 7, signal: 15)])
    #expect(bench.pauseMilliseconds == 300)
    #expect(bench.tick() == [.killAll(id: 7)])
    // It has passed while there was no agent.
    stopping.stopDeadline = Instant(nanoseconds: 5)
    (bench, _) = adopt(stopping, .alive(runsProgram: true))
    #expect(bench.tellSaved(id: 7) == [.killAll(id: 7)])
  }

  @Test(arguments: [.starting, .running] as [Container.Phase], [Observation.neverRan, .alive(runsProgram: false)])
  func halfAStartIsUndoneAndDoneAgain(_ phase: Container.Phase, _ observation: Observation) {
    var (bench, effects) = adopt(record(phase), observation)
    #expect(effects.last == .putAway(id: 7))
    #expect(effects.contains(.killAll(id: 7)) == (observation != .neverRan))
    // Regression: the end of the half was taken for an end of the container.
    #expect(bench.tell(.ended(.killed(signal: 9)), id: 7) == [])
    #expect(bench.tell(.wasPutAway, id: 7) == [.launch(id: 7)])
    bench.bringUp(id: 7)
    #expect(bench.container(7)?.starts == 1)
  }

  /// Regression: it was removed as one that was never acknowledged. It may have been: a process that is killed between its
  /// go byte and its program leaves no other trace.
  @Test func halfAStartThatCannotBeDoneAgainIsKept() {
    for launches in [false, true] {
      var (bench, _) = adopt(record(.starting), .neverRan)
      #expect(bench.tell(.wasPutAway, id: 7) == [.launch(id: 7)])
      if launches { _ = bench.tellLaunched(id: 7) }
      #expect(bench.tell(.startFailed("why"), id: 7).last == .save(id: 7, revision: launches ? 3 : 2))
      #expect(bench.phase(7) == .ended)
      #expect(bench.container(7)?.end == ContainerEnd(cause: .failedToStart("why")))
    }
  }

  /// Regression: it stayed in the record as starting, and one with --rm stayed for ever.
  @Test(
    arguments: [.starting, .running, .stopping] as [Container.Phase],
    [Observation.neverRan, .alive(runsProgram: false)])
  func halfAStartThatIsNotWantedHasEnded(_ phase: Container.Phase, _ observation: Observation) {
    for removes in [false, true] {
      var (bench, effects) = adopt(record(phase, wanted: false) { $0.removesWhenEnded = removes }, observation)
      #expect(effects.suffix(2) == [.changed(id: 7), .save(id: 7, revision: 2)])
      #expect(bench.container(7)?.end?.exitCode == 125)
      #expect(bench.container(7)?.end?.initiator == .stopped)
      #expect(bench.tellSaved(id: 7) == [.putAway(id: 7)])
      let last = bench.tell(.wasPutAway, id: 7)
      #expect(last == (removes ? [.deleteFiles(id: 7), .forget(id: 7)] : []))
      #expect(bench.phase(7) == (removes ? .removing : .ended))
    }
  }

  @Test(
    arguments: [.starting, .running, .stopping] as [Container.Phase],
    [Observation.ended(.exited(code: 5)), .gone("why")])
  func anEndThatWasMissedIsTold(_ phase: Container.Phase, _ observation: Observation) {
    let (bench, effects) = adopt(record(phase, wanted: phase != .stopping), observation)
    #expect(effects == [.changed(id: 7), .save(id: 7, revision: 2)])
    #expect(bench.phase(7) == .ended)
    let cause: ContainerEnd.Cause = observation == .gone("why") ? .unknown("why") : .exited(code: 5)
    // Regression: a stop before the crash was forgotten.
    let initiator: ContainerEnd.Initiator = phase == .stopping ? .stopped : .none
    #expect(bench.container(7)?.end == ContainerEnd(cause: cause, demand: .init(initiator)))
  }

  @Test(arguments: [.starting, .running] as [Container.Phase])
  func anEndThatWasMissedIsFollowedByItsPolicy(_ phase: Container.Phase) {
    var (bench, _) = adopt(record(phase) { $0.restart = .onFailure(maximumRestarts: nil) }, .gone("why"))
    #expect(bench.phase(7) == .waiting)
    #expect(bench.tellSaved(id: 7) == [.putAway(id: 7)])
    _ = bench.tell(.wasPutAway, id: 7)
    #expect(bench.tick() == [.launch(id: 7)])
    #expect(adopt(record(phase) { $0.removesWhenEnded = true }, .gone("why")).0.phase(7) == .removing)
    #expect(adopt(record(phase, wanted: false) { $0.restart = .always }, .gone("why")).0.phase(7) == .ended)
  }

  @Test func requestsMeetARecoveryUnderWay() {
    var (bench, _) = adopt(record(.starting), .neverRan)
    #expect(bench.start() == [])
    #expect(bench.stop() == [])
    let line = "container dns: its program never ran, stopped on request of the owner"
    #expect(bench.tell(.wasPutAway, id: 7) == [.changed(id: 7), .save(id: 7, revision: 2)])
    #expect(bench.tellSaved(id: 7) == [.reply(token: 2, .failed(RequestError(.failed, line))), .done(3)])
    (bench, _) = adopt(record(.starting), .neverRan)
    #expect(bench.remove(force: true) == [])
    _ = bench.tell(.wasPutAway, id: 7)
    #expect(bench.phase(7) == .removing)
    #expect(bench.tellSaved(id: 7) == [.deleteFiles(id: 7), .forget(id: 7)])
  }
}
