import Basics
import Netlink
import Testing

@testable import MicroAgent

@Suite struct BridgeRulesTests {
  private func rules(_ text: String = "", kept: String..., home: [String] = []) throws -> BridgeRules {
    let settings = try Configuration(parsing: Array(text.utf8)).bridge
    let network = try BridgeNetwork.choose(settings, beside: []).network
    return BridgeRules(
      network, settings, kept: kept.compactMap { IPPrefix($0) }, home: home, nameServers: [.v4(0x0101_0101)],
      forwardedBefore: [])
  }

  private func chain(_ name: String, _ rules: BridgeRules) throws -> PacketChain {
    try #require(rules.tables([]).flatMap { $0.chains }.first { $0.name == name })
  }

  private static let member = BridgeMember(
    id: 42, place: 2,
    ports: [PublishedPort(port: 8080, target: 80), PublishedPort(port: 53, target: 5353, transport: .udp)])

  @Test func aContainerIsInTheSetsAlone() throws {
    let rules = try rules("container-address6 = fd77::1/64")
    let (none, one) = (rules.tables([]), rules.tables([Self.member]))
    #expect(none.map { $0.chains } == one.map { $0.chains })
    #expect(one.map { $0.sets } == rules.elements([Self.member]).map { $0.sets })
    #expect(none.allSatisfy { $0.sets.allSatisfy { $0.elements.isEmpty } })
    let sender = Array("veth0002-00002a\u{0}".utf8) + [2, 0x4D, 0x41, 0, 0, 2, 0, 0]
    let v6: [UInt8] = [0xFD, 0x77] + [UInt8](repeating: 0, count: 13) + [2]
    #expect(
      one[1].sets == [
        PacketSet("ports", .interfaces(["veth0002-00002a"])),
        PacketSet("senders", .rows([.interface, .hardware, .v4], [sender + [172, 29, 77, 2]])),
        PacketSet("senders6", .rows([.interface, .hardware, .v6], [sender + v6])),
      ])
    #expect(
      one[0].sets[0]
        == PacketSet(
          "published",
          .map(
            [.transport, .port], to: [.v4, .port],
            [
              PacketMapping([6, 0, 0, 0, 0x1F, 0x90, 0, 0], [172, 29, 77, 2, 0, 80, 0, 0]),
              PacketMapping([17, 0, 0, 0, 0, 53, 0, 0], [172, 29, 77, 2, 0x14, 0xE9, 0, 0]),
            ])))
    #expect(one[0].sets[1].elements.isEmpty == false && one.map { $0.family } == [.inet, .bridge])
  }

  @Test func whoSpeaksAsSomebodyElseIsDropped() throws {
    let sender = try chain("sender", try rules())
    #expect(sender.rules.dropLast().allSatisfy { $0.verdict == .accept && $0.matches.count == 2 })
    #expect(sender.rules.last.map { $0.matches.isEmpty && $0.verdict == .drop } == true)
  }

  @Test func containersAreKeptFromTheBoardAndItsNetworks() throws {
    let rules = try rules("container-reach = 192.168.1.9", kept: "192.168.1.7/24")
    #expect(try chain("input", rules).rules.last?.verdict == .reject)
    let outward = try chain("outward", rules).rules
    #expect(outward.map { $0.verdict } == [.accept, .accept, .accept, .reject, .accept])
    #expect(outward[2].matches == [.destination(.v4(0xC0A8_0109), prefixBits: 32)])
    #expect(outward[3].matches == [.destination(.v4(0xC0A8_0107), prefixBits: 24)])
    let gateway = try chain("outward", try self.rules(kept: "192.168.77.1/24", home: ["eth1", "br-home"])).rules
    #expect(gateway.map { $0.verdict } == [.accept, .accept, .reject, .reject, .accept])
    #expect(gateway[2].matches == [.toOne(ofSet: "home")])
  }

  @Test func theyReachEachOtherOnlyIfThatIsAllowed() throws {
    for (text, verdict): (String, PacketVerdict) in [("", .reject), ("containers-together = on", .accept)] {
      let rule = try #require(try chain("forward", try rules(text)).rules.first { $0.comment == "each other" })
      #expect(rule.verdict == verdict && rule.matches == [.from("microagent"), .to("microagent")])
    }
  }

  /// A board that was no router is none for anybody else, either.
  @Test func nobodyElsesPacketsArePassedOn() throws {
    var rules = try rules()
    #expect(try chain("forward", rules).rules.suffix(2).map { $0.matches } == [[.family(.v4)], [.family(.v6)]])
    rules.forwardedBefore = [.v4]
    #expect(try chain("forward", rules).rules.last?.matches == [.family(.v6)])
    rules.forwardedBefore = [.v4, .v6]
    #expect(try chain("forward", rules).rules.last?.matches == [.to("microagent")])
  }

  @Test func onlyPrivateAddressesStandBehindTheBoards() throws {
    let text = "container-address = 198.51.100.33/27\ncontainer-address6 = fd77::1/64"
    let translated = try chain("translation", try rules(text)).rules
    #expect(translated.map { $0.matches[0] } == [.source(.v6(high: 0xFD77 << 48, low: 1), prefixBits: 64)])
    for address in ["10.1.1.1", "172.16.0.1", "172.31.255.1", "192.168.0.1", "100.64.0.1", "fc00::1"] {
      #expect(IPAddress(address)?.isPrivate == true)
    }
    for address in ["172.32.0.1", "11.0.0.1", "192.169.0.1", "100.128.0.1", "2001:db8::1"] {
      #expect(IPAddress(address)?.isPrivate == false)
    }
  }

  @Test func nameServersAreThoseThatContainersReach() {
    let text = """
      # made by hand
      nameserver 127.0.0.53
      nameserver\t10.1.1.1
      nameserver fe80::1%eth0
      nameserver fe80::1
      nameserver 2001:db8::53 # second
      nameserver
      search example.org
      nameserver 10.1.1.2
      nameserver 10.1.1.3
      """
    let found = NameServers.parse(Array(text.utf8))
    #expect(NameServers.text(found) == "nameserver 10.1.1.1\nnameserver 2001:db8::53\nnameserver 10.1.1.2\n")
  }

  @Test func aMembersFilesNameIt() throws {
    let network = try rules("container-address6 = fd77::1/64").network
    #expect(
      Self.member.hosts("web", network) == "127.0.0.1\tlocalhost\n::1\tlocalhost\n172.29.77.2\tweb\nfd77::2\tweb\n")
  }
}
