import Basics
import Testing

@testable import Microcloud

private let address = SocketAddress(.v4(0x0A00_0001), port: 5683)

private func announcement(_ standing: NodeStanding = .claimed) -> NodeAnnouncement {
  NodeAnnouncement(
    name: "alix-3fa2c1", version: "1.2", fingerprint: "3fa2c1d4", coapPort: 5683, standing: standing,
    microcloud: .init(name: "guifi", isKeyed: true, gossipPort: 7946),
    services: [PublishedService(type: "http", label: "Wiki", port: 8080)])
}

/// A publication as somebody else finds it.
private func found(_ publication: MDNSPublication) -> DiscoveredService? {
  guard case .service(_, let port, let text) = publication.content else { return nil }
  return DiscoveredService(
    name: publication.name, interface: 2, host: .root, addresses: [SocketAddress(address.address, port: port)],
    text: text)
}

private func agent(_ text: [String], type: DNSName = .microagentType) throws -> DiscoveredService {
  DiscoveredService(
    name: try DNSName("x", in: type), interface: 2, host: .root, addresses: [address], text: try DNSText(text))
}

struct NodeAnnouncementTests {
  @Test func publishesHostAgentSerfAndServices() throws {
    let publications = try announcement().publications()
    #expect(
      publications.map { $0.name.description } == [
        "alix-3fa2c1.local", "alix-3fa2c1._microagent._udp.local", "alix-3fa2c1._serf_guifi._tcp.local",
        "Wiki._http._tcp.local",
      ])
    #expect(publications.map { $0.id } == [1, 2, 3, 4])
    let text = found(publications[1])!.text
    #expect(
      text.strings.map { String(decoding: $0, as: UTF8.self) } == [
        "version=1.2", "name=alix-3fa2c1", "key=3fa2c1d4", "state=claimed", "cloud=guifi", "keyed=yes", "gossip=7946",
      ])
    #expect(found(publications[2])!.text.strings == [Array("Serf 'guifi' cluster".utf8)])
  }

  @Test func anUnclaimedBoardPublishesNoServices() throws {
    let publications = try announcement(.unclaimed).publications()
    #expect(publications.count == 3)
    #expect(found(publications[1])!.text["state"] == Array("unclaimed".utf8))
    #expect(!NodeStanding.unclaimed.servesOthers && NodeStanding.claimed.servesOthers)
  }

  @Test func isFoundAsAContact() throws {
    let sightings = try announcement().publications().compactMap { found($0) }.compactMap { MicrocloudSighting($0) }
    let contact = SocketAddress(address.address, port: 7946)
    #expect(
      sightings == [
        MicrocloudSighting(microcloud: "guifi", isKeyed: true, contacts: [contact]),
        MicrocloudSighting(microcloud: "guifi", isKeyed: nil, contacts: [contact]),
      ])
  }

  @Test func whatMakesNoSenseIsNoSighting() throws {
    #expect(MicrocloudSighting(try agent(["cloud=a", "keyed=no", "gossip=1"]))?.isKeyed == false)
    for text in [
      [], ["cloud=a"], ["gossip=7946"], ["cloud=a b", "gossip=1"], ["cloud=", "gossip=1"], ["cloud=-a", "gossip=1"],
      ["cloud=a", "gossip=0"], ["cloud=a", "gossip=65536"], ["cloud=a", "gossip=-1"], ["cloud=a\n", "gossip=1"],
      ["cloud=" + String(repeating: "a", count: 33), "gossip=1"], ["cloud=\u{E9}", "gossip=1"],
    ] as [[String]] {
      #expect(MicrocloudSighting(try agent(text)) == nil, "\(text)")
    }
    for type in ["_serf_._tcp.local", "_serf_a b._tcp.local", "_serf_a._udp.local", "_http._tcp.local", "_serf_a.x"] {
      #expect(MicrocloudSighting(try agent([], type: DNSName(type))) == nil, "\(type)")
    }
    #expect(MicrocloudSighting(try agent([], type: DNSName("_serf_a-1._tcp.local")))?.microcloud == "a-1")
  }
}
