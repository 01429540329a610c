import Basics
import Testing

@testable import Microcloud

struct DNSSDBrowseTests {
  /// RFC 6762 section 5.2: after 20 to 120 ms, then 1, 3, 9 … seconds apart, at last every hour; with what is known.
  @Test(arguments: 1...10) func asksMoreAndMoreSeldom(seed: UInt64) throws {
    var world = browsingWorld(seed: seed)
    let start = world.now
    world.run(milliseconds: 4 * 3600 * 1000)
    #expect(world.log.allSatisfy { $0.message.questions == [DNSQuestion(.microagentType, .ptr)] })
    let times = world.log.map { $0.at.milliseconds(since: start) }
    #expect((20...120).contains(times[0]))
    let gaps = zip(times.dropFirst(), times).map { ($0 - $1) / 1000 }
    #expect(gaps == [1, 3, 9, 27, 81, 243, 729, 2187, 3600, 3600, 3600])
  }

  @Test func tellsWhatItKnows() throws {
    var world = browsingWorld()
    world.run(milliseconds: 200)
    try world.inject(dnsResponse(Neighbour().records), from: stranger)
    world.run(milliseconds: 1000)
    var known = Neighbour().pointer
    known.ttlSeconds = 4499
    #expect(world.log.count == 2)
    #expect(world.log[1].message.answers == [known])
  }

  @Test func knownAnswersThatNeedSeveralPackets() throws {
    var world = browsingWorld()
    world.run(milliseconds: 200)
    for number in 0..<60 {
      let neighbour = Neighbour(label: "a service with a rather long name \(number)", host: "host-\(number).local")
      try world.inject(dnsResponse(neighbour.records), from: stranger)
    }
    let start = world.now
    world.run(milliseconds: 1000)
    let packets = world.sent(by: 0, since: start)
    #expect(packets.count > 1)
    #expect(packets.reduce(0) { $0 + $1.message.answers.count } == 60)
    #expect(packets.map { $0.message.questions.count } == [1] + [Int](repeating: 0, count: packets.count - 1))
    #expect(packets.map(\.message.flags.isTruncated) == [Bool](repeating: true, count: packets.count - 1) + [false])
    #expect(packets.allSatisfy { $0.bytes.count <= 1452 })
  }

  /// RFC 6762 section 7.3: the same question of another host will do, if it knows no more than we.
  @Test func anotherOnesQuestionIsEnough() throws {
    var unknown = Neighbour()
    unknown.label = "zwei"
    for (known, isEnough) in [([], true), ([Neighbour().pointer], true), ([unknown.pointer], false)] {
      var world = browsingWorld()
      world.run(milliseconds: 1000)
      try world.inject(dnsResponse(Neighbour().records), from: stranger)
      let start = world.now
      try world.inject(
        DNSMessage(questions: [DNSQuestion(.microagentType, .ptr)], answers: known), from: stranger)
      world.run(milliseconds: 1000)
      #expect(world.sent(by: 0, since: start).count == (isEnough ? 0 : 1))
    }
  }

  @Test func findsAllInOnePacket() throws {
    var world = browsingWorld()
    try world.inject(dnsResponse(Neighbour(text: DNSText(["a=b"])).records), from: stranger)
    let service = Neighbour(text: try DNSText(["a=b"])).found([einsAddress])
    #expect(world.machines[0].events == [.found(service)])
    #expect(world.machines[0].node.services == [service])
  }

  /// What is missing is asked for, step by step.
  @Test func asksForWhatIsMissing() throws {
    var world = browsingWorld()
    world.run(milliseconds: 200)
    let neighbour = Neighbour()
    var start = world.now
    try world.inject(dnsResponse([neighbour.pointer]), from: stranger)
    world.run(milliseconds: 120)
    #expect(
      world.sent(by: 0, since: start).flatMap(\.message.questions) == [
        DNSQuestion(neighbour.name, .srv), DNSQuestion(neighbour.name, .txt),
      ])
    try world.inject(dnsResponse([neighbour.service, neighbour.textRecord]), from: stranger)
    #expect(world.machines[0].events.isEmpty)
    start = world.now
    world.run(milliseconds: 1500)
    let host = try DNSName("node.local")
    #expect(world.sent(by: 0, since: start).flatMap(\.message.questions).contains(DNSQuestion(host, .a)))
    #expect(world.sent(by: 0, since: start).flatMap(\.message.questions).contains(DNSQuestion(host, .aaaa)))
    try world.inject(dnsResponse(neighbour.addressRecords), from: stranger)
    #expect(world.machines[0].events == [.found(neighbour.found([einsAddress]))])
  }

  @Test func changes() throws {
    var world = browsingWorld()
    try world.inject(dnsResponse(Neighbour().records), from: stranger)
    world.run(milliseconds: 5000)
    let other = Neighbour(port: 1, text: try DNSText(["new"]))
    try world.inject(dnsResponse([other.service, other.textRecord]), from: stranger)
    let service = other.found([SocketAddress(.v4(0x0A00_00C8), port: 1)])
    #expect(world.machines[0].events.dropFirst() == [.changed(service)])
    try world.inject(dnsResponse(other.records), from: stranger)
    #expect(world.machines[0].events.count == 2, "the same again is nothing new")
  }

  /// Link-local addresses mean something on their interface only.
  @Test func addressesHaveTheirInterface() throws {
    var world = browsingWorld()
    let link = IPAddress.v6(high: 0xFE80_0000_0000_0000, low: 9)
    let global = IPAddress.v6(high: 0x2001_0DB8_0000_0000, low: 9)
    let neighbour = Neighbour(addresses: [link, global, .v4(0x0A00_00C8)])
    try world.inject(dnsResponse(neighbour.records), from: stranger)
    #expect(
      world.machines[0].node.services.first?.addresses == [
        einsAddress, SocketAddress(global, port: 5683), SocketAddress(link, port: 5683, scope: DNSSDWorld.interface),
      ])
  }

  @Test func eachInterfaceHasItsOwn() throws {
    var world = browsingWorld()
    let bytes = try dnsResponse(Neighbour().records).encoded()
    world.with(0) { node, now in
      node.setInterface(7, addresses: [InterfaceAddress(.v4(0x0A01_0001), prefixBits: 24)], now: now)
    }
    world.with(0) { node, now in
      (try? node.receive(bytes, from: stranger, interface: 7, isMulticast: true, now: now)) ?? []
    }
    try world.inject(bytes, from: stranger)
    #expect(world.machines[0].node.services.map(\.interface) == [7, 3])
    world.with(0) { node, now in node.removeInterface(7, now: now) }
    #expect(world.machines[0].events.last == .lost(Neighbour().name, interface: 7))
    #expect(world.machines[0].node.services.map(\.interface) == [3])
  }

  /// Somebody asks for a service whose pointer we have never heard: we ask for all again, once.
  @Test func hearsOfAnUnknownService() throws {
    var world = browsingWorld()
    world.run(milliseconds: 60_000)
    let start = world.now
    for _ in 0..<3 { try world.inject(dnsResponse([Neighbour().service]), from: stranger) }
    world.run(milliseconds: 500)
    #expect(world.sent(by: 0, since: start).map(\.message.questions) == [[DNSQuestion(.microagentType, .ptr)]])
    try world.inject(dnsResponse(Neighbour().records), from: stranger)
    #expect(world.machines[0].node.services.count == 1)
  }

  @Test func stopsLooking() throws {
    var world = browsingWorld()
    try world.inject(dnsResponse(Neighbour().records), from: stranger)
    world.machines[0].node.stopBrowsing(.microagentType)
    #expect(world.machines[0].node.services.isEmpty)
    #expect(world.machines[0].node.nextDeadline == nil)
  }

  /// Serf agents answer by unicast, whatever the question wanted. From afar that does not count.
  @Test func takesUnicastAnswersOfNeighbours() throws {
    var world = browsingWorld()
    let neighbour = Neighbour()
    let afar = SocketAddress(.v4(0xC633_6401), port: 5353)
    try world.inject(dnsResponse(neighbour.records), from: afar, isMulticast: false)
    #expect(world.machines[0].events.isEmpty)
    try world.inject(dnsResponse(neighbour.records), from: stranger, isMulticast: false)
    #expect(world.machines[0].node.services.map(\.name) == [neighbour.name])
  }

  /// What nobody looks for is not kept, nor what a packet from another port says.
  @Test func whatIsNotTaken() throws {
    var world = browsingWorld()
    let neighbour = Neighbour()
    var foreign = neighbour.pointer
    foreign.data = .pointer(try DNSName("eins._http._tcp.local"))
    var other = neighbour.pointer
    other.name = try DNSName("_http._tcp.local")
    try world.inject(
      dnsResponse([neighbour.service, neighbour.textRecord, foreign, other] + neighbour.addressRecords), from: stranger)
    try world.inject(dnsResponse(neighbour.records), from: SocketAddress(stranger.address, port: 5354))
    var chaos = neighbour.records
    for index in chaos.indices { chaos[index].recordClass = DNSClass(rawValue: 3) }
    try world.inject(dnsResponse(chaos), from: stranger)
    #expect(world.machines[0].events.isEmpty)
    let start = world.now
    world.run(milliseconds: 10_000)
    #expect(world.sent(by: 0, since: start).allSatisfy { $0.message.questions.map(\.type) == [.ptr] })
  }
}
