import Basics
import TestSupport
import Testing

@testable import Microcloud

struct DNSSDCacheTests {
  /// RFC 6762 section 5.2: asked for again at 80, 85, 90 and 95 % and up to 2 % more, then gone.
  @Test(arguments: 1...10) func refreshesThenEnds(seed: UInt64) throws {
    var world = browsingWorld(seed: seed)
    world.run(milliseconds: 60_000)
    let start = world.now
    let neighbour = Neighbour()
    try world.inject(dnsResponse(neighbour.records), from: stranger)
    world.run(milliseconds: 120_000)
    let asked = world.sent(by: 0, since: start).filter {
      $0.message.questions.contains(DNSQuestion(neighbour.name, .srv))
    }
    let percents = asked.map { Double($0.at.milliseconds(since: start)) / 1200 }
    #expect(percents.count >= 4)
    for (percent, least) in zip(percents, [80.0, 85, 90, 95]) {
      // One second is 0.83 %: what is due so soon after another refresh goes with it.
      #expect(percent >= least - 0.84 && percent <= least + 2.01)
    }
    #expect(world.machines[0].events == [.found(neighbour.found([einsAddress])), .lost(neighbour.name, interface: 3)])
    world.run(milliseconds: 15_000)
    let pointer = world.machines[0].node.nextDeadline
    #expect(pointer != nil)
    let later = world.now
    world.run(milliseconds: 30_000)
    #expect(
      !world.sent(by: 0, since: later).contains { $0.message.questions.contains { $0.name == neighbour.name } },
      "a dead service is forgotten, pointer and all")
  }

  @Test func anAnswerKeepsIt() throws {
    var world = browsingWorld()
    let neighbour = Neighbour()
    try world.inject(dnsResponse(neighbour.records), from: stranger)
    for _ in 0..<10 {
      world.run(milliseconds: 100_000)
      try world.inject(dnsResponse([neighbour.service] + neighbour.addressRecords), from: stranger)
    }
    #expect(world.machines[0].events == [.found(neighbour.found([einsAddress]))])
  }

  @Test func shortLivesAreNotProlonged() throws {
    var world = browsingWorld()
    world.run(milliseconds: 60_000)
    var records = Neighbour().records
    for index in records.indices { records[index].ttlSeconds = 5 }
    let start = world.now
    try world.inject(dnsResponse(records), from: stranger)
    world.run(milliseconds: 5000)
    #expect(world.sent(by: 0, since: start).isEmpty)
    #expect(world.machines[0].events.last == .lost(Neighbour().name, interface: 3))
  }

  /// A service that lives for a second each time makes nobody ask every second.
  @Test func servicesThatFlicker() throws {
    var world = browsingWorld()
    world.run(milliseconds: 60_000)
    var records = Neighbour().records
    for index in records.indices { records[index].ttlSeconds = 1 }
    let start = world.now
    for _ in 0..<120 {
      try world.inject(dnsResponse(records), from: stranger)
      world.run(milliseconds: 2000)
    }
    #expect(world.sent(by: 0, since: start).count < 80)
  }

  /// RFC 6762 section 10.1.
  @Test func goodbyes() throws {
    for isRescued in [false, true] {
      var world = browsingWorld()
      let neighbour = Neighbour()
      try world.inject(dnsResponse(neighbour.records), from: stranger)
      world.run(milliseconds: 5000)
      try world.inject(dnsResponse([goodbye(neighbour.pointer)]), from: stranger)
      world.run(milliseconds: 900)
      #expect(world.machines[0].events.count == 1)
      if isRescued { try world.inject(dnsResponse([neighbour.pointer]), from: stranger) }
      world.run(milliseconds: 200)
      #expect(world.machines[0].events.count == (isRescued ? 1 : 2))
      #expect(world.machines[0].node.services.isEmpty == !isRescued)
    }
  }

  /// RFC 6762 section 10.2: what the owner does not say any more ends after a second; what it says in the same second stays.
  @Test func cacheFlush() throws {
    var world = browsingWorld()
    let old = Neighbour(addresses: [.v4(0x0A00_00C8), .v4(0x0A00_00C9)])
    try world.inject(dnsResponse(old.records), from: stranger)
    world.run(milliseconds: 500)
    let first = Neighbour(addresses: [.v4(0x0A00_00CA)])
    try world.inject(dnsResponse(first.addressRecords), from: stranger)
    world.run(milliseconds: 5000)
    #expect(world.machines[0].node.services[0].addresses.count == 3)
    let new = Neighbour(addresses: [.v4(0x0A00_00C9), .v4(0x0A00_00CB)])
    try world.inject(dnsResponse(new.addressRecords), from: stranger)
    world.run(milliseconds: 900)
    #expect(world.machines[0].node.services[0].addresses.count == 4)
    world.run(milliseconds: 200)
    #expect(
      world.machines[0].node.services[0].addresses.map(\.address) == [.v4(0x0A00_00C9), .v4(0x0A00_00CB)])
    var shared = Neighbour(addresses: [.v4(0x0A00_00CC)]).addressRecords
    shared[0].isUnique = false
    try world.inject(dnsResponse(shared), from: stranger)
    world.run(milliseconds: 5000)
    #expect(world.machines[0].node.services[0].addresses.count == 3, "without the bit nothing is flushed")
  }

  /// RFC 6762 section 10.5: questions of others that nobody answers.
  @Test func whatNobodyAnswersForIsDoubted() throws {
    let neighbour = Neighbour()
    let question = DNSQuestion(neighbour.name, .srv)
    let known = DNSMessage(questions: [question], answers: [neighbour.service])
    let unicast = DNSMessage(questions: [DNSQuestion(neighbour.name, .srv, wantsUnicast: true)])
    var truncated = DNSMessage(questions: [question])
    truncated.flags = .truncatedQuery
    let owner = SocketAddress(neighbour.addresses[0], port: 5353)
    let other = SocketAddress(.v4(0x0A00_00CF), port: 5353)
    let cases: [(DNSMessage, isAnswered: Bool, isLost: Bool)] = [
      (DNSMessage(questions: [question]), false, true), (DNSMessage(questions: [question]), true, false),
      (known, false, false), (unicast, false, false), (truncated, false, false),
    ]
    for (query, isAnswered, isLost) in cases {
      var world = browsingWorld()
      try world.inject(dnsResponse(neighbour.records), from: stranger)
      world.run(milliseconds: 20_000)
      for _ in 0..<2 {
        try world.inject(query, from: other)
        // Over IPv6 it comes once more.
        try world.inject(query, from: other)
        try world.inject(query, from: owner)
        if isAnswered { try world.inject(dnsResponse([neighbour.service]), from: stranger) }
        world.run(milliseconds: 1000)
      }
      let start = world.now
      world.run(milliseconds: 9500)
      #expect(world.machines[0].events.count == (isLost ? 2 : 1))
      let asks = world.sent(by: 0, since: start).filter { $0.message.questions.contains(question) }
      #expect(asks.isEmpty != isLost, "it is asked for before it is given up")
    }
  }

  /// Once is not twice, in whatever copies it comes; and of what the asker itself has, its question says nothing.
  @Test func whatIsNotDoubted() throws {
    let neighbour = Neighbour()
    let query = DNSMessage(questions: [DNSQuestion(neighbour.name, .srv), DNSQuestion(.microagentType, .ptr)])
    for source in [stranger, SocketAddress(.v4(0x0A00_00CF), port: 5353)] {
      var world = browsingWorld()
      try world.inject(dnsResponse(neighbour.records), from: stranger)
      world.run(milliseconds: 20_000)
      for _ in 0..<(source == stranger ? 20 : 1) {
        try world.inject(query, from: source)
        try world.inject(query, from: source)
        world.run(milliseconds: 1000)
      }
      let start = world.now
      world.run(milliseconds: 15_000)
      #expect(world.machines[0].events.count == 1)
      #expect(!world.sent(by: 0, since: start).contains { $0.message.questions.contains(query.questions[0]) })
    }
  }

  /// A storm of the same question does not end anything by itself.
  @Test func stormOfQuestions() throws {
    var world = browsingWorld()
    let neighbour = Neighbour()
    try world.inject(dnsResponse(neighbour.records), from: stranger)
    for _ in 0..<1000 {
      try world.inject(
        DNSMessage(questions: [DNSQuestion(neighbour.name, .srv)]), from: SocketAddress(.v4(0x0A00_00CF), port: 5353))
      world.run(milliseconds: 2)
    }
    world.run(milliseconds: 8500)
    try world.inject(dnsResponse(neighbour.records), from: stranger)
    world.run(milliseconds: 20_000)
    #expect(world.machines[0].events.count == 1)
  }
}

struct DNSSDFloodTests {
  private func bytesHeld(_ world: DNSSDWorld) -> (records: Int, bytes: Int, instances: Int) {
    let browser = world.machines[0].node.browser
    let bytes = browser.cache.entries.reduce(0) {
      $0 + $1.data.uncompressed.count + MemoryLayout<MDNSCache.Entry>.stride
    }
    return (browser.cache.entries.count, bytes, browser.instances.count)
  }

  /// Names without services: the newest 32 stay, and what is resolved stays whatever comes.
  @Test func inventedNames() throws {
    var world = browsingWorld()
    try world.inject(dnsResponse(Neighbour().records), from: stranger)
    for number in 0..<1000 {
      try world.inject(dnsResponse([Neighbour(label: "invented \(number)").pointer]), from: stranger)
    }
    let held = bytesHeld(world)
    #expect(held.instances == 1 + MDNSBrowser.maximumUnresolved && held.records <= 5 + MDNSBrowser.maximumUnresolved)
    #expect(world.machines[0].node.services.count == 1)
    try world.inject(dnsResponse(Neighbour(label: "zwei").records), from: stranger)
    #expect(world.machines[0].node.services.count == 2)
    let start = world.now
    world.run(milliseconds: 60_000)
    #expect(world.sent(by: 0, since: start).count < 20)
  }

  /// Whole services with long names and texts, each on a host of its own: the first stay until the cache is full.
  @Test func inventedServices() throws {
    var world = browsingWorld()
    try world.inject(dnsResponse(Neighbour().records), from: stranger)
    let text = try DNSText([String](repeating: String(repeating: "t", count: 250), count: 2))
    for number in 0..<300 {
      let neighbour = Neighbour(
        label: "\(number)" + String(repeating: "x", count: 50), host: "\(number).local", text: text,
        addresses: (0..<12).map { .v4(0x0A00_0000 + $0) })
      try world.inject(dnsResponse(neighbour.records), from: stranger)
    }
    let held = bytesHeld(world)
    #expect(held.records <= MDNSCache.maximumRecords && held.bytes <= MDNSCache.maximumBytes)
    #expect(world.machines[0].node.services.first?.name == Neighbour().name)
    #expect(world.machines[0].node.services.allSatisfy { $0.addresses.count <= MDNSCache.maximumAddressesOfHost })
    // They end, and there is room for new ones.
    world.run(milliseconds: 200_000)
    #expect(world.machines[0].node.services.isEmpty)
    #expect(bytesHeld(world) == (0, 0, 0))
    try world.inject(dnsResponse(Neighbour(label: "zwei").records), from: stranger)
    #expect(world.machines[0].node.services.count == 1)
  }

  /// Records that are true, mutated and sent in any order to a node that publishes and browses.
  @Test func mutatedTraffic() throws {
    var world = browsingWorld()
    try world.publish(0, host: "node.local", label: "eins", text: ["v=1"])
    world.run(milliseconds: 3000)
    let own = world.log.map(\.bytes)
    var packets = AvahiPackets.all.map { bytes($0) } + own
    packets.append(try dnsResponse(Neighbour().records).encoded())
    var random = SeededGenerator(seed: 6763)
    var taken = 0
    for _ in 0..<4000 {
      var packet = packets[random.below(packets.count)]
      for _ in 0..<random.below(3) {
        packet[random.below(packet.count)] = UInt8(truncatingIfNeeded: random.next())
      }
      let source = SocketAddress(
        .v4(0x0A00_0001 + UInt32(random.below(3))), port: random.below(4) == 0 ? 4000 : 5353)
      do {
        try world.inject(packet, from: source, isMulticast: random.below(4) != 0)
        taken += 1
      } catch is DNSError {}
      world.run(milliseconds: UInt64(random.below(300)))
    }
    #expect(taken > 1000)
    let held = bytesHeld(world)
    #expect(held.records <= MDNSCache.maximumRecords && held.bytes <= MDNSCache.maximumBytes)
  }
}
