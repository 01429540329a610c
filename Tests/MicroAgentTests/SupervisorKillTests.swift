import Basics
import Testing

@testable import MicroAgent

@Suite struct SupervisorKillTests {
  private static let ana = Principal(thumbprint: [UInt8](repeating: 1, count: 32), role: .member)

  private func kill(
    _ bench: inout SupervisorBench, _ signal: UInt64 = 9, by principal: Principal = .owner, token: UInt64 = 7
  ) -> [Effect] {
    bench.supervisor.kill(named: "dns", signal: signal, by: principal, token: token, now: bench.now)
  }

  @Test func itIsKilledOnceThatIsDurableAndNotStartedAgain() {
    var bench = SupervisorBench.at(.running, plainRequest { $0.restart = .always })
    #expect(kill(&bench) == [.save(id: 1, revision: 3), .changed(id: 1)])
    #expect(bench.phase() == .stopping && bench.container()?.wanted == false)
    #expect(bench.tellSaved() == [.killAll(id: 1)])
    _ = bench.tell(.ended(.killed(signal: 9)))
    _ = bench.tellSaved()
    #expect(bench.tell(.wasPutAway) == [.done(7)])
    #expect(bench.phase() == .ended)
    #expect(bench.container()?.end?.description == "killed by signal 9, killed on request of the owner")
  }

  @Test func aHolderIsToldFromTheOwner() {
    var bench = SupervisorBench.at(.running)
    _ = kill(&bench, by: Self.ana)
    _ = bench.tellSaved()
    bench.bringDown(.killed(signal: 9))
    #expect(
      bench.container()?.end?.description == "killed by signal 9, killed on request of its lease's holder")
  }

  @Test func oneThatIsBeingStoppedIsKilledAtOnce() {
    var bench = SupervisorBench.at(.stopping)
    _ = bench.tellSaved()
    #expect(kill(&bench) == [.save(id: 1, revision: 4)])
    #expect(bench.tick() == [.killAll(id: 1)])
    bench.bringDown(.killed(signal: 9))
    #expect(bench.container()?.end?.demand == ContainerEnd.Demand(.killed, by: .owner))
  }

  @Test func anyOtherSignalIsSentAndChangesNothing() {
    var bench = SupervisorBench.at(.running, plainRequest { $0.restart = .always })
    #expect(kill(&bench, 1) == [.signal(id: 1, signal: 1), .done(7)])
    #expect(bench.container()?.wanted == true)
    bench.bringDown(.killed(signal: 1))
    #expect(bench.phase() == .waiting)
    #expect(bench.container()?.end?.description == "killed by signal 1")
  }

  /// As docker has it: the signal that it is stopped with is a wish to end it.
  @Test func whatEndsByItsStopSignalIsNotStartedAgain() {
    var bench = SupervisorBench.at(
      .running,
      plainRequest {
        $0.restart = .always
        $0.stopSignal = 12
      })
    #expect(kill(&bench, 12) == [.save(id: 1, revision: 3), .changed(id: 1)])
    #expect(bench.supervisor.isSaveUrgent(id: 1))
    #expect(bench.tellSaved() == [.signal(id: 1, signal: 12), .done(7)])
    #expect(bench.phase() == .running && !bench.supervisor.isSaveUrgent(id: 1))
    bench.bringDown(.exited(code: 0))
    #expect(bench.phase() == .ended)
    #expect(bench.container()?.end?.description == "exit code 0, sent its stop signal on request of the owner")
  }

  @Test func oneThatGoesOnInSpiteOfItIsWantedAgainWhenItIsStarted() {
    var bench = SupervisorBench.at(.running, plainRequest { $0.restart = .always })
    _ = kill(&bench, 15)
    _ = bench.tellSaved()
    #expect(bench.start() == [.save(id: 1, revision: 4), .done(2)])
    #expect(bench.tellSaved() == [])
    bench.bringDown(.exited(code: 1))
    #expect(bench.phase() == .waiting)
  }

  /// Found by fuzzing: the start made it wanted again, the signal was not sent, and who had asked for it was never answered.
  @Test func aStartWaitsForAStopSignalThatIsOnItsWay() {
    var bench = SupervisorBench.at(.running)
    _ = kill(&bench, 15)
    #expect(refusalKind(bench.start()) == .conflict)
    #expect(bench.tellSaved() == [.signal(id: 1, signal: 15), .done(7)])
  }

  @Test func whatStandsStillIsWokenForItsStopSignal() {
    var bench = SupervisorBench.at(.running)
    _ = bench.supervisor.pause(named: "dns", token: 5)
    _ = bench.tell(.paused)
    #expect(kill(&bench, 15).first == .pause(id: 1, false))
  }

  @Test func oneThatEndsBeforeTheSignalIsSentAnswers() {
    var bench = SupervisorBench.at(.running)
    _ = kill(&bench, 15)
    _ = bench.tell(.ended(.exited(code: 0)))
    _ = bench.tellSaved()
    #expect(bench.tell(.wasPutAway) == [.done(7)])
  }

  @Test func aStartIsGivenUp() {
    var bench = SupervisorBench.at(.created)
    #expect(kill(&bench) == [])
    _ = bench.tellLaunched()
    #expect(bench.container()?.end?.demand == ContainerEnd.Demand(.killed, by: .owner))
  }

  @Test(arguments: [Container.Phase.ended, .waiting, .removing])
  func onlyWhatRunsIsKilled(_ phase: Container.Phase) {
    var bench = SupervisorBench.at(phase)
    #expect(refusalKind(kill(&bench)) == .conflict)
    #expect(refusalKind(kill(&bench, 15)) == .conflict)
    #expect(refusalKind(bench.supervisor.kill(named: "none", signal: 9, token: 1, now: bench.now)) == .notFound)
  }

  /// The agent dies when the wish is durable: the next one knows who had it.
  @Test(arguments: [ContainerEnd.Cause.killed(signal: 9), .outOfMemory(limitBytes: 1, peakBytes: 1)])
  func theNextAgentKnowsWhoWantedItsEnd(_ cause: ContainerEnd.Cause) {
    var bench = SupervisorBench.at(.running)
    _ = kill(&bench, by: Self.ana)
    var other = SupervisorBench()
    _ = other.supervisor.adopt(bench.supervisor.containers[0], .ended(cause), now: other.now)
    let demand = ContainerEnd.Demand(.killed, by: .holder)
    #expect(other.container()?.end == ContainerEnd(cause: cause, demand: demand))
  }

  @Test func theNextAgentLetsOneGoOnThatTookItsStopSignalLightly() {
    var bench = SupervisorBench.at(.running)
    _ = kill(&bench, 15)
    var other = SupervisorBench()
    let record = bench.supervisor.containers[0]
    #expect(other.supervisor.adopt(record, .alive(runsProgram: true), now: other.now) == [])
    #expect(other.phase() == .running)
    other.bringDown(.exited(code: 0))
    #expect(other.container()?.end?.demand == ContainerEnd.Demand(.signalled, by: .owner))
  }
}
