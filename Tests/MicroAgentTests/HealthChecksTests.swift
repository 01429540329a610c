import Basics
import Testing

@testable import MicroAgent

@Suite struct HealthChecksTests {
  private let start = Instant(nanoseconds: 5_000_000_000)
  private static let well = ExecResult(exitCode: 0, reason: "exit code 0")
  private static let ill = ExecResult(exitCode: 1, reason: "exit code 1")

  private func after(_ seconds: UInt64) -> Instant { start.advanced(milliseconds: seconds * 1000) }

  private func container(
    _ id: UInt64 = 1, starts: UInt32 = 1, phase: Container.Phase = .running,
    _ change: (inout HealthCheck) -> Void = { _ in }
  ) -> Container {
    var check = HealthCheck()
    check.command = ["ok"]
    change(&check)
    var container = Container(id: id, name: "c\(id)", request: plainRequest { $0.health = check }, createdSeconds: 1)
    (container.starts, container.phase) = (starts, phase)
    return container
  }

  private func name(_ id: UInt64 = 1, run: UInt32 = 1) -> ExecName { ExecName(checkOf: id, run: run) }

  @Test func itIsCheckedAnIntervalAfterItsStartAndAfterEachCheck() {
    var checks = HealthChecks()
    checks.follow(container(), now: start)
    #expect(checks.nextDeadline == after(30))
    #expect(checks.tick(now: after(29)).isEmpty)
    #expect(checks.tick(now: after(30)) == [name()])
    #expect(checks.nextDeadline == nil && checks.tick(now: after(300)).isEmpty, "one check at a time")
    #expect(checks.checked(name(), Self.well, now: after(40)) == .healthy)
    #expect(checks.nextDeadline == after(70))
    _ = checks.tick(now: after(70))
    #expect(checks.checked(name(), Self.well, now: after(71)) == nil, "no news")
  }

  @Test func itIsUnhealthyAfterSoManyFailuresInARow() {
    var checks = HealthChecks()
    checks.follow(container(), now: start)
    var found: [ContainerHealth] = []
    for (round, result) in [Self.ill, Self.ill, Self.well, Self.ill, Self.ill, Self.ill, Self.ill, Self.well]
      .enumerated()
    {
      let now = after(UInt64(round + 1) * 30)
      #expect(checks.tick(now: now) == [name()])
      if let health = checks.checked(name(), result, now: now) { found.append(health) }
    }
    #expect(found == [.healthy, .unhealthy("exit code 1"), .healthy])
  }

  @Test func whileItStartsFailuresDoNotCount() {
    var checks = HealthChecks()
    checks.follow(
      container {
        $0.startMilliseconds = 60_000
        $0.retries = 1
      }, now: start)
    for seconds: UInt64 in [30, 59] {
      _ = checks.tick(now: after(seconds + 1))
      #expect(checks.checked(name(), Self.ill, now: after(seconds)) == nil)
    }
    _ = checks.tick(now: after(90))
    #expect(checks.checked(name(), Self.ill, now: after(90)) == .unhealthy("exit code 1"))
  }

  @Test func onceItWasHealthyItsStartIsOver() {
    var checks = HealthChecks()
    checks.follow(
      container {
        $0.startMilliseconds = 600_000
        $0.retries = 1
      }, now: start)
    _ = checks.tick(now: after(30))
    #expect(checks.checked(name(), Self.well, now: after(30)) == .healthy)
    _ = checks.tick(now: after(60))
    #expect(checks.checked(name(), Self.ill, now: after(60)) == .unhealthy("exit code 1"))
  }

  @Test func whatItSaysLastIsTold() {
    var checks = HealthChecks()
    checks.follow(container { $0.retries = 1 }, now: start)
    _ = checks.tick(now: after(30))
    var result = Self.ill
    result.output = Array("first\nno\u{1B} answer\n".utf8)
    #expect(checks.checked(name(), result, now: after(30)) == .unhealthy("exit code 1: no? answer"))
  }

  @Test func aPausedOneIsNotCheckedAndAPauseInACheckMakesItSayNothing() {
    var checks = HealthChecks()
    var paused = container { $0.retries = 1 }
    let running = paused
    paused.isPaused = true
    checks.follow(running, now: start)
    checks.follow(paused, now: after(1))
    #expect(checks.nextDeadline == nil)
    checks.follow(running, now: after(100))
    #expect(checks.tick(now: after(130)) == [name()])
    checks.follow(paused, now: after(131))
    checks.follow(running, now: after(140))
    #expect(checks.checked(name(), Self.ill, now: after(160)) == nil)
    #expect(checks.nextDeadline == after(190))
    _ = checks.tick(now: after(190))
    checks.follow(paused, now: after(191))
    #expect(checks.checked(name(), Self.ill, now: after(192)) == nil && checks.nextDeadline == nil)
  }

  @Test func anotherRunBeginsAnewAndAnOldCheckSaysNothingOfIt() {
    var checks = HealthChecks()
    checks.follow(container { $0.retries = 1 }, now: start)
    _ = checks.tick(now: after(30))
    checks.follow(container(phase: .waiting), now: after(31))
    #expect(checks.nextDeadline == nil)
    checks.follow(container(starts: 2) { $0.retries = 1 }, now: after(32))
    #expect(checks.checked(name(), Self.ill, now: after(33)) == nil)
    #expect(checks.nextDeadline == after(62))
  }

  @Test func soManyAreCheckedAtOnceWhoWaitedLongestFirst() {
    var checks = HealthChecks()
    let most = UInt64(HealthChecks.mostAtOnce)
    for id in 1...most + 2 { checks.follow(container(id), now: after(most + 2 - id)) }
    #expect(checks.tick(now: after(100)).map { $0.container } == Array((3...most + 2).reversed()))
    #expect(checks.nextDeadline == nil, "nobody is woken for what has to wait")
    _ = checks.checked(name(5), Self.well, now: after(101))
    #expect(checks.tick(now: after(101)) == [name(2)])
  }

  @Test func checksTakeNobodysPlaceAmongExecs() throws {
    var execs = Execs()
    let request = container().request.health?.exec ?? ExecRequest()
    for id in 1...UInt64(20) { #expect(try execs.begin(name(id), request, now: start)) }
    #expect(try execs.begin(ExecName(container: 1, number: 1), request, now: start))
    #expect(execs.collect(name(1)) == nil)
    execs.end(name(1), Self.well, now: start)
    #expect(execs.collect(name(1)) == Self.well && execs.collect(name(1)) == nil)
    #expect(try execs.begin(name(1), request, now: start))
  }
}

@Suite struct HealthCheckTests {
  @Test func itIsReadAsItWasWritten() throws {
    var check = HealthCheck()
    check.command = ["/bin/sh", "-c", "true"]
    #expect(try HealthCheck(check.value) == check)
    check.intervalMilliseconds = 5000
    check.timeLimitMilliseconds = 1000
    check.retries = 1
    check.startMilliseconds = 7000
    check.kills = true
    let request = plainRequest { $0.health = check }
    #expect(try ContainerRequest(request.value) == request)
  }

  @Test(
    arguments: [
      { (check: inout HealthCheck) in check.command = [] }, { $0.command = [""] }, { $0.intervalMilliseconds = 999 },
      { $0.intervalMilliseconds = 86_400_001 }, { $0.timeLimitMilliseconds = 0 },
      { $0.timeLimitMilliseconds = 3_600_001 },
      { $0.retries = 0 }, { $0.retries = 101 }, { $0.startMilliseconds = 86_400_001 },
      { $0.command = [String](repeating: "a", count: 257) },
    ] as [@Sendable (inout HealthCheck) -> Void])
  func whatIsWrongIsTold(_ change: @Sendable (inout HealthCheck) -> Void) {
    var check = HealthCheck()
    check.command = ["true"]
    #expect(plainRequest { $0.health = check }.problem == nil)
    change(&check)
    #expect(plainRequest { $0.health = check }.problem?.hasPrefix("health check: ") == true)
  }

  @Test func itsTextsCountAsTheRequests() {
    var check = HealthCheck()
    check.command = [String](repeating: "a", count: ContainerRequest.maximumTextBytes)
    #expect(plainRequest { $0.health = check }.problem != nil)
    check.command = ["a\0b"]
    #expect(plainRequest { $0.health = check }.problem?.contains("NUL") == true)
  }
}

@Suite struct SupervisorHealthTests {
  private func bench(kills: Bool) -> SupervisorBench {
    SupervisorBench.at(
      .running,
      plainRequest {
        var check = HealthCheck()
        (check.command, check.kills) = (["ok"], kills)
        $0.health = check
        $0.restart = .onFailure(maximumRestarts: nil)
      })
  }

  @Test func whatIsFoundIsTheContainersAsLongAsItRuns() {
    var bench = bench(kills: false)
    #expect(bench.container()?.health == .starting)
    #expect(bench.supervisor.noteHealth(.unhealthy("no"), id: 1) == [.changed(id: 1)])
    #expect(bench.container()?.health == .unhealthy("no"))
    bench.bringDown()
    #expect(bench.container()?.health == nil)
    #expect(
      bench.supervisor.noteHealth(.healthy, id: 1).isEmpty && bench.supervisor.noteHealth(.healthy, id: 9).isEmpty)
  }

  @Test func anUnhealthyOneIsKilledAndItsPolicyBringsItBack() {
    var bench = bench(kills: true)
    #expect(bench.supervisor.noteHealth(.healthy, id: 1) == [.changed(id: 1)])
    #expect(
      bench.supervisor.noteHealth(.unhealthy("no"), id: 1) == [
        .changed(id: 1), .save(id: 1, revision: 3), .killAll(id: 1),
      ])
    #expect(bench.tellSaved().isEmpty && bench.phase() == .running)
    bench.bringDown(.killed(signal: 9))
    #expect(bench.phase() == .waiting)
    #expect(bench.container()?.end?.description == "killed by signal 9, killed as its health check failed")
  }

  @Test func oneThatIsToEndIsLeftToThat() {
    var bench = bench(kills: true)
    _ = bench.supervisor.kill(named: "dns", signal: 15, token: 7, now: bench.now)
    #expect(bench.supervisor.noteHealth(.unhealthy("no"), id: 1) == [.changed(id: 1)])
    var stopped = self.bench(kills: true)
    _ = stopped.stop()
    #expect(stopped.supervisor.noteHealth(.unhealthy("no"), id: 1).isEmpty)
  }
}
