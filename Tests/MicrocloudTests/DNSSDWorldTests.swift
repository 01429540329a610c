import Basics
import Testing

@testable import Microcloud

/// Several machines that publish an agent each and look for all others.
private func microcloud(_ count: Int, seed: UInt64, lossPercent: Int = 0, isDual: Bool = false) throws -> DNSSDWorld {
  var world = DNSSDWorld(seed: seed)
  world.lossPercent = lossPercent
  for machine in 0..<count {
    let v4 = IPAddress.v4(0x0A00_0001 + UInt32(machine))
    let v6 = IPAddress.v6(high: 0xFE80_0000_0000_0000, low: UInt64(machine) + 1)
    _ = world.add(isDual ? [v4, v6] : [v4])
    try world.publish(machine, host: "node\(machine).local", label: "board \(machine)", text: ["n=\(machine)"])
    world.with(machine) { node, now in node.browse(.microagentType, now: now) }
  }
  return world
}

private func labels(_ machines: [Int], without own: Int) -> [String] {
  machines.filter { $0 != own }.map { "board \($0)" }.sorted()
}

struct DNSSDWorldTests {
  @Test func allFindAll() throws {
    var world = try microcloud(8, seed: 1, isDual: true)
    world.run(milliseconds: 3000)
    for machine in 0..<8 {
      #expect(world.labels(seenBy: machine) == labels(Array(0..<8), without: machine))
      #expect(
        world.machines[machine].node.services.allSatisfy { $0.addresses.count == 2 && $0.addresses[0].port == 5683 })
    }
  }

  /// Waits until every one of these machines sees all others of them and no more; nil after two and
  /// a half minutes, in which every living service is spoken of at least once.
  private func secondsUntilAllSee(_ machines: [Int], _ world: inout DNSSDWorld) -> Int? {
    for second in 0...150 {
      if machines.allSatisfy({ world.labels(seenBy: $0) == labels(machines, without: $0) }) { return second }
      world.run(milliseconds: 1000)
    }
    return nil
  }

  /// One packet in five is lost for each listener on its own: all find all, what is lost by chance is found again, and what
  /// is switched off vanishes.
  @Test(arguments: 1...6) func lossyLink(seed: UInt64) throws {
    var world = try microcloud(6, seed: seed, lossPercent: 20)
    #expect(secondsUntilAllSee(Array(0..<6), &world) != nil)
    world.run(milliseconds: 300_000)
    #expect(secondsUntilAllSee(Array(0..<6), &world) != nil)
    // The plug is pulled: no goodbye.
    world.machines[5].isConnected = false
    world.run(milliseconds: 130_000)
    #expect(secondsUntilAllSee(Array(0..<5), &world) != nil)
    world.with(4) { node, now in node.withdrawAll(now: now) }
    world.run(milliseconds: 130_000)
    #expect(secondsUntilAllSee(Array(0..<4), &world) != nil)
    // The power is back: another process, the same board.
    world.machines[5].node = MulticastDNS(seed: seed &+ 100)
    world.connect(5)
    try world.publish(5, host: "node5.local", label: "board 5")
    world.run(milliseconds: 10_000)
    world.with(5) { node, now in node.browse(.microagentType, now: now) }
    #expect(secondsUntilAllSee([0, 1, 2, 3, 5], &world) != nil)
    #expect(world.name(5, 1) == "node5.local")
  }

  /// How much of the time a living neighbour is missing when a tenth of all packets is lost.
  @Test func lossHidesLittle() throws {
    var world = try microcloud(6, seed: 77, lossPercent: 10)
    world.run(milliseconds: 30_000)
    var missing = 0
    for _ in 0..<1200 {
      world.run(milliseconds: 1000)
      for machine in 0..<6 { missing += 5 - world.labels(seenBy: machine).count }
    }
    #expect(Double(missing) / Double(1200 * 30) < 0.001)
  }

  /// Without loss a long-lived neighbour is told once, however often its records are confirmed.
  @Test func peaceIsQuiet() throws {
    var world = try microcloud(5, seed: 9)
    world.run(milliseconds: 60_000)
    let start = world.now
    let events = world.machines.map(\.events.count)
    world.run(milliseconds: 3 * 3600 * 1000)
    #expect(world.machines.map(\.events.count) == events)
    #expect(events == [Int](repeating: 4, count: 5))
    let perHour = world.log.filter { $0.at > start }.count / 3
    // Each board's SRV and A are asked for and said once in 96 s or so, whoever asks.
    #expect(perHour < 5 * 38 * 3)
    // As long as what is known is known for more than half of its time.
    let browses = world.log.filter {
      $0.at > start && $0.at < start.advanced(milliseconds: 2_000_000)
        && $0.message.questions.contains { $0.type == .ptr }
    }
    #expect(!browses.isEmpty)
    #expect(
      browses.allSatisfy { $0.message.answers.count == 4 }, "nothing is doubted because its owner asks for others")
    #expect(world.machines.allSatisfy { $0.node.browser.cache.entries.count == 4 * 4 })
  }

  @Test func goodbyesAreQuick() throws {
    var world = try microcloud(3, seed: 4)
    world.run(milliseconds: 5000)
    world.with(2) { node, now in node.withdraw(2, now: now) }
    world.run(milliseconds: 1100)
    #expect(world.labels(seenBy: 0) == ["board 1"])
    #expect(world.machines[0].events.last == .lost(try DNSName("board 2", in: .microagentType), interface: 3))
  }

  @Test func anInterfaceGoesAndReturns() throws {
    var world = try microcloud(3, seed: 5)
    world.run(milliseconds: 5000)
    world.disconnect(0)
    #expect(world.labels(seenBy: 0).isEmpty)
    #expect(world.machines[0].events.filter { if case .lost = $0 { true } else { false } }.count == 2)
    #expect(world.machines[0].node.nextDeadline == nil, "nothing to do without a network")
    world.run(milliseconds: 1000)
    #expect(world.labels(seenBy: 1) == ["board 0", "board 2"], "others have not noticed")
    let start = world.now
    world.connect(0)
    world.run(milliseconds: 5000)
    #expect(world.labels(seenBy: 0) == ["board 1", "board 2"])
    let own = world.sent(by: 0, since: start)
    #expect(own.filter { !$0.message.authorities.isEmpty }.count == 3, "who is on this network may have the name")
    #expect(world.name(0, 1) == "node0.local")
  }

  @Test func anAddressChanges() throws {
    var world = try microcloud(2, seed: 6)
    world.run(milliseconds: 5000)
    let start = world.now
    world.machines[1].addresses = [.v4(0x0A00_0064)]
    world.connect(1)
    world.run(milliseconds: 1100)
    let address = SocketAddress(.v4(0x0A00_0064), port: 5683)
    #expect(world.machines[0].node.services.map(\.addresses) == [[address]])
    #expect(world.labels(seenBy: 0) == ["board 1"])
    guard case .changed(let service)? = world.machines[0].events.last else {
      Issue.record("the change is not told")
      return
    }
    #expect(service.addresses == [address])
    world.run(milliseconds: 5000)
    #expect(world.sent(by: 1, since: start).allSatisfy { $0.message.authorities.isEmpty }, "no new probes")
  }

  /// IPv6 comes a while after IPv4 at every start: the name is asked for there too.
  @Test func aFamilyIsAdded() throws {
    var world = try microcloud(2, seed: 7)
    world.run(milliseconds: 5000)
    let link = IPAddress.v6(high: 0xFE80_0000_0000_0000, low: 77)
    world.machines[1].addresses.append(link)
    let start = world.now
    world.connect(1)
    world.run(milliseconds: 5000)
    let probes = world.sent(by: 1, since: start).filter { !$0.message.authorities.isEmpty }
    #expect(probes.filter { $0.destination.address == MDNS.groupV6 }.count == 3)
    let reordered = world.now
    world.machines[1].addresses.reverse()
    world.connect(1)
    world.run(milliseconds: 5000)
    let said = world.sent(by: 1, since: reordered).filter {
      $0.message.flags.isResponse || !$0.message.authorities.isEmpty
    }
    #expect(said.isEmpty, "another order is no change")
    #expect(
      world.machines[0].node.services[0].addresses == [
        SocketAddress(.v4(0x0A00_0002), port: 5683), SocketAddress(link, port: 5683, scope: 3),
      ])
  }

  /// A container with an address of its own is a host of its own.
  @Test func aHostWithinAHost() throws {
    var world = try microcloud(2, seed: 8)
    let type = try DNSName.tcpType("http")
    let container = try MDNSPublication.host(
      id: 10, name: DNSName("dns.local"), addresses: [.v4(0x0A00_0080)])
    let service = try MDNSPublication.service(
      id: 11, label: "a page", type: type, host: 10, port: 80, text: .empty)
    world.with(0) { node, now in node.publish(container, now: now) }
    world.with(0) { node, now in node.publish(service, now: now) }
    world.with(1) { node, now in node.browse(type, now: now) }
    world.run(milliseconds: 3000)
    let found = world.machines[1].node.services.first { $0.name.isChild(of: type) }
    #expect(found?.addresses == [SocketAddress(.v4(0x0A00_0080), port: 80)])
    #expect(found?.host.description == "dns.local")
    let moved = try MDNSPublication.host(id: 10, name: DNSName("dns.local"), addresses: [.v4(0x0A00_0081)])
    world.with(0) { node, now in node.publish(moved, now: now) }
    world.run(milliseconds: 1500)
    let again = world.machines[1].node.services.first { $0.name.isChild(of: type) }
    #expect(again?.addresses == [SocketAddress(.v4(0x0A00_0081), port: 80)])
  }

  /// Equal inputs give equal outputs, to the byte and the nanosecond.
  @Test func theSameSeedIsTheSameWorld() throws {
    func story(_ seed: UInt64) throws -> [(UInt64, [UInt8])] {
      var world = try microcloud(4, seed: seed, lossPercent: 10)
      world.run(milliseconds: 20_000)
      return world.log.map { ($0.at.nanoseconds, $0.bytes) }
    }
    let (one, two, other) = (try story(1), try story(1), try story(2))
    #expect(one.elementsEqual(two) { $0 == $1 })
    #expect(!one.elementsEqual(other) { $0 == $1 })
  }
}
