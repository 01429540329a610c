import Basics
import TestSupport
import Testing

@testable import Microcloud

/// Whole boards in virtual time, many times over. What fails names its seed.
struct RegistrationWorldTests {
  /// Runs a story once for each seed. What it returns went wrong.
  private func tell(seeds: ClosedRange<UInt64>, _ story: (RegistrationWorld) -> String?) {
    for seed in seeds {
      let world = RegistrationWorld(seed: seed)
      if let problem = story(world) { Issue.record("seed \(seed): \(problem)\n\(world.report)") }
    }
  }

  /// So many boards without any setting that have found one another.
  private func settle(_ world: RegistrationWorld, _ count: Int) -> String? {
    for _ in 0..<count { world.switchOn(world.add()) }
    return world.run(upTo: 30_000) { world.areTogether(0..<count) } == nil ? "did not meet" : nil
  }

  @Test func boardsMeetWithoutAnySetting() {
    tell(seeds: 1...30) { world in
      for _ in 0..<10 { world.switchOn(world.add()) }
      guard world.run(upTo: 6000, until: { world.areTogether(0..<10) }) != nil else { return "did not meet" }
      return world.boards.contains { $0.names.count > 1 || $0.kept != "microcloud" } ? "changed its mind" : nil
    }
  }

  /// Power comes back house by house, on a bad link.
  @Test func boardsMeetOneAfterAnother() {
    tell(seeds: 1...30) { world in
      world.lostPerThousand = 100
      world.latencyMilliseconds = 1...80
      for _ in 0..<6 {
        world.switchOn(world.add())
        world.run(milliseconds: world.random.below(4000 as UInt64))
      }
      return world.run(upTo: 60_000) { world.areTogether(0..<6) } == nil ? "did not meet" : nil
    }
  }

  /// Everybody knows one contact and nobody else, and that one is without power for an hour.
  @Test func aContactThatWasDownIsFound() {
    tell(seeds: 1...30) { world in
      for number in 0..<5 {
        _ = world.add { board in
          board.configured = "guifi"
          board.link = number
          board.contacts = [SocketAddress(.v4(0x0A00_0001), port: 7946)]
        }
      }
      for number in 1..<5 { world.switchOn(number) }
      world.run(milliseconds: 3600_000)
      for number in 1..<5 where world.boards[number].state != .searching { return "\(number) is not searching" }
      // At most an attempt in half the longest pause, and those of the beginning.
      for number in 1..<5 where world.boards[number].joinAttempts.count > 120 + 6 { return "\(number) hammers" }
      world.switchOn(0)
      return world.run(upTo: 75_000) { world.areTogether(0..<5) } == nil ? "did not meet" : nil
    }
  }

  @Test func halvesOfANetworkMeetAgain() {
    tell(seeds: 1...20) { world in
      if let problem = settle(world, 6) { return problem }
      let cut = 1 + world.random.below(5)
      for number in 0..<cut { world.boards[number].island = 1 }
      world.run(milliseconds: 1000 + world.random.below(600_000 as UInt64))
      for number in 0..<cut { world.boards[number].island = 0 }
      guard world.run(upTo: 90_000, until: { world.areTogether(0..<6) }) != nil else { return "did not meet again" }
      return world.boards.contains { $0.names.count > 1 } ? "took another name" : nil
    }
  }

  /// The cable is pulled: the board hears of it, pauses and goes on at once.
  @Test func aCableIsPulled() {
    tell(seeds: 1...30) { world in
      if let problem = settle(world, 5) { return problem }
      let address = world.boards[2].address
      world.setAddress(2, nil)
      let attempts = world.boards[2].joinAttempts.count
      world.run(milliseconds: 1000 + world.random.below(300_000 as UInt64))
      guard world.boards[2].state == .noNetwork else { return "does not see it" }
      if world.boards[2].joinAttempts.count > attempts { return "tries in vain" }
      world.setAddress(2, address)
      return world.run(upTo: 15_000) { world.areTogether(0..<5) } == nil ? "is not back" : nil
    }
  }

  /// DHCP gives another address while the network is there: the name stays.
  @Test func anAddressChanges() {
    tell(seeds: 1...30) { world in
      if let problem = settle(world, 5) { return problem }
      world.setAddress(3, .v4(0x0A00_0063))
      guard world.run(upTo: 20_000, until: { world.areTogether(0..<5) }) != nil else { return "is not back" }
      return world.boards[3].names.count != 2 || world.boards[3].nameNumber != 1 ? "took another name" : nil
    }
  }

  /// The same after the network was gone for some time: where others still know the old address, the name changes.
  @Test func anAddressChangesWhileTheCableIsPulled() {
    tell(seeds: 1...30) { world in
      if let problem = settle(world, 5) { return problem }
      world.setAddress(3, nil)
      world.run(milliseconds: 500 + world.random.below(150_000 as UInt64))
      world.setAddress(3, .v4(0x0A00_0063))
      guard world.run(upTo: 30_000, until: { world.areTogether(0..<5) }) != nil else { return "is not back" }
      return world.boards[3].nameNumber > 2 ? "took too many names" : nil
    }
  }

  @Test func powerIsCutAndTheAddressIsAnotherOne() {
    tell(seeds: 1...30) { world in
      if let problem = settle(world, 5) { return problem }
      world.run(milliseconds: world.random.below(60_000 as UInt64))
      world.switchOff(1)
      world.run(milliseconds: 500 + world.random.below(120_000 as UInt64))
      world.setAddress(1, .v4(0x0A00_0063))
      world.switchOn(1)
      // The board itself is in within seconds; that the old name has failed shows when others have missed it.
      guard world.run(upTo: 12_000, until: { world.boards[1].isIn }) != nil else { return "is not in" }
      guard world.run(upTo: 60_000, until: { world.areTogether(0..<5) }) != nil else { return "is not back" }
      return world.boards[1].nameNumber > 2 ? "took too many names" : nil
    }
  }

  @Test func powerIsCutAndNothingElseChanges() {
    tell(seeds: 1...30) { world in
      if let problem = settle(world, 5) { return problem }
      world.switchOff(1)
      world.run(milliseconds: 500 + world.random.below(120_000 as UInt64))
      world.switchOn(1)
      guard world.run(upTo: 12_000, until: { world.areTogether(0..<5) }) != nil else { return "is not back" }
      return world.boards[1].nameNumber > 1 ? "took another name" : nil
    }
  }

  /// Two open microclouds and one with a key: boards without any setting choose one of the open ones and stay with it.
  @Test func severalMicrocloudsAreInReach() {
    tell(seeds: 1...15) { world in
      for name in ["alpha", "alpha", "beta", "beta", "gamma", "gamma"] {
        world.switchOn(
          world.add { board in
            board.configured = name
            board.isKeyed = name == "gamma"
          })
      }
      let pairs = { world.areTogether([0, 1]) && world.areTogether([2, 3]) && world.areTogether([4, 5]) }
      guard world.run(upTo: 10_000, until: pairs) != nil else { return "did not meet" }
      let new = world.add()
      world.switchOn(new)
      guard world.run(upTo: 10_000, until: { world.boards[new].isIn }) != nil else { return "is not in" }
      let chosen = world.boards[new].microcloud
      guard chosen == "alpha" || chosen == "beta", world.boards[new].kept == chosen else { return "chose badly" }
      world.run(milliseconds: 2000)
      let others = world.boards[new].power!.node.choice.seen.map { $0.name }.sorted()
      guard others == ["alpha", "beta", "gamma"] else { return "does not see the others" }
      world.switchOff(new)
      let own = chosen == "alpha" ? 0..<2 : 2..<4
      for number in own { world.switchOff(number) }
      world.run(milliseconds: 200_000)
      world.switchOn(new)
      world.run(milliseconds: 600_000)
      guard world.boards[new].microcloud == chosen, world.boards[new].state == .searching else { return "strays" }
      for number in own { world.switchOn(number) }
      return world.run(upTo: 15_000) { world.areTogether(Array(own) + [new]) } == nil ? "is not back" : nil
    }
  }

  /// A board that others cannot reach says so, and does not call them all the time.
  @Test func aBoardBehindNATSaysSo() {
    tell(seeds: 1...30) { world in
      for number in 0..<4 {
        let index = world.add { board in
          board.configured = "guifi"
          board.link = number / 3
          board.contacts = [SocketAddress(.v4(0x0A00_0001), port: 7946)]
          board.isBehindNAT = number == 3
        }
        world.switchOn(index)
      }
      world.run(milliseconds: 90_000)
      guard world.boards[3].state == .unreachable else { return "does not see it" }
      guard (0..<3).allSatisfy({ world.boards[$0].isIn }) else { return "disturbs the others" }
      let attempts = world.boards[3].joinAttempts.count
      world.run(milliseconds: 600_000)
      guard world.boards[3].state == .unreachable else { return "has forgotten it" }
      if world.boards[3].joinAttempts.count - attempts > 20 + 20 { return "hammers" }
      // The owner opens the port.
      world.boards[3].isBehindNAT = false
      return world.run(upTo: 150_000) { world.areTogether(0..<4) } == nil ? "is not in" : nil
    }
  }
}
