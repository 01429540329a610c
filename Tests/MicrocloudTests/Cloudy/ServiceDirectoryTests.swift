import Basics
import TestSupport
import Testing

@testable import Microcloud

struct ServiceDirectoryTests {
  private var directory = ServiceDirectory(availability: Availability(seed: 1))

  @Test func qualityIsPresenceAndNearness() {
    for (alive, looked, milliseconds, percent) in [
      (0, 0, 0, 50), (0, 0, nil, 33), (240, 240, 0, 98), (1680, 1680, 0, 100), (840, 1680, 0, 50),
      (1680, 1680, 100, 83),
      (1680, 1680, 500, 50), (1680, 1680, nil, 66), (0, 1680, 0, 0), (1680, 1680, .max, 0),
    ] as [(Int, Int, UInt32?, UInt8)] {
      #expect(
        ServiceDirectory.quality(alive: alive, looked: looked, roundTripMilliseconds: milliseconds) == percent,
        "\(alive) of \(looked), \(String(describing: milliseconds)) ms")
    }
    #expect(directory.quality(of: member("a", isAlive: false)) == 0)
  }

  @Test func findsByTypeAndText() {
    let far = member("far", .public, roundTrip: 400, [CloudyFixtures.service("Docker", "wiki", port: 1)])
    let near = member("near", .public, roundTrip: 1, [CloudyFixtures.service("ipfs", "for docker", port: 2)])
    let agent = member("agent", roundTrip: 1, [CloudyFixtures.agent()])
    #expect(find("DOCKER", [near, far]) == ["far:1", "near:2"])
    #expect(find("dock", [far, near]) == ["near:2", "far:1"])
    #expect(find("WIK", [far, near]) == ["far:1"])
    #expect(find("galileo-00c1.GUIFI", [far, near, agent]) == ["agent:5683", "near:2", "far:1"])
    #expect(find("nea", [far, near]) == ["near:2"])
    #expect(find("", [far, near, agent]).count == 3)
    #expect(find("10.139", [far, near]) == [])
    #expect(find("microagent", [far, agent]) == ["agent:5683"])
    #expect(find("wiki", [member("gone", isAlive: false, [CloudyFixtures.service()])]) == [])
  }

  @Test func knowsWhoIsAnAgentAndWhereItIsAsked() throws {
    let agent = try #require(ServiceDirectory.agent(of: member("agent", roundTrip: 1, [CloudyFixtures.agent()])))
    #expect(agent.entry.coapPort == 5683 && agent.microcloud == CloudyFixtures.agent().microcloud)
    #expect(ServiceDirectory.agent(of: member("cloudy", roundTrip: 1, [CloudyFixtures.service()])) == nil)
    var broken = member("broken")
    broken.meta = [1, 2, 3]
    #expect(ServiceDirectory.agent(of: broken) == nil)
    var silent = CloudyFixtures.agent()
    silent.text = "coap=0,key=00c1000000004e60"
    #expect(ServiceDirectory.agent(of: member("silent", roundTrip: 1, [silent])) == nil)
  }

  @Test func listsOnceWhatIsHeardOfTwice() {
    let service = CloudyFixtures.service("Docker", "my wiki")
    let strangers = member("galileo-00c1", .public, roundTrip: 1, [service])
    let ours = member("galileo-00c1", .microcloud, roundTrip: 400, [service])
    for members in [[strangers, ours], [ours, strangers]] {
      var search = ServiceSearch("wiki")
      for member in members { search.add(member, in: directory) }
      search.add(found("my wiki", host: "galileo-00c1.local"))
      let (services, isCut) = search.finish()
      #expect(services.count == 1 && !isCut)
      #expect(services.first?.sources == [.link, .public, .microcloud])
      #expect(services.first?.quality == directory.quality(of: ours))
    }
  }

  @Test func findsWhatMulticastDNSFound() {
    var search = ServiceSearch("docker")
    search.add(found("my\u{1B} wiki", host: "alix.local"))
    let service = search.finish().services.first
    #expect(
      service?.service
        == CloudyService(
          type: "Docker", description: "my\u{FFFD} wiki", host: "alix.local", address: "10.139.40.22", port: "8080",
          microcloud: "gracia", text: "microcloud=gracia x=y"))
    #expect(service?.node == "alix" && service?.quality == nil && service?.sources == .link)
  }

  @Test func keepsTheBestOfTooMany() {
    var search = ServiceSearch("wiki")
    for index in 0..<600 {
      let service = CloudyFixtures.service("Docker", "wiki", port: index + 1)
      search.add(member("n\(index)", roundTrip: UInt32(index * 7 % 1000), [service]), in: directory)
    }
    let (services, isCut) = search.finish()
    #expect(services.count == ServiceSearch.maximumResults && isCut)
    let nearest = Set((0..<600).filter { $0 * 7 % 1000 < 240 }.map { "n\($0)" })
    #expect(nearest.isSubset(of: services.map { $0.node }))
    #expect(zip(services, services.dropFirst()).allSatisfy { ($0.quality ?? 0) >= ($1.quality ?? 0) })
  }

  @Test func passesOverBrokenTags() {
    var broken = member("broken")
    broken.meta = (["services": "QlpoOTFBWSZT"] as Tags).encoded
    var search = ServiceSearch("")
    search.add(broken, in: directory)
    broken.meta = [0xFF, 0x81]
    search.add(broken, in: directory)
    broken.meta = []
    search.add(broken, in: directory)
    #expect(search.brokenTags == 2)
    let services = search.finish().services
    #expect(services == [])
    var nodes = NodeSearch()
    nodes.add(broken, in: directory)
    let listed = nodes.finish().nodes
    #expect(listed.map { $0.agent } == [nil])
  }

  @Test func listsNodes() {
    let agent = CloudyFixtures.agent()
    var search = NodeSearch()
    search.add(member("cloudy", .public, roundTrip: 400, [CloudyFixtures.service()]), in: directory)
    search.add(member("galileo-00c1", .public, roundTrip: 1, [agent, CloudyFixtures.service()]), in: directory)
    search.add(member("gone", isAlive: false, [agent]), in: directory)
    search.add(member("galileo-00c1", .microcloud, roundTrip: 2, [agent]), in: directory)
    let nodes = search.finish().nodes
    #expect(nodes.map { $0.name } == ["galileo-00c1", "cloudy", "gone"])
    #expect(nodes[0].sources == [.public, .microcloud] && nodes[0].agent == CloudyFixtures.entry)
    #expect(nodes[0].serviceCount == 0 && nodes[0].microcloud == "gracia" && nodes[0].address == "192.0.2.1")
    #expect(nodes[1].agent == nil && nodes[1].serviceCount == 1)
    #expect(!nodes[2].isAlive && nodes[2].quality == 0)
  }

  private func find(_ text: String, _ members: [DirectoryMember]) -> [String] {
    var search = ServiceSearch(text)
    for member in members { search.add(member, in: directory) }
    return search.finish().services.map { "\($0.node):\($0.service.port)" }
  }

  private func member(
    _ name: String, _ kind: MembershipKind = .microcloud, isAlive: Bool = true, roundTrip: UInt32? = nil,
    _ services: [CloudyService] = []
  ) -> DirectoryMember {
    let value = base64(BZip2.pack(ServicesTag.text(of: services)))
    let tags: Tags = [ServicesTag.name: value]
    return DirectoryMember(
      kind: kind, name: NodeName(name.utf8), address: .v4(0xC000_0201), isAlive: isAlive, meta: tags.encoded,
      roundTripMilliseconds: roundTrip)
  }

  private func found(_ label: String, host: String) -> DiscoveredService {
    DiscoveredService(
      name: try! DNSName(label, in: DNSName.tcpType("Docker")), interface: 2, host: try! DNSName(host),
      addresses: [SocketAddress(.v4(0x0A8B_2816), port: 8080)], text: try! DNSText(["microcloud=gracia", "x=y"]))
  }
}
