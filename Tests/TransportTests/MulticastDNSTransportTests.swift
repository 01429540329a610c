import Basics
import EventLoop
import LinuxSystem
import Microcloud
import Testing

@testable import Transport

/// Two responders on the loopback, which is told to them as a link with neighbours. Real ones are in Tests/system.
@Suite struct MulticastDNSTransportTests {
  private let loopback = NetworkInterface(
    index: 1, name: "lo", flags: [.up, .running, .multicast],
    addresses: [.init(address: .loopbackV4, prefixBits: 8, scope: .host, flags: [])])

  /// Runs a loop until `isDone`.
  private func run(_ loop: EventLoop, until isDone: () -> Bool) throws {
    let deadline = loop.now.advanced(milliseconds: 20_000)
    while !isDone() {
      try #require(loop.now < deadline, "not there in 20 s")
      let tick = try Timer(on: loop) { loop.stop() }
      tick.start(milliseconds: 1)
      loop.run()
      tick.close()
    }
  }

  @Test func findsWhatAnotherPublishesUntilItsGoodbye() throws {
    let loop = try EventLoop()
    var news: [MDNSEffect] = []
    let nodes = try (0..<2).map { try MulticastDNSTransport(on: loop, seed: UInt64($0)) }
    nodes[1].onNews = { news.append($0) }
    for node in nodes { node.setInterfaces([loopback]) }
    // Nobody else on this machine has these names, whatever runs here.
    let number = UInt64.random(in: .min ... .max)
    let type = try DNSName("_t\(number % 1_000_000)._udp.local")
    let host = try MDNSPublication.host(id: 1, name: try DNSName("h\(number).local"))
    let service = try MDNSPublication.service(id: 2, label: "eins", type: type, host: 1, port: 7, text: .empty)
    nodes[0].perform { $0.publish(host, now: $1) + $0.publish(service, now: $1) }
    nodes[1].perform { $0.browse(type, now: $1) }
    try run(loop, until: { !news.isEmpty })
    let name = try DNSName("eins", in: type)
    let found = try #require(nodes[1].state.services.first)
    #expect(found.name == name && found.addresses == [SocketAddress(.loopbackV4, port: 7)])
    #expect(news == [.found(found)])
    nodes[0].perform { $0.withdrawAll(now: $1) }
    try run(loop, until: { news.count == 2 })
    #expect(news[1] == .lost(name, interface: 1))
    for node in nodes { node.close() }
    for _ in 0..<5 { loop.runOnce() }
    #expect(loop.handleCounts.made == loop.handleCounts.closed)
  }

  @Test func usesOnlyWhatCarriesMulticast() throws {
    let loop = try EventLoop()
    let node = try MulticastDNSTransport(on: loop, seed: 1)
    let host = try MDNSPublication.host(id: 1, name: try DNSName("node.local"))
    node.perform { $0.publish(host, now: $1) }
    let down = NetworkInterface(index: 1, name: "lo", flags: [.up, .multicast], addresses: loopback.addresses)
    let mute = NetworkInterface(index: 1, name: "lo", flags: [.up, .running], addresses: loopback.addresses)
    var tentative = loopback.addresses
    tentative[0].flags = .tentative
    let young = NetworkInterface(index: 1, name: "lo", flags: loopback.flags, addresses: tentative)
    for interface in [down, mute, young] {
      node.setInterfaces([interface])
      #expect(node.state.nextDeadline == nil)
    }
    node.setInterfaces([loopback])
    #expect(node.state.nextDeadline != nil)
    node.setInterfaces([])
    #expect(node.state.nextDeadline == nil)
    node.close()
  }
}
