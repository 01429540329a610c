import Basics
import Testing

@testable import Microcloud

private func sighting(_ name: String, isKeyed: Bool? = false) -> MicrocloudSighting {
  MicrocloudSighting(microcloud: name, isKeyed: isKeyed, contacts: [SocketAddress(.v4(0x0A00_0001), port: 7946)])
}

private func at(seconds: UInt64) -> Instant { Instant(nanoseconds: 0).advanced(milliseconds: seconds * 1000) }
private let hour: UInt64 = 3600

private func choice(configured: String? = nil, kept: String? = nil) -> MicrocloudChoice {
  var choice = MicrocloudChoice(configured: configured, kept: kept, seed: 1)
  let effects = choice.setNetwork(true, now: at(seconds: 0))
  #expect(effects == (configured ?? kept).map { [.choose($0)] } ?? [])
  return choice
}

struct MicrocloudChoiceTests {
  @Test func theConfiguredOneCountsWhateverIsSeen() {
    var choice = choice(configured: "alpha", kept: "beta")
    #expect(choice.see([sighting("beta"), sighting("gamma", isKeyed: true)], now: at(seconds: 1)) == [])
    #expect(choice.tick(now: at(seconds: 100 * hour)) == [])
    #expect(choice.name == "alpha")
    #expect(choice.status(now: at(seconds: 600)) == "alpha: configured, not in reach for 10 min")
    #expect(choice.seen.map { $0.name } == ["beta", "gamma"])
  }

  @Test func theFirstWithoutAKeyIsKeptOnceWeAreIn() {
    var choice = choice()
    #expect(choice.see([sighting("gamma", isKeyed: true)], now: at(seconds: 1)) == [])
    #expect(choice.see([sighting("gamma", isKeyed: true), sighting("beta")], now: at(seconds: 1)) == [.choose("beta")])
    #expect(choice.see([sighting("alpha"), sighting("beta")], now: at(seconds: 2)) == [])
    #expect(choice.setMember(true, now: at(seconds: 3)) == [.store("beta")])
    #expect(choice.status(now: at(seconds: 3)) == "beta: chosen before")
    #expect(choice.setMember(false, now: at(seconds: 4)) == [])
    #expect(choice.see([sighting("alpha")], now: at(seconds: 100)) == [])
  }

  @Test func oneThatDoesNotTakeUsInIsLeftAlone() {
    var choice = choice()
    _ = choice.see([sighting("dead"), sighting("alive")], now: at(seconds: 1))
    #expect(choice.name == "dead")
    #expect(choice.nextDeadline == at(seconds: 31))
    #expect(choice.tick(now: at(seconds: 31)) == [.choose("alive")])
    #expect(choice.tick(now: at(seconds: 61)) == [.choose("microcloud")])
    #expect(choice.origin == .founded)
    // As nobody joins there, the others have another turn.
    #expect(choice.nextDeadline == at(seconds: 601))
    #expect(choice.tick(now: at(seconds: 601)) == [.choose("dead")])
  }

  @Test func withNobodyInReachItIsTheCustomaryOneUntilAnotherAppears() {
    var choice = choice()
    let deadline = choice.nextDeadline!
    #expect(deadline >= at(seconds: 2) && deadline <= at(seconds: 3))
    #expect(choice.tick(now: deadline) == [.choose("microcloud")])
    #expect(choice.see([sighting("keyed", isKeyed: true), sighting("serf", isKeyed: nil)], now: deadline) == [])
    #expect(choice.see([sighting("alpha")], now: at(seconds: 500)) == [.choose("alpha")])
  }

  @Test func aKeptOneIsGivenUpAfterADayWithoutIt() {
    var choice = choice(kept: "alpha")
    #expect(choice.see([sighting("beta")], now: at(seconds: 1)) == [])
    #expect(choice.see([sighting("alpha"), sighting("beta")], now: at(seconds: 10 * hour)) == [])
    #expect(choice.tick(now: at(seconds: 100 * hour)) == [])
    #expect(choice.see([sighting("beta")], now: at(seconds: 100 * hour)) == [])
    #expect(choice.nextDeadline == at(seconds: 124 * hour))
    // Without a network nothing is missed.
    #expect(choice.setNetwork(false, now: at(seconds: 110 * hour)) == [])
    #expect(choice.tick(now: at(seconds: 130 * hour)) == [])
    #expect(choice.setNetwork(true, now: at(seconds: 150 * hour)) == [])
    #expect(choice.tick(now: at(seconds: 173 * hour)) == [])
    #expect(choice.status(now: at(seconds: 173 * hour)) == "alpha: chosen before, not in reach for 1380 min")
    #expect(choice.tick(now: at(seconds: 174 * hour)) == [.choose("beta")])
  }

  @Test func aKeptOneStaysWhereThereIsNoOther() {
    var choice = choice(kept: "alpha")
    #expect(choice.tick(now: at(seconds: 1000 * hour)) == [])
    #expect(choice.name == "alpha" && choice.nextDeadline == nil)
    #expect(choice.see([sighting("beta")], now: at(seconds: 1001 * hour)) == [.choose("beta")])
  }

  @Test func aThousandInventedMicrocloudsAreFew() {
    var choice = choice()
    _ = choice.see([sighting("real")], now: at(seconds: 1))
    for round in 0..<10 as Range<Int> {
      let invented = (0..<100).map { sighting("x\(round)-\($0)") }
      _ = choice.see([sighting("real")] + invented, now: at(seconds: UInt64(2 + round)))
      #expect(choice.seen.count == MicrocloudChoice.maximumSeen)
      #expect(choice.seen.contains { $0.name == "real" && $0.members == 1 })
    }
    #expect(choice.name == "real")
  }

  @Test func whatWasStoredIsNotBelieved() {
    let choice = MicrocloudChoice(configured: nil, kept: "a b\n", seed: 1)
    #expect(choice.name == nil)
  }
}
