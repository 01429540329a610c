import Testing

@testable import MicroAgent

/// Each transition of a container's life, written out.
@Suite struct SupervisorRunTests {
  @Test func run() {
    var bench = SupervisorBench()
    #expect(bench.run() == [.launch(id: 1)])
    #expect(bench.phase() == .created)
    #expect(bench.tellLaunched() == [.save(id: 1, revision: 1)])
    #expect(bench.phase() == .starting)
    #expect(bench.container()?.starts == 1)
    #expect(bench.tell(.saved(revision: 1)) == [.release(id: 1)])
    #expect(bench.tell(.started) == [.done(1), .changed(id: 1), .save(id: 1, revision: 2)])
    #expect(bench.phase() == .running)
    #expect(bench.container()?.startedSeconds == 1_700_000_000)
    #expect(bench.tell(.saved(revision: 2)) == [])
    #expect(bench.supervisor.nextDeadline == nil)
  }

  @Test func aRequestWithoutANameGetsOne() {
    var bench = SupervisorBench()
    _ = bench.run(plainRequest("c1"))
    _ = bench.run(plainRequest("c2"))
    _ = bench.run(plainRequest(""))
    #expect(bench.supervisor.containers.map { $0.name } == ["c1", "c2", "c3"])
    _ = bench.run(plainRequest("c5"))
    _ = bench.run(plainRequest(""))
    #expect(bench.supervisor.containers.map { $0.name } == ["c1", "c2", "c3", "c5", "c6"])
    _ = bench.run(plainRequest("c7"))
    _ = bench.run(plainRequest("c9"))
    _ = bench.run(plainRequest(""))
    #expect(bench.supervisor.containers.last.map { $0.name == "c\($0.id)" } ?? false)
  }

  @Test func whatIsRefused() {
    var bench = SupervisorBench()
    #expect(refusalKind(bench.run(plainRequest("a/b"))) == .invalid)
    #expect(bench.supervisor.count == 0)
    _ = bench.run()
    #expect(refusalKind(bench.run(plainRequest(), token: 9)) == .conflict)
    for number in 1..<256 { #expect(bench.run(plainRequest("n\(number)")).count == 1) }
    #expect(refusalKind(bench.run(plainRequest("one-more"))) == .noRoom)
    #expect(bench.supervisor.count == Supervisor.maximumContainers)
    #expect(refusalKind(bench.start("none")) == .notFound)
    #expect(refusalKind(bench.stop("none")) == .notFound)
    #expect(refusalKind(bench.remove("none")) == .notFound)
  }

  @Test func aNameIsTakenUntilItsHolderIsForgotten() {
    var bench = SupervisorBench.at(.removing)
    #expect(refusalKind(bench.run()) == .conflict)
    _ = bench.tellSaved()
    _ = bench.tell(.forgotten)
    #expect(bench.run() == [.launch(id: 2)])
  }

  @Test func aFailedLaunchLeavesNothingAndNoRecord() {
    var bench = SupervisorBench()
    _ = bench.run()
    #expect(bench.tell(.startFailed("no cgroup")) == [.putAway(id: 1)])
    #expect(bench.tell(.wasPutAway) == [.deleteFiles(id: 1), .forget(id: 1)])
    let told = Effect.reply(token: 1, .failed(RequestError(.failed, "no cgroup")))
    #expect(bench.tell(.forgotten) == [.changed(id: 1), told])
    #expect(bench.supervisor.count == 0)
  }

  /// Regression: the process was collected before its failure was durable; a crash in between told `unknown`.
  @Test func aFailedFirstStartIsRecordedBeforeItIsCollected() {
    var bench = SupervisorBench.at(.starting)
    #expect(bench.tellSaved() == [.release(id: 1)])
    #expect(bench.tell(.startFailed("no such file")) == [.save(id: 1, revision: 2)])
    #expect(bench.phase() == .removing)
    #expect(bench.tell(.ended(.exited(code: 127))) == [])
    #expect(bench.tellSaved() == [.putAway(id: 1)])
    #expect(bench.tell(.wasPutAway) == [.deleteFiles(id: 1), .forget(id: 1)])
    let told = Effect.reply(token: 1, .failed(RequestError(.failed, "no such file")))
    #expect(bench.tell(.forgotten) == [.changed(id: 1), told])
  }

  /// Nothing of it waits for a disk that is full.
  @Test func aFirstStartThatCannotBeRecordedLeavesNothing() {
    var bench = SupervisorBench.at(.starting)
    #expect(bench.tell(.startFailed("the disk is full")) == [.putAway(id: 1)])
    #expect(bench.tell(.ended(.killed(signal: 9))) == [])
    #expect(bench.tell(.wasPutAway) == [.deleteFiles(id: 1), .forget(id: 1)])
    let failed = Effect.reply(token: 1, .failed(RequestError(.failed, "the disk is full")))
    #expect(bench.tell(.forgotten) == [.changed(id: 1), failed])
  }

  /// Regression: such a run was answered `done`.
  @Test func aProcessThatDiesBeforeItIsLetGoNeverRan() {
    var bench = SupervisorBench.at(.starting)
    #expect(bench.tell(.ended(.killed(signal: 9))) == [.putAway(id: 1)])
    #expect(bench.tell(.saved(revision: 1)) == [])
    #expect(bench.tell(.wasPutAway) == [.deleteFiles(id: 1), .forget(id: 1)])
    let effects = bench.tell(.forgotten)
    let line = "container dns: ended before its program ran: killed by signal 9"
    #expect(effects == [.changed(id: 1), .reply(token: 1, .failed(RequestError(.failed, line)))])
  }

  /// Whoever was let go may have run, and its end is worth telling.
  @Test func aProcessThatEndsUnheardAfterItWasLetGoRan() {
    var bench = SupervisorBench.at(.starting)
    _ = bench.tellSaved()
    #expect(bench.tell(.ended(.exited(code: 3))) == [.done(1), .changed(id: 1), .save(id: 1, revision: 2)])
    #expect(bench.container()?.end == ContainerEnd(cause: .exited(code: 3)))
    #expect(bench.tell(.started) == [])
    #expect(bench.phase() == .ended)
  }

  @Test func onlyTheNewestSaveCounts() {
    var bench = SupervisorBench.at(.running)
    _ = bench.stop()
    let newest = bench.supervisor.entries[0].revision
    #expect(bench.tell(.saved(revision: newest - 1)) == [])
    #expect(bench.tell(.saved(revision: newest + 1)) == [])
    #expect(bench.tell(.saved(revision: newest)) == [.signal(id: 1, signal: 15)])
  }

  /// Regression: a save that failed was written after all, behind the deletion of its record.
  @Test func aSaveIsAwaitedUntilItIsDurableOrOutdated() {
    var bench = SupervisorBench.at(.starting)
    #expect(bench.supervisor.awaitsSave(id: 1, revision: 1))
    #expect(!bench.supervisor.awaitsSave(id: 2, revision: 1))
    var other = bench
    _ = bench.tellSaved()
    #expect(!bench.supervisor.awaitsSave(id: 1, revision: 1))
    _ = bench.tell(.started)
    _ = bench.stop()
    #expect(!bench.supervisor.awaitsSave(id: 1, revision: 2))
    #expect(bench.supervisor.awaitsSave(id: 1, revision: 3))
    _ = other.tell(.startFailed("the disk is full"))
    #expect(!other.supervisor.awaitsSave(id: 1, revision: 1))
    #expect(!other.supervisor.awaitsSave(id: 1, revision: 2))
  }

  @Test func eventsOfAnUnknownContainerAreIgnored() {
    var bench = SupervisorBench()
    for event in [.started, .ended(.exited(code: 0)), .wasPutAway, .forgotten, .saved(revision: 1)] as [Event] {
      #expect(bench.tell(event, id: 9) == [])
    }
  }

  /// Regression: a late failure removed a container that had long ended.
  @Test(arguments: [.running, .stopping, .ended, .waiting, .removing] as [Container.Phase])
  func aLateFailureIsIgnored(_ phase: Container.Phase) {
    var bench = SupervisorBench.at(phase)
    #expect(bench.tell(.startFailed("late")) == [])
    #expect(bench.phase() == phase)
  }

  /// Regression: it was taken for one that is starting, though its process was about to be put away.
  @Test(arguments: [.running, .stopping, .ended, .waiting, .removing] as [Container.Phase])
  func aLateLaunchIsIgnored(_ phase: Container.Phase) {
    var bench = SupervisorBench.at(phase)
    #expect(bench.tellLaunched() == [])
    #expect(bench.phase() == phase)
  }
}

@Suite struct SupervisorEndTests {
  static let causes = RestartPolicyTests.causes

  @Test(arguments: causes) func withoutAPolicyItEnds(_ cause: ContainerEnd.Cause) {
    var bench = SupervisorBench.at(.running)
    #expect(bench.tell(.ended(cause)) == [.changed(id: 1), .save(id: 1, revision: 3)])
    #expect(bench.phase() == .ended)
    #expect(bench.container()?.end == ContainerEnd(cause: cause))
    #expect(bench.tellSaved() == [.putAway(id: 1)])
    #expect(bench.tell(.wasPutAway) == [])
    #expect(bench.container()?.wanted == false)
    #expect(bench.container()?.process == nil)
  }

  @Test(arguments: causes) func alwaysWaitsToStartAgain(_ cause: ContainerEnd.Cause) {
    var bench = SupervisorBench.at(.running, plainRequest { $0.restart = .always })
    bench.bringDown(cause)
    #expect(bench.phase() == .waiting)
    #expect(bench.pauseMilliseconds == 100)
    #expect(bench.tick() == [.launch(id: 1)])
    #expect(bench.container()?.restarts == 1)
    bench.bringUp()
    #expect(bench.phase() == .running)
    #expect(bench.container()?.starts == 2)
  }

  @Test(arguments: causes) func onFailure(_ cause: ContainerEnd.Cause) {
    var bench = SupervisorBench.at(.running, plainRequest { $0.restart = .onFailure(maximumRestarts: nil) })
    bench.bringDown(cause)
    #expect(bench.phase() == (cause == .exited(code: 0) ? .ended : .waiting))
  }

  @Test func onFailureGivesUpAfterSoMany() {
    var bench = SupervisorBench.at(.running, plainRequest { $0.restart = .onFailure(maximumRestarts: 2) })
    for _ in 0..<2 {
      bench.bringDown(.exited(code: 1))
      #expect(bench.tick() == [.launch(id: 1)])
      bench.bringUp()
    }
    bench.bringDown(.exited(code: 1))
    #expect(bench.phase() == .ended)
    #expect(bench.container()?.starts == 3)
    // A person's start counts anew.
    #expect(bench.start() == [.launch(id: 1)])
    bench.bringUp()
    bench.bringDown(.exited(code: 1))
    #expect(bench.phase() == .waiting)
    #expect(bench.pauseMilliseconds == 100)
  }

  @Test func pausesDoubleToAMinute() {
    var bench = SupervisorBench.at(.running, plainRequest { $0.restart = .always })
    var pauses: [UInt64] = []
    for _ in 0..<12 {
      bench.bringDown(.exited(code: 1))
      pauses.append(bench.pauseMilliseconds ?? 0)
      _ = bench.tick()
      bench.bringUp()
      bench.wait(milliseconds: 9_999)
    }
    #expect(pauses == [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000])
  }

  @Test func tenSecondsOfHealthStartThePausesAnew() {
    var bench = SupervisorBench.at(.running, plainRequest { $0.restart = .always })
    for _ in 0..<3 {
      bench.bringDown(.exited(code: 1))
      _ = bench.tick()
      bench.bringUp()
    }
    #expect(bench.pauseMilliseconds == 10_000)
    // It ends just as the time is up and before `tick`.
    var other = bench
    other.wait(milliseconds: 10_000)
    other.bringDown(.exited(code: 1))
    #expect(other.pauseMilliseconds == 100)
    // Regression: the record knew nothing of its health, and each power cut took one of on-failure:N.
    #expect(bench.tick() == [.save(id: 1, revision: 12)])
    #expect(bench.container()?.restarts == 0)
    #expect(bench.supervisor.nextDeadline == nil)
    bench.bringDown(.exited(code: 1))
    #expect(bench.pauseMilliseconds == 100)
  }

  @Test func aStartThatFailsLaterIsAnEnd() {
    for launches in [false, true] {
      var bench = SupervisorBench.at(.waiting)
      _ = bench.tick()
      if launches {
        _ = bench.tellLaunched()
        _ = bench.tellSaved()
      }
      #expect(bench.tell(.startFailed("no such file")).contains(.changed(id: 1)))
      #expect(bench.phase() == .waiting)
      #expect(bench.container()?.end?.cause == .failedToStart("no such file"))
      #expect(bench.tellSaved() == [.putAway(id: 1)])
      #expect(bench.tell(.wasPutAway) == [])
      #expect(bench.pauseMilliseconds == 200)
    }
  }

  @Test func removesItselfWhenAskedTo() {
    var bench = SupervisorBench.at(.running, plainRequest { $0.removesWhenEnded = true })
    #expect(bench.tell(.ended(.exited(code: 0))) == [.changed(id: 1), .save(id: 1, revision: 3)])
    #expect(bench.phase() == .removing)
    #expect(bench.tellSaved() == [.putAway(id: 1)])
    #expect(bench.tell(.wasPutAway) == [.deleteFiles(id: 1), .forget(id: 1)])
    #expect(bench.tell(.forgotten) == [.changed(id: 1)])
    #expect(bench.supervisor.count == 0)
  }

  @Test func removesItselfOnlyWhenItIsNotRestarted() {
    let request = plainRequest {
      $0.removesWhenEnded = true
      $0.restart = .onFailure(maximumRestarts: nil)
    }
    var bench = SupervisorBench.at(.running, request)
    bench.bringDown(.exited(code: 1))
    #expect(bench.phase() == .waiting)
    _ = bench.tick()
    bench.bringUp()
    _ = bench.tell(.ended(.exited(code: 0)))
    #expect(bench.phase() == .removing)
  }

  @Test(arguments: [.created, .ended, .waiting, .removing] as [Container.Phase])
  func anEndWhereNothingRunsIsIgnored(_ phase: Container.Phase) {
    var bench = SupervisorBench.at(phase)
    let end = bench.container()?.end
    #expect(bench.tell(.ended(.killed(signal: 9))) == [])
    #expect(bench.phase() == phase)
    #expect(bench.container()?.end == end)
  }
}

@Suite struct SupervisorStartTests {
  @Test func startOfAnEndedOne() {
    var bench = SupervisorBench.at(.ended)
    #expect(bench.start() == [.launch(id: 1)])
    #expect(bench.container()?.wanted == true)
    _ = bench.tellLaunched()
    _ = bench.tellSaved()
    #expect(bench.tell(.started).first == .done(2))
    #expect(bench.container()?.starts == 2)
  }

  @Test func startThatFailsKeepsTheContainer() {
    var bench = SupervisorBench.at(.ended)
    _ = bench.start()
    // Regression: it was told before it was durable, and a new agent could start the container after all.
    #expect(bench.tell(.startFailed("why")) == [.changed(id: 1), .save(id: 1, revision: 4)])
    #expect(bench.tellSaved() == [.putAway(id: 1)])
    #expect(bench.tell(.wasPutAway) == [.reply(token: 2, .failed(RequestError(.failed, "why")))])
    #expect(bench.phase() == .ended)
  }

  @Test func startThatFailsAndIsTriedAgainIsToldToo() {
    var bench = SupervisorBench.at(.waiting)
    _ = bench.start()
    _ = bench.tell(.startFailed("why"))
    _ = bench.tellSaved()
    #expect(bench.tell(.wasPutAway) == [.reply(token: 2, .failed(RequestError(.failed, "why")))])
    #expect(bench.tick() == [.launch(id: 1)])
  }

  @Test func startOfOneThatRuns() {
    var bench = SupervisorBench.at(.running)
    #expect(bench.start() == [.done(2)])
  }

  @Test func startDoesNotWaitForThePause() {
    var bench = SupervisorBench.at(.waiting)
    #expect(bench.start() == [.launch(id: 1)])
    #expect(bench.supervisor.nextDeadline == nil)
    #expect(bench.container()?.restarts == 0)
  }

  /// Regression: it was answered `done` before anything ran.
  @Test(arguments: [.created, .starting] as [Container.Phase])
  func aSecondStartWaitsForTheProgram(_ phase: Container.Phase) {
    var bench = SupervisorBench.at(phase)
    #expect(bench.start() == [])
    if phase == .created { _ = bench.tellLaunched() }
    _ = bench.tellSaved()
    #expect(bench.tell(.started).prefix(2) == [.done(1), .done(2)])
  }

  @Test(arguments: [.created, .starting] as [Container.Phase])
  func startOfOneThatIsBeingStopped(_ phase: Container.Phase) {
    for isReleased in [false, true] {
      var bench = SupervisorBench.at(phase)
      if isReleased { _ = bench.tellSaved() }
      _ = bench.stop()
      // One that will not be let go any more has ended, and is soon put away.
      let isEnded = bench.phase() == .ended
      #expect(isEnded ? bench.start() == [] : refusalKind(bench.start()) == .conflict)
    }
  }

  @Test(arguments: [.stopping, .removing] as [Container.Phase]) func startIsTooEarly(_ phase: Container.Phase) {
    var bench = SupervisorBench.at(phase)
    #expect(refusalKind(bench.start()) == .conflict)
  }

  /// Regression: it was refused for a moment to whoever had just seen the last run end.
  @Test(arguments: [RestartPolicy.no, .always]) func startWaitsUntilTheLastRunIsPutAway(_ restart: RestartPolicy) {
    var bench = SupervisorBench.at(.running, plainRequest { $0.restart = restart })
    _ = bench.tell(.ended(.exited(code: 0)))
    #expect(bench.start() == [])
    #expect(bench.tellSaved() == [.putAway(id: 1)])
    #expect(bench.start(token: 5) == [])
    #expect(bench.tell(.wasPutAway) == [.launch(id: 1)])
    #expect(bench.supervisor.nextDeadline == nil)
    _ = bench.tellLaunched()
    _ = bench.tellSaved()
    #expect(bench.tell(.started).prefix(2) == [.done(2), .done(5)])
  }

  @Test func startOfOneThatIsRemovedBeforeItCanBegin() {
    var bench = SupervisorBench.at(.running)
    _ = bench.tell(.ended(.exited(code: 0)))
    _ = bench.start()
    _ = bench.remove()
    _ = bench.tellSaved()
    _ = bench.tell(.wasPutAway)
    #expect(refusalKind(Array(bench.tell(.forgotten).dropFirst().prefix(1))) == .conflict)
  }
}
