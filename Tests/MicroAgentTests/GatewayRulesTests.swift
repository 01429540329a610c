import Basics
import Netlink
import Testing

@testable import MicroAgent

@Suite struct GatewayRulesTests {
  private func rules(_ text: String) throws -> GatewayRules? {
    GatewayRules(try Configuration(parsing: Array(text.utf8)))
  }

  private func chain(_ name: String, _ rules: GatewayRules) throws -> PacketChain {
    try #require(rules.packetRules.chains.first { $0.name == name })
  }

  private func fromHome(_ rules: GatewayRules) throws -> [PacketMatch]? {
    try chain("forward", rules).rules.first { $0.comment == "from home" }?.matches
  }

  @Test func withoutAHomeSideThereIsNothingToJudge() throws {
    #expect(try rules("uplink = eth0") == nil)
  }

  @Test func theSettingsBecomeInterfacesUsersAndPorts() throws {
    let node = "coap-port = 5700\npublic = on\npublic-port = 5001"
    let found = try #require(try rules("home = eth1, eth2\nuplink = eth0\nfirst-user-id = 200000\n" + node))
    #expect(found.containerUsers == 200_000...265_535)
    #expect(found.ports == [5700, 7946, 5001])
    #expect(
      found.packetRules.sets.prefix(2) == [
        PacketSet("home", .interfaces(["eth1", "eth2", "br-home"])), PacketSet("agent", .ports([5700, 7946, 5001])),
      ])
    let last = try #require(try rules("home = eth1\nfirst-user-id = 4294901759\nmicrocloud = off"))
    #expect(last.containerUsers == 4_294_901_759...4_294_967_294)
    #expect(last.ports == [])
  }

  /// What comes by or goes out by none of the home's interfaces is outside, where no interface is named.
  @Test func anUplinkThatIsNotNamedIsWhateverIsNotHome() throws {
    let named = try #require(try rules("home = eth1\nuplink = ppp0"))
    let unnamed = try #require(try rules("home = eth1"))
    let home = PacketMatch.fromOne(ofSet: "home")
    #expect(try fromHome(named) == [home, .to("ppp0")])
    #expect(try fromHome(unnamed) == [home, .toNone(ofSet: "home")])
    #expect(try chain("translation", unnamed).rules.map(\.matches) == [[.family(.v4), home, .toNone(ofSet: "home")]])
    for rules in [named, unnamed] {
      #expect(try chain("forward", rules).drops && chain("input", rules).drops)
    }
  }

  @Test func containersAreKeptFromHomeUnlessItIsOpen() throws {
    let closed = try #require(try rules("home = eth1\nhome-address = 10.77.0.1/16"))
    #expect(try chain("output", closed).rules.map(\.matches) == [[.sender(100_000...165_535)]])
    let refused = try chain("containers", closed).rules.filter { $0.verdict == .reject }.map(\.matches)
    #expect(
      refused.prefix(2) == [[.toOne(ofSet: "home")], [.destination(.v4(0x0A4D_0001), prefixBits: 16)]])
    #expect(refused.count == 4)
    let open = try #require(try rules("home = eth1\nhome-open = on"))
    #expect(open.packetRules.chains.map(\.name) == ["input", "forward", "translation"])
    #expect(open.packetRules.chains.allSatisfy { $0.rules.allSatisfy { $0.verdict != .reject } })
  }

  @Test func whatIsPublishedIsLetIn() throws {
    var found = try #require(try rules("home = eth1"))
    func entry(_ port: UInt16, _ container: String?) -> OwnServices.Entry {
      .init(Publication(type: "http", port: port), container: container)
    }
    found.publish([entry(80, nil), entry(8080, "web"), entry(8080, "other"), entry(22, "liar")])
    #expect(found.publishedPorts == [80, 8080])
    #expect(found.packetRules.sets.contains(PacketSet("published", .ports([80, 8080]))))
    found.publish([])
    #expect(found.publishedPorts == [])
  }
}
