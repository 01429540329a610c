import Basics
import MicroAgent
import Testing

@Suite struct HealthTests {
  private var health = Health()

  private func at(_ seconds: UInt64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }

  @Test mutating func aWriterThatOwesNothingIsNeverLate() {
    for second in stride(from: UInt64(0), to: 1000, by: 15) {
      #expect(health.problem(oldestWrite: nil, hasKeeper: true, now: at(second)) == nil)
    }
  }

  @Test mutating func aWriterThatAnswersSlowlyIsWell() {
    for second in stride(from: UInt64(0), to: 1000, by: 15) {
      #expect(health.problem(oldestWrite: second / 45, hasKeeper: true, now: at(second)) == nil)
    }
  }

  @Test mutating func aWriterThatDoesNotAnswerIsNot() {
    #expect(health.problem(oldestWrite: 7, hasKeeper: true, now: at(5)) == nil)
    #expect(health.problem(oldestWrite: 7, hasKeeper: true, now: at(64)) == nil)
    #expect(!health.isStoreLate(by: 60_000, now: at(64)))
    let problem = health.problem(oldestWrite: 7, hasKeeper: true, now: at(65))
    #expect(problem == "the store's writer has not answered for 60 s")
    #expect(health.isStoreLate(by: 60_000, now: at(65)))
    #expect(health.problem(oldestWrite: 8, hasKeeper: true, now: at(66)) == nil)
  }

  @Test mutating func withoutAKeeperNothingIsWell() {
    #expect(health.problem(oldestWrite: nil, hasKeeper: false, now: at(0)) == "the keeper is gone")
    #expect(health.problem(oldestWrite: nil, hasKeeper: true, now: at(1)) == nil)
  }
}
