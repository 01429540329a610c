import Basics
import Testing

@testable import MicroAgent

@Suite struct SupervisorPauseTests {
  private var bench = SupervisorBench()

  init() {
    _ = bench.run()
    _ = bench.tellLaunched()
    _ = bench.tellSaved()
    _ = bench.tell(.started)
    _ = bench.tellSaved()
  }

  private mutating func pause(token: UInt64 = 7) -> [Effect] { bench.supervisor.pause(named: "dns", token: token) }
  private mutating func resume(token: UInt64 = 8) -> [Effect] { bench.supervisor.resume(named: "dns", token: token) }

  /// Why somebody was refused, beside whatever else is to be done.
  private func refusal(in effects: [Effect]) -> RequestError.Kind? {
    for case .reply(_, .failed(let error)) in effects { return error.kind }
    return nil
  }

  private var isPaused: Bool { bench.supervisor.container(named: "dns")?.isPaused ?? false }

  @Test mutating func itIsPausedWhenItsProcessesStandStill() {
    #expect(pause() == [.pause(id: 1, true)])
    #expect(pause(token: 9) == [], "that is under way")
    #expect(!isPaused)
    #expect(bench.tell(.paused) == [.changed(id: 1), .done(7), .done(9)])
    #expect(isPaused)
    #expect(pause() == [.done(7)], "it is already")
    #expect(resume() == [.pause(id: 1, false), .changed(id: 1), .done(8)])
    #expect(!isPaused)
    #expect(resume() == [.done(8)])
  }

  @Test mutating func whatCannotStandStillGoesOn() {
    _ = pause()
    let effects = bench.tell(.pauseFailed("it waits for the disk"))
    #expect(effects.first == .pause(id: 1, false) && refusal(in: effects) == .failed)
    #expect(!isPaused)
  }

  @Test mutating func whoeverWantsItToGoOnMeanwhileHasItSo() {
    _ = pause()
    let effects = resume()
    #expect(effects.first == .pause(id: 1, false) && effects.last == .done(8) && refusal(in: effects) == .conflict)
    #expect(bench.tell(.paused) == [], "news of before")
    #expect(!isPaused)
  }

  /// What stands still hears no signal.
  @Test mutating func itIsStoppedAsEver() {
    _ = pause()
    _ = bench.tell(.paused)
    #expect(refusal(in: bench.start()) == .conflict)
    #expect(bench.stop(grace: 500) == [.pause(id: 1, false), .save(id: 1, revision: 3), .changed(id: 1)])
    #expect(!isPaused)
    #expect(bench.tellSaved() == [.signal(id: 1, signal: 15)])
    #expect(refusal(in: pause()) == .conflict)
  }

  @Test mutating func oneThatEndsIsPausedNoMore() {
    _ = pause()
    let effects = bench.tell(.ended(.killed(signal: 9)))
    #expect(effects.first == .pause(id: 1, false) && refusal(in: effects) == .conflict)
    #expect(bench.tell(.paused) == [])
    #expect(!isPaused)
  }

  @Test mutating func onlyWhatRunsIsPaused() {
    #expect(refusal(in: bench.supervisor.pause(named: "none", token: 1)) == .notFound)
    #expect(refusal(in: bench.supervisor.resume(named: "none", token: 1)) == .notFound)
    _ = bench.stop(grace: 0)
    #expect(refusal(in: resume()) == .conflict)
  }

  /// A new agent asks the kernel.
  @Test mutating func aNewAgentFindsItPaused() {
    var container = bench.supervisor.containers[0]
    container.isPaused = true
    var other = SupervisorBench()
    #expect(other.supervisor.adopt(container, .alive(runsProgram: true), now: other.now) == [])
    #expect(other.supervisor.resume(named: "dns", token: 5) == [.pause(id: 1, false), .changed(id: 1), .done(5)])
  }
}
