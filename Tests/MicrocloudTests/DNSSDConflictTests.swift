import Basics
import Testing

@testable import Microcloud

struct DNSSDConflictTests {
  @Test func aTakenNameGetsANumber() throws {
    var world = DNSSDWorld()
    _ = world.add()
    _ = world.add()
    try world.publish(0, host: "node.local", label: "eins")
    world.run(milliseconds: 5000)
    try world.publish(1, host: "node.local", label: "eins")
    world.run(milliseconds: 10_000)
    #expect(world.name(0, 1) == "node.local" && world.name(0, 2) == einsInstance)
    #expect(world.name(1, 1) == "node-2.local" && world.name(1, 2) == "eins-2._microagent._udp.local")
    #expect(world.machines[0].events.isEmpty)
    #expect(
      world.machines[1].events == [
        .renamed(publication: 1, try DNSName("node-2.local")),
        .renamed(publication: 2, try DNSName("eins-2._microagent._udp.local")),
      ])
    let service = world.log.last { $0.from == 1 }?.message.answers.first { $0.type == .srv }
    #expect(service?.data == .service(priority: 0, weight: 0, port: 5683, host: try DNSName("node-2.local")))
  }

  /// Whoever starts when, the one whose data come later in order keeps the name if both probe at once.
  @Test(arguments: 1...40) func simultaneousProbes(seed: UInt64) throws {
    var world = DNSSDWorld(seed: seed)
    _ = world.add()
    _ = world.add()
    try world.publish(0, host: "node.local")
    try world.publish(1, host: "node.local")
    world.run(milliseconds: 10_000)
    #expect(world.name(1, 1) == "node.local", "10.0.0.2 is after 10.0.0.1")
    #expect(world.name(0, 1) == "node-2.local")
  }

  @Test(arguments: 1...10) func manyWithOneName(seed: UInt64) throws {
    var world = DNSSDWorld(seed: seed)
    for machine in 0..<6 {
      _ = world.add()
      try world.publish(machine, host: "node.local", label: "service")
    }
    world.run(milliseconds: 60_000)
    let names = (0..<6).compactMap { world.name($0, 1) }.sorted()
    #expect(Set(names).count == 6 && names.contains("node.local"))
    #expect(Set((0..<6).compactMap { world.name($0, 2) }).count == 6)
    let start = world.now
    world.run(milliseconds: 60_000)
    #expect(world.log.allSatisfy { $0.at < start }, "peace")
  }

  /// Two networks with one name each are joined: of the two holders, one gives way, the same one whoever speaks first.
  @Test(arguments: 1...20) func joinedNetworks(seed: UInt64) throws {
    var world = DNSSDWorld(seed: seed)
    world.lossPercent = 100
    _ = world.add()
    _ = world.add()
    try world.publish(0, host: "node.local")
    try world.publish(1, host: "node.local")
    world.run(milliseconds: 10_000)
    #expect(world.name(0, 1) == "node.local" && world.name(1, 1) == "node.local")
    world.lossPercent = 0
    try world.inject(dnsQuery(DNSQuestion(try DNSName("node.local"), .a)), from: stranger)
    world.run(milliseconds: 10_000)
    #expect(world.name(0, 1) == "node-2.local")
    #expect(world.name(1, 1) == "node.local")
  }

  /// A claim that nobody defends: the holder asks, hears nothing, and goes on under its name.
  @Test func anIdleClaimChangesNothing() throws {
    var world = try establishedWorld()
    let start = world.now
    try world.inject(
      DNSMessage(flags: .response, answers: [addressRecord("node.local", 0x0A00_00C8)]), from: stranger)
    world.run(milliseconds: 5000)
    #expect(world.name(0, 1) == "node.local")
    #expect(world.machines[0].events.isEmpty)
    let kinds = world.sent(by: 0, since: start).map { $0.message.flags.isResponse }
    #expect(kinds == [false, false, false, true, true, true])
  }

  /// A claim that is heard before our first probe says nothing yet: the name is ours if nobody defends it.
  @Test func aClaimBeforeTheFirstProbe() throws {
    var world = DNSSDWorld()
    _ = world.add()
    try world.publish(0, host: "node.local")
    try world.inject(
      DNSMessage(flags: .response, answers: [addressRecord("node.local", 0x0A00_00C8)]), from: stranger)
    world.run(milliseconds: 5000)
    #expect(world.name(0, 1) == "node.local" && world.machines[0].events.isEmpty)
  }

  /// A name that is lost on one network is taken back on the other one, where it was ours, and only there.
  @Test func aNameIsLostOnOneNetwork() throws {
    var world = try establishedWorld()
    world.with(0) { node, now in
      node.setInterface(7, addresses: [InterfaceAddress(.v4(0x0A01_0001), prefixBits: 24)], now: now)
    }
    world.run(milliseconds: 10_000)
    var goodbyes: [UInt32] = []
    var claim: [DNSRecord] = [try addressRecord("node.local", 0x0A00_00C8)]
    for _ in 0..<2 {
      let bytes = try DNSMessage(flags: .response, answers: claim).encoded()
      let effects = try world.machines[0].node.receive(
        bytes, from: stranger, interface: DNSSDWorld.interface, isMulticast: true, now: world.now)
      for case .send(let packet, let interface, _) in effects {
        let message = try DNSDecoder.decode(packet)
        if message.answers.contains(where: { $0.ttlSeconds == 0 && $0.name == claim[0].name }) {
          goodbyes.append(interface)
        }
      }
      // The probes of the first round are answered by the second.
      world.run(milliseconds: 600)
      claim[0].ttlSeconds = 119
    }
    #expect(goodbyes == [7])
    #expect(world.name(0, 1) == "node-2.local")
  }

  /// What is no conflict: a goodbye, what we say ourselves, another type of record.
  @Test func noConflicts() throws {
    var world = try establishedWorld()
    let count = world.log.count
    let host = try DNSName("node.local")
    try world.inject(
      DNSMessage(
        flags: .response,
        answers: [
          addressRecord("node.local", 0x0A00_00C8, ttlSeconds: 0), addressRecord("node.local", 0x0A00_0001),
          DNSRecord(host, .text(.empty), ttlSeconds: 120, isUnique: true),
          DNSRecord(host, .address(.v4(1)), ttlSeconds: 120, isUnique: true, recordClass: DNSClass(rawValue: 3)),
        ]), from: stranger)
    world.run(milliseconds: 5000)
    #expect(world.log.count == count)
  }

  /// RFC 6762 section 6.6: another one takes back, or soon lets end, what we still say.
  @Test func takenBackByAnotherIsSaidAgain() throws {
    for record in [try addressRecord("node.local", 0x0A00_0001, ttlSeconds: 59), try pointerRecord(ttlSeconds: 0)] {
      var world = try establishedWorld()
      let start = world.now
      try world.inject(DNSMessage(flags: .response, answers: [record]), from: stranger)
      world.run(milliseconds: 5000)
      #expect(world.sent(by: 0, since: start).count == 3)
      #expect(world.sent(by: 0, since: start)[0].message.answers.contains { $0.data == record.data })
    }
  }

  /// RFC 6762 section 8.1: after fifteen conflicts within ten seconds, five seconds between probes.
  @Test func somebodyWhoClaimsEveryName() throws {
    var world = DNSSDWorld()
    _ = world.add()
    try world.publish(0, host: "node.local")
    var answered = 0
    for _ in 0..<600 {
      world.run(milliseconds: 50)
      for packet in world.log[answered...] where !packet.message.flags.isResponse {
        let claim = DNSRecord(
          packet.message.questions[0].name, .address(.v4(0x0A00_00C8)), ttlSeconds: 120, isUnique: true)
        try world.inject(DNSMessage(flags: .response, answers: [claim]), from: stranger)
      }
      answered = world.log.count
    }
    let probes = world.log.map { world.seconds($0.at) }
    #expect(probes.count > 15 && probes.count < 30)
    for index in 17..<probes.count { #expect(probes[index] - probes[index - 1] > 4.9) }
  }

  @Test func aLongNameIsCutAtACharacter() throws {
    var published = MDNSPublished(
      try .service(
        id: 1, label: "x" + String(repeating: "ü", count: 31), type: .microagentType, host: 2, port: 1, text: .empty))
    published.rename()
    #expect(published.name.firstLabel == "x" + String(repeating: "ü", count: 30) + "-2")
    for _ in 0..<8 { published.rename() }
    #expect(published.name.firstLabel == "x" + String(repeating: "ü", count: 29) + "-10")
    #expect(published.name.isChild(of: .microagentType))
  }

  /// A machine on two networks that are one hears its own other half.
  @Test func twoInterfacesOnOneNetwork() throws {
    var node = MulticastDNS(seed: 3)
    var now = Instant(nanoseconds: 0)
    let own: [UInt32: IPAddress] = [1: .v4(0x0A00_0001), 2: .v4(0x0A00_0002)]
    var sent = 0
    var events: [MDNSEffect] = []
    func echo(_ effects: [MDNSEffect]) throws {
      for effect in effects {
        guard case .send(let bytes, let interface, _) = effect else {
          events.append(effect)
          continue
        }
        sent += 1
        for other in own.keys.sorted() {
          try echo(
            node.receive(
              bytes, from: SocketAddress(own[interface]!, port: 5353), interface: other, isMulticast: true, now: now))
        }
      }
    }
    for (index, address) in own.sorted(by: { $0.key < $1.key }) {
      try echo(node.setInterface(index, addresses: [InterfaceAddress(address, prefixBits: 24)], now: now))
    }
    try echo(node.publish(.host(id: 1, name: DNSName("node.local")), now: now))
    while let next = node.nextDeadline, sent < 100 {
      now = next
      try echo(node.tick(now: now))
    }
    #expect(sent == 12 && events.isEmpty)
    #expect(try node.name(of: 1) == DNSName("node.local"))
  }
}
