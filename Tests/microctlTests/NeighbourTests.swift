import Basics
import MicroAgent
import Testing

@testable import Microcloud
@testable import microctl

/// What other nodes say of themselves, on its way from their gossip to the terminal.
@Suite struct NeighbourTests {
  private let evil = "\u{1B}]0;x\u{07}\u{9B}2J\u{202E}"

  private func lines(_ table: Table) -> [String] {
    table.text.split(separator: "\n").map { String($0) }
  }

  private func isHarmless(_ text: String) -> Bool {
    text.unicodeScalars.allSatisfy { $0 == "\n" || !$0.isControl }
  }

  @Test func nodesAreATable() {
    let nodes: [CBORValue] = [
      [
        1: "alix-7qk2", 104: "10.1.2.3", 105: ["link", "microcloud"], 106: true, 107: "gracia", 108: 87, 109: 2,
        110: "geode", 111: "00c1000000004e60", 112: .unsigned(96 << 20), 113: 5683, 114: "unclaimed",
      ],
      [1: "cloudy", 104: "10.1.2.4", 105: ["public"], 106: true, 108: 50, 109: 0],
      [1: "old", 104: "10.1.2.5", 105: ["public"], 106: false, 108: 0, 109: 0, 114: "claimed"],
      [:],
    ]
    #expect(
      table(ofNodes: nodes).text == """
        NAME       ADDRESS   STATUS            QUALITY  MEMORY  ISA    SERVICES  MICROCLOUD  SEEN IN
        alix-7qk2  10.1.2.3  alive, unclaimed  87%      96.0M   geode  2         gracia      link, microcloud
        cloudy     10.1.2.4  alive             50%      -       -      0         -           public
        old        10.1.2.5  gone              0%       -       -      0         -           public
        -          -         alive             -        -       -      -         -

        """)
  }

  @Test func servicesAreATable() {
    let services: [CBORValue] = [
      [115: "http", 116: "wiki", 104: "10.1.2.3", 119: 80, 117: "alix", 105: ["microcloud"], 107: "gracia", 108: 9],
      [115: "ssh", 104: "fe80::1", 119: 22, 117: "galileo", 105: ["link"]],
      [115: "owp", 118: "x.guifi.local", 119: 1, 117: "x", 105: ["public"]],
      [115: "dns", 104: "fe80::1", 117: "x", 105: ["public"]],
    ]
    #expect(
      table(ofServices: services).text == """
        TYPE  DESCRIPTION  ADDRESS          NODE     QUALITY  MICROCLOUD  SEEN IN
        http  wiki         10.1.2.3:80      alix     9%       gracia      microcloud
        ssh   -            [fe80::1]:22     galileo  -        -           link
        owp   -            x.guifi.local:1  x        -        -           public
        dns   -            fe80::1          x        -        -           public

        """)
  }

  @Test func ownPublicationsAreATable() {
    let publications = [
      PublicationStatus(
        Publication(type: "http", port: 80, description: "Our library"), container: nil, standing: .announced),
      PublicationStatus(Publication(type: "Docker", port: 8080), container: "web", standing: .noRoom),
    ]
    #expect(
      table(ofPublications: publications.map { $0.value }).text == """
        NAME         DESCRIPTION  CONTAINER  ANNOUNCED
        http:80      Our library  -          by gossip and mDNS
        Docker:8080  -            web        by mDNS; not in the tag: no room, found by asking this node

        """)
  }

  /// From the bytes that a member gossips, through the agent.
  @Test func whatAMemberSaysCannotDriveTheTerminal() {
    let directory = ServiceDirectory(availability: Availability(seed: 1))
    let escaped = #"\u001b]0;x\u0007\u009b2J\u202e"#
    let list = "[{" + "sdmipet".map { "\"\($0)\":\"\(escaped)\"" }.joined(separator: ",") + "}]"
    var tags = Tags()
    tags[ServicesTag.name] = ASCII.string(Base64.encoded(BZip2.pack(Array(list.utf8))))
    let member = DirectoryMember(
      kind: .public, name: NodeName(evil.utf8), address: IPAddress("10.1.2.3")!, isAlive: true, meta: tags.encoded,
      roundTripMilliseconds: nil)
    var nodes = NodeSearch()
    nodes.add(member, in: directory)
    var services = ServiceSearch("")
    services.add(member, in: directory)
    let nodeAnswer = DirectoryAnswer.value(of: nodes.finish())
    let serviceAnswer = DirectoryAnswer.value(of: services.finish(), brokenTags: 0)
    let nodeTable = table(ofNodes: nodeAnswer[.nodes]?.arrayValue ?? [])
    let serviceTable = table(ofServices: serviceAnswer[.services]?.arrayValue ?? [])
    #expect(lines(nodeTable).count == 2 && lines(serviceTable).count == 2)
    #expect(isHarmless(nodeTable.text) && nodeTable.text.contains("]0;x"))
    #expect(isHarmless(serviceTable.text) && serviceTable.text.contains("]0;x"))
    for answer in [nodeAnswer, serviceAnswer] {
      #expect(isHarmless(CBORJSON.encode(answer) { APIKey(rawValue: $0)?.name }))
    }
  }

  /// The same where an agent passes on what it should have cleaned.
  @Test func neitherCanAnAgentThatCleansNothing() {
    let evil = CBORValue.text(evil)
    let node: CBORValue = [1: evil, 104: evil, 105: [evil], 107: evil, 110: evil, 114: evil]
    let service: CBORValue = [115: evil, 116: evil, 118: evil, 104: evil, 119: 1, 107: evil, 117: evil, 105: [evil]]
    let publication: CBORValue = [115: evil, 119: 1, 116: evil, 122: evil, 123: evil]
    let info: CBORValue = [117: evil, 111: evil, 124: [[125: evil, 117: evil, 127: [evil], "\u{1B}": evil], evil]]
    for text in [
      table(ofNodes: [node]).text, table(ofServices: [service]).text, table(ofPublications: [publication]).text,
      Listing.text(of: info), CBORJSON.encode([node, service, info]) { _ in nil },
    ] {
      #expect(isHarmless(text))
      #expect(text.contains("]0;x"))
    }
  }

  @Test func membershipsAreBlocksOfTheirOwn() {
    var map = CBORMap()
    map[.version] = "0.1.0"
    NodeStatus(
      name: "alix-7qk2", fingerprint: "00000000000000c1", standing: .claimed,
      memberships: [
        MembershipStatus(
          kind: .public, nodeName: "alix-7qk3", members: 12, lines: ["in: 12 members, through 10.1.2.3:5000"]),
        MembershipStatus(
          kind: .microcloud, nodeName: "alix-7qk2", members: 1,
          lines: ["gracia: as configured", "searching: no contact known"]),
      ]
    ).add(to: &map)
    #expect(
      Listing.text(of: .map(map)) == """
        version:     0.1.0
        node:        alix-7qk2
        fingerprint: 00000000000000c1
        standing:    claimed
        memberships:
          public:
            node:    alix-7qk3
            members: 12
            status:
              in: 12 members, through 10.1.2.3:5000
          microcloud:
            node:    alix-7qk2
            members: 1
            status:
              gracia: as configured
              searching: no contact known

        """)
  }

  @Test func aNodeWithoutMembershipsSaysSo() {
    #expect(Listing.text(of: [124: []]) == "memberships: none\n")
  }
}
