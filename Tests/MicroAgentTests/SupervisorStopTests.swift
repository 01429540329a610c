import Testing

@testable import MicroAgent

@Suite struct SupervisorStopTests {
  @Test func stop() {
    var bench = SupervisorBench.at(.running)
    #expect(bench.stop(grace: 500) == [.save(id: 1, revision: 3), .changed(id: 1)])
    #expect(bench.phase() == .stopping)
    #expect(bench.container()?.wanted == false)
    #expect(bench.supervisor.nextDeadline == nil)
    #expect(bench.tellSaved() == [.signal(id: 1, signal: 15)])
    #expect(bench.pauseMilliseconds == 500)
    #expect(bench.tell(.ended(.exited(code: 143))) == [.changed(id: 1), .save(id: 1, revision: 4)])
    #expect(bench.container()?.end == ContainerEnd(cause: .exited(code: 143), demand: .init(.stopped, by: .owner)))
    #expect(bench.tellSaved() == [.putAway(id: 1)])
    #expect(bench.tell(.wasPutAway) == [.done(3)])
    #expect(bench.supervisor.nextDeadline == nil)
  }

  @Test func aGracePeriodEnds() {
    var bench = SupervisorBench.at(.running, plainRequest { $0.restart = .always })
    _ = bench.stop(grace: 500)
    _ = bench.tellSaved()
    #expect(bench.tick() == [.killAll(id: 1)])
    #expect(bench.supervisor.nextDeadline == nil)
    _ = bench.tell(.ended(.killed(signal: 9)))
    #expect(bench.phase() == .ended)
    #expect(bench.container()?.end?.initiator == .graceExpired)
  }

  @Test func withoutGraceItIsKilledOnceThatIsDurable() {
    var bench = SupervisorBench.at(.running)
    _ = bench.stop(grace: 0)
    #expect(bench.tellSaved() == [.killAll(id: 1)])
    #expect(bench.supervisor.nextDeadline == nil)
  }

  /// What is saved with the wish to stop leads a new agent to the same moment.
  @Test func theRecordTellsWhenItIsKilled() {
    var bench = SupervisorBench.at(.running)
    _ = bench.stop(grace: 500)
    #expect(bench.container()?.stopDeadline == bench.now.advanced(milliseconds: 500))
    _ = bench.tellSaved()
    _ = bench.tell(.ended(.exited(code: 0)))
    #expect(bench.container()?.stopDeadline == nil)
  }

  @Test func itEndsBeforeTheWishIsDurable() {
    var bench = SupervisorBench.at(.running, plainRequest { $0.restart = .always })
    _ = bench.stop()
    _ = bench.tell(.ended(.exited(code: 0)))
    #expect(bench.phase() == .ended)
    #expect(bench.tell(.saved(revision: 3)) == [])
    #expect(bench.tell(.saved(revision: 4)) == [.putAway(id: 1)])
  }

  @Test func aSecondStopShortensTheGrace() {
    var bench = SupervisorBench.at(.running)
    _ = bench.stop(grace: 10_000)
    _ = bench.tellSaved()
    #expect(bench.stop(grace: 60_000, token: 5) == [])
    #expect(bench.pauseMilliseconds == 10_000)
    #expect(bench.stop(grace: 100, token: 6) == [.save(id: 1, revision: 4)])
    #expect(bench.pauseMilliseconds == 100)
    #expect(bench.container()?.stopDeadline == bench.now.advanced(milliseconds: 100))
    #expect(bench.tellSaved() == [])
    _ = bench.tell(.ended(.exited(code: 0)))
    _ = bench.tellSaved()
    #expect(bench.tell(.wasPutAway) == [.done(3), .done(5), .done(6)])
  }

  /// Regression: the program began all the same, to be stopped a moment later.
  @Test(arguments: [.created, .starting] as [Container.Phase])
  func whatIsStoppedBeforeItIsLetGoNeverRuns(_ phase: Container.Phase) {
    var bench = SupervisorBench.at(phase, plainRequest { $0.restart = .always })
    var effects = bench.stop(grace: 700)
    if phase == .created {
      #expect(effects == [])
      effects = bench.tellLaunched()
    }
    #expect(effects == [.changed(id: 1), .save(id: 1, revision: phase == .created ? 1 : 2)])
    #expect(bench.phase() == .ended)
    let line = "container dns: its program never ran"
    #expect(bench.container()?.end == ContainerEnd(cause: .failedToStart(line), demand: .init(.stopped, by: .owner)))
    // Of what was written before nothing follows, nor of the process's end.
    if phase == .starting { #expect(bench.tell(.saved(revision: 1)) == []) }
    #expect(bench.tell(.ended(.exited(code: 124))) == [])
    #expect(bench.tellSaved() == [.putAway(id: 1)])
    let failed = Effect.reply(token: 1, .failed(RequestError(.failed, "\(line), stopped on request of the owner")))
    #expect(bench.tell(.wasPutAway) == [failed, .done(3)])
    #expect(bench.phase() == .ended)
    #expect(bench.supervisor.nextDeadline == nil)
    #expect(bench.start() == [.launch(id: 1)])
    bench.bringUp()
    #expect(bench.phase() == .running)
  }

  @Test func aRestartThatIsStoppedBeforeItIsLetGoNeverRuns() {
    var bench = SupervisorBench.at(.waiting)
    _ = bench.tick()
    _ = bench.tellLaunched()
    #expect(bench.stop() == [.changed(id: 1), .save(id: 1, revision: 5)])
    #expect(bench.container()?.end?.initiator == .stopped)
    #expect(bench.tellSaved() == [.putAway(id: 1)])
    #expect(bench.tell(.wasPutAway) == [.done(3)])
    #expect(bench.phase() == .ended)
  }

  @Test func aStopBeforeItIsLetGoRemovesWhatRemovesItself() {
    var bench = SupervisorBench.at(.starting, plainRequest { $0.removesWhenEnded = true })
    _ = bench.stop()
    #expect(bench.tellSaved() == [.putAway(id: 1)])
    #expect(bench.tell(.wasPutAway) == [.deleteFiles(id: 1), .forget(id: 1)])
    let line = "container dns: its program never ran, stopped on request of the owner"
    let failed = Effect.reply(token: 1, .failed(RequestError(.failed, line)))
    #expect(bench.tell(.forgotten) == [.changed(id: 1), failed, .done(3)])
  }

  /// What was let go runs in a moment, and is asked to end then.
  @Test func aStartIsOverBeforeAStop() {
    var bench = SupervisorBench.at(.starting, plainRequest { $0.restart = .always })
    #expect(bench.tellSaved() == [.release(id: 1)])
    #expect(bench.stop(grace: 700) == [])
    #expect(
      bench.tell(.started) == [
        .done(1), .changed(id: 1), .save(id: 1, revision: 2), .save(id: 1, revision: 3), .changed(id: 1),
      ])
    #expect(bench.phase() == .stopping)
    #expect(bench.tell(.saved(revision: 2)) == [])
    #expect(bench.tell(.saved(revision: 3)) == [.signal(id: 1, signal: 15)])
    bench.bringDown()
    #expect(bench.phase() == .ended)
    #expect(bench.container()?.end?.initiator == .stopped)
  }

  /// Regression: the time to its health was taken for its grace period, and it was never asked to end.
  @Test func stopOfOneThatWasJustRestarted() {
    var bench = SupervisorBench.at(.waiting)
    _ = bench.tick()
    bench.bringUp()
    #expect(bench.pauseMilliseconds == 10_000)
    _ = bench.stop(grace: 700)
    #expect(bench.supervisor.nextDeadline == nil)
    #expect(bench.tellSaved() == [.signal(id: 1, signal: 15)])
    #expect(bench.pauseMilliseconds == 700)
  }

  @Test func aRestartIsOverBeforeAStop() {
    var bench = SupervisorBench.at(.waiting)
    _ = bench.tick()
    _ = bench.tellLaunched()
    _ = bench.tellSaved()
    _ = bench.stop(grace: 700)
    _ = bench.tell(.started)
    #expect(bench.supervisor.nextDeadline == nil)
    #expect(bench.tellSaved() == [.signal(id: 1, signal: 15)])
    #expect(bench.pauseMilliseconds == 700)
  }

  @Test func aSecondStopBeforeTheFirstIsDurable() {
    var bench = SupervisorBench.at(.running)
    _ = bench.stop(grace: 10_000)
    #expect(bench.stop(grace: 60_000, token: 5) == [])
    #expect(bench.stop(grace: 100, token: 6) == [.save(id: 1, revision: 4)])
    #expect(bench.tell(.saved(revision: 3)) == [])
    #expect(bench.tellSaved() == [.signal(id: 1, signal: 15)])
    #expect(bench.pauseMilliseconds == 100)
  }

  /// It is asked once, and what is saved after that is no new wish.
  @Test func theGraceEndsBeforeASecondStopIsDurable() {
    var bench = SupervisorBench.at(.running)
    _ = bench.stop(grace: 10_000)
    _ = bench.tellSaved()
    _ = bench.stop(grace: 100, token: 5)
    #expect(bench.tick() == [.killAll(id: 1)])
    #expect(bench.tellSaved() == [])
    #expect(bench.supervisor.nextDeadline == nil)
  }

  @Test func aStartThatFailsEndsAStopToo() {
    var bench = SupervisorBench.at(.created)
    _ = bench.stop()
    _ = bench.tell(.startFailed("why"))
    _ = bench.tell(.wasPutAway)
    let failed = Effect.reply(token: 1, .failed(RequestError(.failed, "why")))
    #expect(bench.tell(.forgotten) == [.changed(id: 1), failed, .done(3)])
  }

  @Test func stopOfAnEndedOne() {
    var bench = SupervisorBench.at(.running)
    _ = bench.tell(.ended(.exited(code: 0)))
    #expect(bench.stop() == [])
    _ = bench.tellSaved()
    #expect(bench.stop(token: 5) == [])
    #expect(bench.tell(.wasPutAway) == [.done(3), .done(5)])
    #expect(bench.stop(token: 6) == [.done(6)])
  }

  @Test func aStopTakesBackAStartThatWaits() {
    var bench = SupervisorBench.at(.running)
    _ = bench.tell(.ended(.exited(code: 0)))
    #expect(bench.start() == [])
    #expect(refusalKind(bench.stop()) == .conflict)
    _ = bench.tellSaved()
    #expect(bench.tell(.wasPutAway) == [.done(3)])
  }

  @Test func stopOfAWaitingOne() {
    var bench = SupervisorBench.at(.waiting)
    let save = Effect.save(id: 1, revision: 4)
    #expect(bench.stop() == [save, .changed(id: 1)])
    #expect(bench.supervisor.nextDeadline == nil)
    #expect(bench.phase() == .ended)
    // Regression: a second one was answered before the first was durable, and a start in between lost the answer.
    #expect(bench.stop(token: 5) == [])
    #expect(bench.start() == [])
    #expect(bench.tellSaved() == [.done(3), .done(5), .launch(id: 1)])
  }

  /// Regression: the stop was answered when the putting away was done, before the wish was durable; and a second
  /// putting away was asked for, whose answer fell into the next start and launched the container twice.
  @Test func stopWhileTheLastRunIsPutAway() {
    var bench = SupervisorBench.at(.running, plainRequest { $0.restart = .always })
    _ = bench.tell(.ended(.exited(code: 1)))
    #expect(bench.tellSaved() == [.putAway(id: 1)])
    _ = bench.stop()
    var other = bench
    #expect(bench.tell(.wasPutAway) == [])
    #expect(bench.tellSaved() == [.done(3)])
    #expect(other.tellSaved() == [])
    #expect(other.tell(.wasPutAway) == [.done(3)])
  }

  @Test func stopOfOneThatIsRemoved() {
    var bench = SupervisorBench.at(.removing)
    #expect(refusalKind(bench.stop()) == .conflict)
  }
}

@Suite struct SupervisorRemoveTests {
  @Test func removal() {
    var bench = SupervisorBench.at(.ended)
    #expect(bench.remove() == [.save(id: 1, revision: 4)])
    #expect(bench.phase() == .removing)
    #expect(bench.tellSaved() == [.deleteFiles(id: 1), .forget(id: 1)])
    #expect(bench.remove(token: 5) == [])
    #expect(bench.tell(.forgotten) == [.changed(id: 1), .done(4), .done(5)])
    #expect(bench.supervisor.count == 0)
  }

  @Test func removalBeforeTheEndIsDurable() {
    var bench = SupervisorBench.at(.running)
    _ = bench.tell(.ended(.exited(code: 0)))
    #expect(bench.remove() == [.save(id: 1, revision: 4)])
    #expect(bench.tell(.saved(revision: 3)) == [])
    #expect(bench.tell(.saved(revision: 4)) == [.putAway(id: 1)])
    #expect(bench.tell(.wasPutAway) == [.deleteFiles(id: 1), .forget(id: 1)])
  }

  /// Regression: files went when the putting away was done, before the wish to remove was durable, and twice.
  @Test func removalWhileTheLastRunIsPutAway() {
    var bench = SupervisorBench.at(.running)
    _ = bench.tell(.ended(.exited(code: 0)))
    #expect(bench.tellSaved() == [.putAway(id: 1)])
    _ = bench.remove()
    var other = bench
    #expect(bench.tell(.wasPutAway) == [])
    #expect(bench.tellSaved() == [.deleteFiles(id: 1), .forget(id: 1)])
    #expect(other.tellSaved() == [])
    #expect(other.tell(.wasPutAway) == [.deleteFiles(id: 1), .forget(id: 1)])
  }

  @Test(arguments: [.created, .starting, .running, .stopping, .waiting] as [Container.Phase])
  func withoutForceOnlyWhatEnded(_ phase: Container.Phase) {
    var bench = SupervisorBench.at(phase)
    #expect(refusalKind(bench.remove()) == .conflict)
    #expect(bench.phase() == phase)
  }

  @Test func forceWhereItRuns() {
    var bench = SupervisorBench.at(.running, plainRequest { $0.restart = .always })
    #expect(bench.remove(force: true) == [.save(id: 1, revision: 3), .changed(id: 1)])
    #expect(bench.tellSaved() == [.killAll(id: 1)])
    _ = bench.tell(.ended(.killed(signal: 9)))
    #expect(bench.container()?.end?.initiator == .removed)
    #expect(bench.phase() == .removing)
    #expect(bench.tellSaved() == [.putAway(id: 1)])
    #expect(bench.tell(.wasPutAway) == [.deleteFiles(id: 1), .forget(id: 1)])
    #expect(bench.tell(.forgotten) == [.changed(id: 1), .done(4)])
  }

  @Test(arguments: [.created, .starting] as [Container.Phase])
  func forceBeforeItIsLetGo(_ phase: Container.Phase) {
    var bench = SupervisorBench.at(phase)
    var effects = bench.remove(force: true)
    if phase == .created {
      #expect(effects == [])
      #expect(bench.stop() == [])
      effects = bench.tellLaunched()
    }
    #expect(effects == [.changed(id: 1), .save(id: 1, revision: phase == .created ? 1 : 2)])
    #expect(bench.container()?.end?.initiator == .removed)
    #expect(bench.tellSaved() == [.putAway(id: 1)])
    #expect(bench.tell(.wasPutAway) == [.deleteFiles(id: 1), .forget(id: 1)])
    #expect(bench.tell(.forgotten).last == .done(4))
  }

  @Test func forceWhereItStarts() {
    var bench = SupervisorBench.at(.starting)
    _ = bench.tellSaved()
    #expect(bench.remove(force: true) == [])
    // Regression: a stop after it gave the grace back.
    #expect(bench.stop(grace: 60_000) == [])
    _ = bench.tell(.started)
    #expect(bench.tellSaved() == [.killAll(id: 1)])
    bench.bringDown(.killed(signal: 9))
    #expect(bench.phase() == .removing)
    #expect(bench.tell(.forgotten) == [.changed(id: 1), .done(3), .done(4)])
  }

  @Test func forceWhereItWaits() {
    var bench = SupervisorBench.at(.waiting)
    #expect(bench.remove(force: true) == [.save(id: 1, revision: 4)])
    #expect(bench.supervisor.nextDeadline == nil)
    #expect(bench.tellSaved() == [.deleteFiles(id: 1), .forget(id: 1)])
  }

  @Test func forceWhereItStops() {
    var bench = SupervisorBench.at(.stopping)
    var other = bench
    _ = bench.tellSaved()
    #expect(bench.remove(force: true) == [.killAll(id: 1)])
    // Regression: it was killed before the wish to stop was durable.
    #expect(other.remove(force: true) == [])
    #expect(other.stop(grace: 100) == [], "a removal by force is not slowed down")
    #expect(other.tellSaved() == [.killAll(id: 1)])
    other.bringDown(.killed(signal: 9))
    #expect(other.tell(.forgotten) == [.changed(id: 1), .done(3), .done(3), .done(4)])
  }

  @Test func forceOfAnEndedOne() {
    var bench = SupervisorBench.at(.ended)
    #expect(bench.remove(force: true) == [.save(id: 1, revision: 4)])
  }
}
