import Microcloud
import TestSupport
import Testing

@testable import MicroAgent

@Suite struct ResetHistoryTests {
  private var history = ResetHistory()

  @discardableResult
  private mutating func start(_ boot: String, watchdog: Bool = false, _ before: ResetHistory.AgentEnd? = nil) -> Bool {
    // Whatever happens, the disk knows it.
    defer { #expect(ResetHistory(encoded: history.encoded) == history) }
    return history.start(boot: boot, wasWatchdog: watchdog, before: before, atSeconds: 1_800_000_000)
  }

  private var told: [String] { history.entries.map { "\($0.boot) \($0.reason) \($0.uptimeSeconds ?? 0)" } }

  @Test mutating func theFirstBootEndsNothing() {
    #expect(start("a", watchdog: true))
    #expect(history.boots == 1 && history.entries.isEmpty && history.lastReason == nil)
  }

  @Test mutating func eachBootHasItsReason() {
    start("a")
    #expect(start("b"))
    history.end(uptimeSeconds: 50)
    #expect(start("c"))
    #expect(start("d", watchdog: true))
    history.end(uptimeSeconds: 60)
    #expect(start("e", watchdog: true))
    #expect(start("f"))
    #expect(history.boots == 6)
    #expect(told == ["1 without warning 0", "2 wanted 50", "3 watchdog 0", "4 watchdog 0", "5 without warning 0"])
    #expect(history.lastReason == "without warning")
  }

  @Test mutating func agentsThatDieAreNoted() {
    start("a")
    #expect(start("a", .init(.agentKilled(signal: 11), uptimeSeconds: 7)))
    #expect(start("a", .init(.agentEnded(code: 75), uptimeSeconds: 8)))
    #expect(start("a"))
    #expect(told == ["1 agent: signal 11 7", "1 agent: exit code 75 8", "1 agent: gone with its keeper 0"])
    #expect(history.boots == 1)
  }

  @Test mutating func anAgentThatWasEndedDidNotDie() {
    start("a")
    history.end(uptimeSeconds: 5)
    #expect(start("a"), "the next end has to be wanted anew")
    #expect(history.entries.isEmpty)
    #expect(start("b"))
    #expect(told == ["1 without warning 0"])
  }

  @Test mutating func anAgentThatKeepsDyingIsNotNotedForEver() {
    start("a")
    let noted = (0..<100).filter { _ in start("a", .init(.agentKilled(signal: 4), uptimeSeconds: 0)) }
    #expect(noted.count == ResetHistory.maximumPerBoot)
    #expect(start("b"))
    #expect(start("b", .init(.agentKilled(signal: 4), uptimeSeconds: 0)))
  }

  @Test mutating func theLastOnesAreKept() {
    for boot in 0...100 { start("\(boot)") }
    #expect(history.entries.map { $0.boot } == Array(69...100))
    #expect(history.encoded.count < 2048)
  }

  @Test func whatIsNoHistoryBeginsOne() {
    var random = SeededGenerator(seed: 1)
    #expect(ResetHistory(encoded: []) == ResetHistory())
    #expect(ResetHistory(encoded: CBORValue.array([]).encoded) == ResetHistory())
    for _ in 0..<1000 {
      let bytes = (0..<random.below(40)).map { _ in UInt8(random.below(256)) }
      #expect(ResetHistory(encoded: bytes).entries.count <= ResetHistory.maximumEntries)
    }
  }
}
