import Basics
import Testing

@testable import Microcloud

struct DNSSDPublishingTests {
  /// RFC 6762 section 8: a pause of up to 250 ms, three probes 250 ms apart, 250 ms, announcements
  /// one and two seconds apart.
  @Test(arguments: 1...20) func probesThenAnnounces(seed: UInt64) throws {
    var world = DNSSDWorld(seed: seed)
    let machine = world.add()
    try world.publish(machine, host: "node.local", label: "eins", text: ["v=1"])
    world.run(milliseconds: 60_000)
    let times = world.log.map { world.seconds($0.at) }
    #expect(world.log.count == 6 && times[0] <= 0.25)
    for (index, gap) in [0.25, 0.25, 0.25, 1, 2].enumerated() {
      #expect(abs(times[index + 1] - times[index] - gap) < 1e-6)
    }
    let host = try DNSName("node.local")
    for probe in world.log[..<3] {
      #expect(probe.destination == SocketAddress(MDNS.groupV4, port: 5353))
      #expect(!probe.message.flags.isResponse)
      #expect(
        probe.message.questions == [
          DNSQuestion(host, .any, wantsUnicast: true), DNSQuestion(try DNSName(einsInstance), .any, wantsUnicast: true),
        ])
      #expect(probe.message.authorities.map(\.type) == [.a, .srv, .txt])
      #expect(probe.message.authorities.allSatisfy { !$0.isUnique })
    }
    for announcement in world.log[3...].map(\.message) {
      #expect(announcement.flags == .response && announcement.questions.isEmpty)
      #expect(announcement.answers.map(\.type) == [.a, .ptr, .srv, .txt, .ptr])
      #expect(announcement.answers.map(\.isUnique) == [true, false, true, true, false])
      #expect(announcement.answers.map(\.ttlSeconds) == [120, 4500, 120, 4500, 4500])
      #expect(announcement.answers.last?.name == .serviceTypes)
    }
  }

  @Test func manyServicesShareFewPackets() throws {
    var world = DNSSDWorld()
    let machine = world.add()
    try world.publish(machine, host: "node.local")
    for number in 0..<60 {
      let service = try MDNSPublication.service(
        id: UInt32(10 + number), label: "service number \(number)", type: DNSName.tcpType("http"), host: 1,
        port: UInt16(8000 + number), text: DNSText(["path=/index/\(number)"]))
      world.with(machine) { node, now in node.publish(service, now: now) }
    }
    world.run(milliseconds: 5000)
    #expect(world.log.allSatisfy { $0.bytes.count <= 1452 })
    let probes = world.log.filter { !$0.message.flags.isResponse }
    #expect(probes.reduce(0) { $0 + $1.message.questions.count } >= 3 * 61)
    #expect(probes.count <= 3 * 16 * 2)
    for probe in probes {
      #expect(
        probe.message.questions.allSatisfy { asked in probe.message.authorities.contains { $0.name == asked.name } })
    }
    let listed = world.log.flatMap(\.message.answers).filter { $0.name == .serviceTypes }
    #expect(Set(listed.map { "\($0.data)" }).count == 1)
  }

  /// A record with another text, then one taken back.
  @Test func changesAndGoodbyes() throws {
    var world = try establishedWorld()
    var start = world.now
    let service = try MDNSPublication.service(
      id: 2, label: "eins", type: .microagentType, host: 1, port: 5684, text: DNSText(["new"]))
    world.with(0) { node, now in node.publish(service, now: now) }
    world.run(milliseconds: 5000)
    let changes = world.sent(by: 0, since: start)
    #expect(changes.count == 3 && changes.allSatisfy { $0.message.flags.isResponse }, "no new probes")
    #expect(changes[0].message.answers.contains { $0.data == .text(try! DNSText(["new"])) && $0.isUnique })
    world.with(0) { node, now in node.publish(service, now: now) }
    #expect(world.sent(by: 0, since: start).count == 3, "the same again changes nothing")

    start = world.now
    world.with(0) { node, now in node.withdraw(2, now: now) }
    world.run(milliseconds: 5000)
    let goodbyes = world.sent(by: 0, since: start)
    #expect(goodbyes.count == 1)
    #expect(goodbyes[0].message.answers.map(\.type) == [.ptr, .srv, .txt, .ptr])
    #expect(goodbyes[0].message.answers.allSatisfy { $0.ttlSeconds == 0 })
    try world.inject(dnsQuery(DNSQuestion(.microagentType, .ptr)), from: stranger)
    world.run(milliseconds: 1000)
    #expect(world.sent(by: 0, since: start).count == 1, "what is taken back is not answered for")
    #expect(world.name(0, 2) == nil)
  }

  @Test func theTypeStaysListedWithItsLastService() throws {
    var world = try establishedWorld()
    let other = try MDNSPublication.service(
      id: 3, label: "zwei", type: .microagentType, host: 1, port: 1, text: .empty)
    world.with(0) { node, now in node.publish(other, now: now) }
    world.run(milliseconds: 5000)
    for (publication, isLast) in [(UInt32(2), false), (3, true)] {
      let start = world.now
      world.with(0) { node, now in node.withdraw(publication, now: now) }
      let goodbye = world.sent(by: 0, since: start)[0].message
      #expect(goodbye.answers.contains { $0.name == .serviceTypes } == isLast)
      world.run(milliseconds: 2000)
    }
    let start = world.now
    world.with(0) { node, now in node.withdrawAll(now: now) }
    #expect(
      world.sent(by: 0, since: start).flatMap(\.message.answers) == [
        try addressRecord("node.local", 0x0A00_0001, ttlSeconds: 0)
      ])
  }

  @Test func twoFamiliesAreTwoLinks() throws {
    let link = IPAddress.v6(high: 0xFE80_0000_0000_0000, low: 1)
    let world = try establishedWorld(addresses: [.v4(0x0A00_0001), link])
    let groups = world.log.map(\.destination)
    #expect(groups.filter { $0 == SocketAddress(MDNS.groupV4, port: 5353) }.count == 6)
    #expect(groups.filter { $0 == SocketAddress(MDNS.groupV6, port: 5353, scope: 3) }.count == 6)
    #expect(world.log.last!.message.answers.map(\.type).prefix(2) == [.aaaa, .a])
  }

  @Test func badPublications() throws {
    let long = try DNSName([String](repeating: String(repeating: "x", count: 42), count: 4).joined(separator: "."))
    #expect(throws: DNSError.nameTooLong) { try MDNSPublication.host(id: 1, name: long) }
    #expect(throws: DNSError.emptyLabel) { try MDNSPublication.host(id: 1, name: .root) }
    #expect(throws: DNSError.labelTooLong) {
      try MDNSPublication.service(
        id: 1, label: String(repeating: "x", count: 64), type: .microagentType, host: 1, port: 1, text: .empty)
    }
    #expect(throws: DNSError.textTooLong) {
      try MDNSPublication.service(
        id: 1, label: "x", type: .microagentType, host: 1, port: 1,
        text: DNSText(data: [UInt8](repeating: 0, count: 513)[...]))
    }
  }
}

struct DNSSDAnsweringTests {
  @Test(arguments: 1...20) func sharedRecordsWaitAndBringWhatIsNeeded(seed: UInt64) throws {
    var world = try establishedWorld(seed: seed)
    let start = world.now
    try world.inject(dnsQuery(DNSQuestion(.microagentType, .ptr)), from: stranger)
    world.run(milliseconds: 1000)
    let answers = world.sent(by: 0, since: start)
    #expect(answers.count == 1)
    #expect((20...120).contains(answers[0].at.milliseconds(since: start)))
    #expect(answers[0].message.answers == [try pointerRecord(ttlSeconds: 4500)])
    #expect(answers[0].message.additionals.map(\.type) == [.srv, .txt, .a, .nsec])
  }

  @Test func uniqueRecordsGoAtOnce() throws {
    var world = try establishedWorld()
    let start = world.now
    try world.inject(dnsQuery(DNSQuestion(try DNSName("NODE.local"), .a)), from: stranger)
    #expect(world.sent(by: 0, since: start).map(\.at) == [start])
    #expect(world.log.last?.message.answers == [try addressRecord("node.local", 0x0A00_0001)])
  }

  @Test func whatIsNotThere() throws {
    var world = try establishedWorld()
    try world.inject(dnsQuery(DNSQuestion(try DNSName("node.local"), .aaaa)), from: stranger)
    let host = try DNSName("node.local")
    #expect(world.log.last?.message.answers == [.only([.a], at: host, ttlSeconds: 120)])
    #expect(world.log.last?.message.additionals == [try addressRecord("node.local", 0x0A00_0001)])
    try world.inject(dnsQuery(DNSQuestion(try DNSName(einsInstance), .a)), from: stranger)
    #expect(world.log.last?.message.answers == [.only([.txt, .srv], at: try DNSName(einsInstance), ttlSeconds: 120)])
    let count = world.log.count
    try world.inject(dnsQuery(DNSQuestion(try DNSName("other.local"), .any)), from: stranger)
    try world.inject(dnsQuery(DNSQuestion(host, .a, DNSClass(rawValue: 3))), from: stranger)
    try world.inject(dnsQuery(DNSQuestion(.microagentType, .srv)), from: stranger)
    world.run(milliseconds: 1000)
    #expect(world.log.count == count)
  }

  @Test func typesAreListed() throws {
    var world = try establishedWorld()
    try world.inject(dnsQuery(DNSQuestion(.serviceTypes, .ptr)), from: stranger)
    world.run(milliseconds: 200)
    let record = DNSRecord(.serviceTypes, .pointer(.microagentType), ttlSeconds: 4500, isUnique: false)
    #expect(world.log.last?.message.answers == [record])
  }

  @Test func knownAnswersAreNotGiven() throws {
    for (ttl, isAnswered) in [(UInt32(4500), false), (2250, false), (2249, true)] {
      var world = try establishedWorld()
      let count = world.log.count
      try world.inject(
        dnsQuery(DNSQuestion(.microagentType, .ptr), known: [pointerRecord(ttlSeconds: ttl)]), from: stranger)
      world.run(milliseconds: 1000)
      #expect(world.log.count == count + (isAnswered ? 1 : 0))
    }
  }

  /// RFC 6762 section 7.2: known answers may come in further packets of the same asker.
  @Test func knownAnswersOfSeveralPackets() throws {
    let more = DNSMessage(answers: [try pointerRecord(ttlSeconds: 4500)])
    let other = SocketAddress(.v4(0x0A00_00C9), port: 5353)
    for (source, isAnswered) in [(stranger, false), (other, true)] {
      var world = try establishedWorld()
      let start = world.now
      var first = dnsQuery(DNSQuestion(.microagentType, .ptr))
      first.flags = .truncatedQuery
      try world.inject(first, from: stranger)
      world.run(milliseconds: 300)
      #expect(world.sent(by: 0, since: start).isEmpty)
      try world.inject(more, from: source)
      world.run(milliseconds: 1000)
      let answers = world.sent(by: 0, since: start)
      #expect(answers.count == (isAnswered ? 1 : 0))
      if let answer = answers.first { #expect(world.seconds(answer.at) - world.seconds(start) >= 0.4) }
    }
  }

  @Test func anotherOnesSameAnswerIsEnough() throws {
    for (ttl, isAnswered) in [(UInt32(4500), false), (4499, true)] {
      var world = try establishedWorld()
      let start = world.now
      try world.inject(dnsQuery(DNSQuestion(.microagentType, .ptr)), from: stranger)
      try world.inject(DNSMessage(flags: .response, answers: [pointerRecord(ttlSeconds: ttl)]), from: stranger)
      world.run(milliseconds: 1000)
      #expect(world.sent(by: 0, since: start).count == (isAnswered ? 1 : 0))
    }
  }

  @Test func answersThatWaitGoTogether() throws {
    var world = try establishedWorld()
    let start = world.now
    try world.inject(dnsQuery(DNSQuestion(.microagentType, .ptr)), from: stranger)
    world.run(milliseconds: 10)
    try world.inject(dnsQuery(DNSQuestion(.serviceTypes, .ptr)), from: stranger)
    world.run(milliseconds: 1000)
    #expect(world.sent(by: 0, since: start).map { $0.message.answers.count } == [2])
  }

  /// RFC 6762 section 6: a record at most once a second, however often it is asked for.
  @Test func oftenAskedIsSeldomAnswered() throws {
    var world = try establishedWorld()
    let start = world.now
    let host = try DNSName("node.local")
    for _ in 0..<100 {
      try world.inject(dnsQuery(DNSQuestion(host, .a), DNSQuestion(.microagentType, .ptr)), from: stranger)
      world.run(milliseconds: 50)
    }
    var last: [String: Double] = [:]
    for packet in world.sent(by: 0, since: start) {
      for record in packet.message.answers + packet.message.additionals {
        let key = "\(record.name) \(record.data)"
        let time = world.seconds(packet.at)
        if let earlier = last[key] { #expect(time - earlier >= 0.999_999) }
        last[key] = time
      }
    }
    #expect(world.sent(by: 0, since: start).count <= 12)
    #expect(world.sent(by: 0, since: start).count >= 5)
  }

  /// The exception: who probes for our name is told within 250 ms.
  @Test func aProbeIsAnsweredSoon() throws {
    var world = try establishedWorld()
    let host = try DNSName("node.local")
    try world.inject(dnsQuery(DNSQuestion(host, .a)), from: stranger)
    let start = world.now
    let probe = DNSMessage(
      questions: [DNSQuestion(host, .any)], authorities: [try addressRecord("node.local", 0x0A00_00C8)])
    try world.inject(probe, from: stranger)
    world.run(milliseconds: 900)
    #expect(world.log.filter { $0.at > start }.map { world.seconds($0.at) - world.seconds(start) }.first == 0.25)
    #expect(world.name(0, 1) == "node.local")
  }

  /// RFC 6762 section 5.4: by unicast, unless all others should hear it too.
  @Test func unicastAnswers() throws {
    var world = try establishedWorld()
    let question = DNSQuestion(try DNSName("node.local"), .a, wantsUnicast: true)
    try world.inject(dnsQuery(question), from: stranger)
    #expect(world.log.last?.destination == stranger)
    #expect(world.log.last?.message.answers == [try addressRecord("node.local", 0x0A00_0001)])
    world.run(milliseconds: 31_000)
    try world.inject(dnsQuery(question), from: stranger)
    #expect(world.log.last?.destination.address == MDNS.groupV4, "not multicast for a quarter of its time")
    let count = world.log.count
    try world.inject(dnsQuery(question), from: SocketAddress(.v4(0x0B00_0001), port: 5353))
    world.run(milliseconds: 2000)
    #expect(world.log.count == count, "no packet leaves the network")
  }

  /// Serf agents join the last address that a packet has, and cannot use one that is good on one interface only.
  @Test func theMostUsefulAddressStandsLast() throws {
    let addresses: [IPAddress] = [
      .v4(0x0A00_0001), .v6(high: 0xFE80 << 48, low: 1), .v6(high: 0x2001_0DB8_0000_0000, low: 1),
    ]
    var world = try establishedWorld(addresses: addresses)
    let client = SocketAddress(.v4(0x0A00_00C8), port: 40_000)
    try world.inject(dnsQuery(DNSQuestion(.microagentType, .ptr)), from: client)
    let said = try #require(world.log.last).message.additionals.compactMap { record in
      if case .address(let address) = record.data { address } else { nil }
    }
    #expect(said == [addresses[1], addresses[2], addresses[0]])
  }

  /// RFC 6762 section 6.7.
  @Test func plainClientsGetPlainAnswers() throws {
    var world = try establishedWorld(text: ["v=1"])
    let client = SocketAddress(.v4(0x0A00_00C8), port: 40_000)
    var plain = dnsQuery(DNSQuestion(.microagentType, .ptr))
    plain.id = 0x1234
    try world.inject(plain, from: client)
    let answer = try #require(world.log.last)
    #expect(answer.destination == client && answer.at == world.now)
    #expect(answer.message.id == 0x1234 && answer.message.questions == plain.questions)
    let records = answer.message.answers + answer.message.additionals
    #expect(records.map(\.type) == [.ptr, .srv, .txt, .a, .nsec])
    #expect(records.allSatisfy { $0.ttlSeconds == 10 && !$0.isUnique })
    let count = world.log.count
    try world.inject(plain, from: SocketAddress(.v4(0x0B00_0001), port: 40_000))
    #expect(world.log.count == count)
  }

  @Test func otherOperationsAreIgnored() throws {
    var world = try establishedWorld()
    let count = world.log.count
    for bits in [UInt16(0x0800), 0x7800, 0x0003] {
      var message = dnsQuery(DNSQuestion(try DNSName("node.local"), .a))
      message.flags = DNSMessage.Flags(rawValue: bits)
      try world.inject(message, from: stranger)
    }
    // A unicast packet from afar.
    try world.inject(
      dnsQuery(DNSQuestion(try DNSName("node.local"), .a)), from: SocketAddress(.v4(0x0B00_0001), port: 5353),
      isMulticast: false)
    world.run(milliseconds: 1000)
    #expect(world.log.count == count)
  }
}
