import Basics
import Testing

@testable import MicroAgent
@testable import Microcloud

@Suite struct DirectoryAnswerTests {
  private let directory = ServiceDirectory(availability: Availability(seed: 1))

  private func member(
    _ name: String, _ kind: MembershipKind = .microcloud, isAlive: Bool = true, tag: String? = nil
  ) -> DirectoryMember {
    var tags = Tags()
    if let tag { tags[ServicesTag.name] = tag }
    return DirectoryMember(
      kind: kind, name: NodeName(name.utf8), address: IPAddress("10.1.2.3")!, isAlive: isAlive, meta: tags.encoded,
      roundTripMilliseconds: 0)
  }

  private func agentTag(_ services: CloudyService...) -> String {
    let entry = MicroagentEntry(
      coapPort: 5683, isa: .geode, fingerprint: "00c1000000004e60", freeMemoryMiB: 96, isClaimed: false)
    let agent = entry.service(node: "alix", address: "10.1.2.3", microcloud: "gracia")
    return ServicesTag(agent: agent, services: services.map { RankedService($0, order: 1) }).value
  }

  /// A list as anybody can send it, whatever is in it.
  private func rawTag(_ json: String) -> String {
    ASCII.string(Base64.encoded(BZip2.pack(Array(json.utf8))))
  }

  private func service(_ description: String = "wiki", port: String = "8080") -> CloudyService {
    CloudyService(
      type: "http", description: description, host: "alix.guifi.local", address: "10.1.2.3", port: port,
      microcloud: "gracia")
  }

  private func nodes(_ members: [DirectoryMember]) -> CBORValue {
    var search = NodeSearch()
    for member in members { search.add(member, in: directory) }
    return DirectoryAnswer.value(of: search.finish())
  }

  private func services(_ members: [DirectoryMember]) -> CBORValue {
    var search = ServiceSearch("")
    for member in members { search.add(member, in: directory) }
    return DirectoryAnswer.value(of: search.finish(), brokenTags: search.brokenTags)
  }

  @Test func anAgentIsListedWithWhatItSays() {
    let answer = nodes([member("alix", tag: agentTag(service())), member("alix", .public, tag: agentTag())])
    #expect(
      answer == [
        100: [
          [
            1: "alix", 104: "10.1.2.3", 105: ["public", "microcloud"], 106: true, 107: "gracia", 108: 50, 109: 1,
            110: "geode", 111: "00c1000000004e60", 112: .unsigned(96 << 20), 113: 5683, 114: "unclaimed",
          ]
        ], 102: false,
      ])
  }

  @Test func whoIsNoAgentIsListedWithoutAgentsKeys() {
    let answer = nodes([member("cloudy", .public, isAlive: false)])
    #expect(
      answer == [
        100: [[1: "cloudy", 104: "10.1.2.3", 105: ["public"], 106: false, 108: 0, 109: 0]], 102: false,
      ])
  }

  @Test func aServiceIsListedWithWhereItIs() {
    let answer = services([member("alix", tag: agentTag(service())), member("broken", tag: "?")])
    #expect(answer[.brokenTags] == 1)
    #expect(answer[.isCut] == false)
    #expect(
      answer[.services]?.arrayValue?.first { $0[.type] == "http" } == [
        115: "http", 116: "wiki", 118: "alix.guifi.local", 104: "10.1.2.3", 119: 8080, 107: "gracia", 117: "alix",
        105: ["microcloud"], 108: 50,
      ])
  }

  @Test func aServiceOfTheLinkHasNoQuality() throws {
    var search = ServiceSearch("")
    search.add(
      DiscoveredService(
        name: try DNSName("wiki", in: .tcpType("http")), interface: 1,
        host: try DNSName(labels: [Array("alix".utf8), Array("local".utf8)]),
        addresses: [SocketAddress(IPAddress("fe80::1")!, port: 80)], text: .empty))
    let answer = DirectoryAnswer.value(of: search.finish(), brokenTags: 0)
    #expect(
      answer[.services] == [
        [
          115: "http", 116: "wiki", 118: "alix.local", 104: "fe80::1", 119: 80, 117: "alix", 105: ["link"],
        ]
      ])
  }

  @Test(arguments: ["", "http", "65536", "-1", "80/tcp"])
  func aPortThatIsNoneIsLeftOut(_ port: String) {
    let answer = services([member("a", tag: rawTag(#"[{"s":"http","p":"\#(port)"}]"#))])
    #expect(answer[.services]?.arrayValue == [[115: "http", 117: "a", 105: ["microcloud"], 108: 50]])
  }

  /// Whatever a node says, nothing in an answer drives a terminal, and no answer is too long for a message.
  @Test func strangersTextsAreHarmless() {
    let evil = "\u{1B}]0;x\u{07}\u{9B}2J\u{202E}\u{7F}\u{0}"
    var members: [DirectoryMember] = []
    for index in 0..<260 {
      let long = String(repeating: "\u{9B}x", count: 60)
      let fields = "sdmiet".map { #""\#($0)":"\u001b[2J\u009b\u202e\#(long)\#(index)""# }.joined(separator: ",")
      members.append(member("\(evil)\(index)", tag: rawTag("[{\(fields)}]")))
    }
    let nodes = nodes(members)
    let services = services(members)
    for answer in [nodes, services] {
      #expect(!texts(in: answer).contains { $0.unicodeScalars.contains { $0.isControl } })
      #expect(texts(in: answer).contains { $0.contains("\u{FFFD}") })
      #expect(answer[.isCut] == true)
      let message = CoAPMessage(code: .content, token: [UInt8](repeating: 1, count: 8), cbor: answer)
      #expect(throws: Never.self) { try CoAPStreamEncoder.encode(message) }
    }
    // All fit but for the room in a message.
    let rows = services[.services]?.arrayValue ?? []
    #expect(rows.count > 50 && rows.count < ServiceSearch.maximumResults)
    #expect(nodes[.nodes]?.arrayValue?.count == NodeSearch.maximumResults)
  }

  private func texts(in value: CBORValue) -> [String] {
    switch value {
    case .text(let text): [text]
    case .array(let items): items.flatMap { texts(in: $0) }
    case .map(let map): map.entries.flatMap { texts(in: $0.key) + texts(in: $0.value) }
    default: []
    }
  }
}

@Suite struct NodeStatusTests {
  @Test func standsBesideWhatElseIsSaid() {
    var map = CBORMap()
    map[.version] = "1"
    let status = NodeStatus(
      name: "alix-7qk2", fingerprint: "00000000000000c1", standing: .unclaimed,
      memberships: [
        MembershipStatus(kind: .public, nodeName: "alix-7qk3", members: 12, lines: ["in: 12 members"]),
        MembershipStatus(kind: .microcloud, nodeName: "alix-7qk2", members: 1, lines: ["none yet", "searching"]),
      ])
    status.add(to: &map)
    #expect(
      CBORValue.map(map) == [
        80: "1", 117: "alix-7qk2", 111: "00000000000000c1", 114: "unclaimed",
        124: [
          [125: "public", 117: "alix-7qk3", 126: 12, 127: ["in: 12 members"]],
          [125: "microcloud", 117: "alix-7qk2", 126: 1, 127: ["none yet", "searching"]],
        ],
      ])
  }
}
