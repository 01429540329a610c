import Basics
import Testing

@testable import Microcloud

/// Beside avahi-daemon: its packets as they were captured, and ours for the same host and service.
struct DNSSDAvahiTests {
  private let avahi = SocketAddress(.v4(0x0A4D_0001), port: 5353)
  private let addresses: [IPAddress] = [
    .v4(0x0A4D_0001), .v6(high: 0xFE80_0000_0000_0000, low: 0x6469_09FF_FEA2_E27A),
  ]

  /// A machine that is what that avahi-daemon was.
  private func twin() throws -> DNSSDWorld {
    var world = DNSSDWorld()
    let machine = world.add(addresses)
    try world.publish(machine, host: "node.local", label: "Küche eins.a", text: ["isa=586", "v"])
    world.run(milliseconds: 10_000)
    return world
  }

  /// Records without those that only one of the two sends: NSEC is ours, the names of addresses are Avahi's.
  private func essence(_ records: [DNSRecord]) -> [String] {
    let reverse = (try? DNSName("arpa")) ?? .root
    return records.filter { $0.type != .nsec && $0.name.labels.last != reverse.labels.last }
      .map { "\($0.name) \($0.data) \($0.ttlSeconds) \($0.isUnique)" }.sorted()
  }

  private func records(_ message: DNSMessage) -> [DNSRecord] {
    message.answers + message.authorities + message.additionals
  }

  private func expectSame(_ ours: [DNSRecord], _ theirs: String) throws {
    let message = try DNSDecoder.decode(bytes(theirs))
    #expect(essence(ours) == essence(records(message)))
  }

  @Test func probesAndAnnouncesTheSame() throws {
    let world = try twin()
    let v4 = world.log.filter { $0.destination.address == MDNS.groupV4 }
    let probe = v4[0].message
    try expectSame(probe.authorities.filter { $0.type == .srv || $0.type == .txt }, AvahiPackets.probe)
    try expectSame(probe.authorities.filter { $0.type == .a || $0.type == .aaaa }, AvahiPackets.hostProbe)
    try expectSame(v4[3].message.answers, AvahiPackets.announcement)
  }

  @Test func answersTheSame() throws {
    for (name, theirs) in [
      (DNSName.microagentType, AvahiPackets.answer), (.serviceTypes, AvahiPackets.typesAnswer),
    ] {
      var world = try twin()
      let start = world.now
      let asker = SocketAddress(.v4(0x0A4D_0002), port: 5353)
      try world.inject(DNSMessage(questions: [DNSQuestion(name, .ptr)]), from: asker)
      world.run(milliseconds: 200)
      let answers = world.sent(by: 0, since: start)
      #expect(answers.count == 1)
      try expectSame(answers.flatMap { records($0.message) }, theirs)
    }
    var world = try twin()
    let client = SocketAddress(.v4(0x0A4D_0002), port: 58_775)
    try world.inject(DNSMessage(id: 0x1234, questions: [DNSQuestion(.microagentType, .ptr)]), from: client)
    try expectSame(records(world.log.last!.message), AvahiPackets.legacyAnswer)
    #expect(try world.log.last!.message.id == DNSDecoder.decode(bytes(AvahiPackets.legacyAnswer)).id)
  }

  @Test func saysGoodbyeTheSame() throws {
    var world = try twin()
    let start = world.now
    world.with(0) { node, now in node.withdrawAll(now: now) }
    let v4 = world.sent(by: 0, since: start).filter { $0.destination.address == MDNS.groupV4 }
    try expectSame(v4.flatMap(\.message.answers), AvahiPackets.goodbye)
  }

  @Test func findsWhatAvahiPublishes() throws {
    var world = DNSSDWorld()
    _ = world.add([.v4(0x0A4D_0003)])
    let serf = try DNSName.serfType(cluster: "guifi")
    for type in [DNSName.microagentType, serf] {
      world.with(0) { node, now in node.browse(type, now: now) }
    }
    for packet in [AvahiPackets.announcement, AvahiPackets.serfAnnouncement, AvahiPackets.answer] {
      try world.inject(bytes(packet), from: avahi)
    }
    let services = world.machines[0].node.services
    #expect(
      services.map(\.name.description) == ["Küche eins\\.a._microagent._udp.local", "serf-1._serf_guifi._tcp.local"])
    #expect(
      services[0].addresses == addresses.map { SocketAddress($0, port: 5683, scope: IPFamily($0) == .v6 ? 3 : 0) })
    #expect(services[0].text["isa"] == Array("586".utf8))
    #expect(services[1].host.description == "node-2.local" && services[1].addresses[0].port == 5000)
    #expect(services[1].text == (try DNSText.serf(cluster: "guifi")))
    try world.inject(bytes(AvahiPackets.goodbye), from: avahi)
    try world.inject(bytes(AvahiPackets.serfGoodbye), from: avahi)
    world.run(milliseconds: 1100)
    #expect(world.machines[0].node.services.isEmpty)
  }

  /// We want to be `node` where Avahi is, and Avahi wants to be `node` where we are.
  @Test func namesAreTakenBeforeUs() throws {
    var world = DNSSDWorld()
    _ = world.add([.v4(0x0A4D_0003)])
    try world.publish(0, host: "node.local", label: "Küche eins.a")
    world.run(milliseconds: 300)
    try world.inject(bytes(AvahiPackets.answer), from: avahi)
    world.run(milliseconds: 5000)
    #expect(world.name(0, 1) == "node-2.local")
    #expect(world.name(0, 2) == "Küche eins\\.a-2._microagent._udp.local")
    let count = world.log.count
    try world.inject(bytes(AvahiPackets.announcement), from: avahi)
    world.run(milliseconds: 5000)
    #expect(world.log.count == count, "each has its own now")
  }

  @Test func ourNameIsDefendedFromAvahi() throws {
    var world = DNSSDWorld()
    _ = world.add([.v4(0x0A4D_0003)])
    try world.publish(0, host: "node.local")
    world.run(milliseconds: 5000)
    let start = world.now
    try world.inject(bytes(AvahiPackets.hostProbe), from: avahi)
    world.run(milliseconds: 50)
    let defence = world.sent(by: 0, since: start)
    #expect(defence.count == 1 && defence[0].message.answers.first?.data == .address(.v4(0x0A4D_0003)))
  }
}
