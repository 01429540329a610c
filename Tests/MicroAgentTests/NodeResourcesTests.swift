import Basics
import Testing

@testable import MicroAgent
@testable import Microcloud

@Suite struct NodeResourcesTests {
  private static let some = [
    Publication(type: "http", port: 80, description: "Our library"), Publication(type: "ssh", port: 22),
  ]
  private let resources = NodeResources(publications: some, offer: { [141: 7] })
  private let source = IPAddress.v4(0x0A4D_0007)

  private func get(_ path: String, _ query: [String] = [], code: CoAPCode = .get) -> CoAPMessage {
    var message = CoAPMessage(code: code)
    message.path = path.split(separator: "/").map { String($0) }
    message.query = query
    return message
  }

  @Test func whatIsOfferedIsAList() throws {
    let response = resources.response(to: get("publications"), from: source)
    #expect(response.code == .content && response.contentFormat == .cbor)
    #expect(
      try CBORDecoder.decode(response.payload) == [
        [115: "http", 116: "Our library", 119: 80], [115: "ssh", 119: 22],
      ])
    let nothing = NodeResources(publications: [], offer: { .null }).response(to: get("publications"), from: source)
    #expect(try CBORDecoder.decode(nothing.payload) == [])
  }

  @Test func anybodyReadsTheOffer() throws {
    let response = resources.response(to: get("offer"), from: source)
    #expect(response.code == .content && response.contentFormat == .cbor)
    #expect(try CBORDecoder.decode(response.payload) == [141: 7])
  }

  @Test func whoIsNoMemberAnyMoreIsTold() {
    #expect(resources.response(to: get("revocations"), from: source).code == .notFound)
    let list = [UInt8](repeating: 7, count: RevocationList.maximumBytes)
    let knowing = NodeResources(publications: [], offer: { .null }, revocations: list)
    let response = knowing.response(to: get("revocations"), from: source)
    #expect(response.code == .content && response.contentFormat == .cbor)
    #expect(Array(list.prefix(response.payload.count)) == response.payload && response.options[.block2] != nil)
    #expect(knowing.response(to: get("revocations", code: .put), from: source).code == .methodNotAllowed)
  }

  @Test func whoAsksLearnsFromWhereItSeemsToCome() throws {
    for address in [source, IPAddress.anyV6] {
      let response = resources.response(to: get("source"), from: address)
      #expect(response.code == .content && response.contentFormat == .cbor)
      #expect(NodeResources.source(encoded: response.payload) == address)
    }
    #expect(NodeResources.source(encoded: [0x43, 1, 2, 3]) == nil)
    #expect(NodeResources.source(encoded: [0x44, 1, 2, 3]) == nil)
    #expect(NodeResources.source(encoded: [0x01]) == nil)
  }

  @Test func whatThereIsCanBeDiscovered() throws {
    let response = resources.response(to: get(".well-known/core"), from: source)
    #expect(response.code == .content && response.contentFormat == .linkFormat)
    let links = try CoRELink.decode(response.payload)
    #expect(links.map { $0.target } == ["/offer", "/publications", "/source"])
    // What is listed is there, in the format that it says.
    for link in links {
      #expect(
        resources.response(to: get(link.target), from: source).contentFormat.map { "\($0.rawValue)" } == link["ct"])
    }
  }

  @Test(arguments: [
    (["rt=microagent.publications"], 1), (["rt=microagent.*"], 3), (["href=/publications"], 1), (["rt=other"], 0),
    (["rt=microagent.*", "href=/x"], 0), (["ct=60"], 3),
  ])
  func linksAreFiltered(_ query: [String], _ count: Int) throws {
    let response = resources.response(to: get(".well-known/core", query), from: source)
    #expect(response.code == .content)
    #expect(try CoRELink.decode(response.payload).count == count)
  }

  @Test(
    arguments: [
      ("", .get, .notFound), ("containers", .get, .notFound), ("publications/http:80", .get, .notFound),
      (".well-known", .get, .notFound), ("info", .post, .notFound), ("Publications", .get, .notFound),
      ("offer", .post, .methodNotAllowed), ("leases", .post, .notFound),
      ("publications", .post, .methodNotAllowed), ("publications", .delete, .methodNotAllowed),
      ("publications", .fetch, .methodNotAllowed), (".well-known/core", .put, .methodNotAllowed),
      ("publications", CoAPCode(0, 31), .methodNotAllowed),
    ] as [(String, CoAPCode, CoAPCode)])
  func nothingElseIsThere(_ path: String, _ method: CoAPCode, _ answer: CoAPCode) {
    #expect(resources.response(to: get(path, code: method), from: source).code == answer)
  }

  @Test func conditionsAreKept() throws {
    var request = get("publications")
    request.accept = .linkFormat
    #expect(resources.response(to: request, from: source).code == .notAcceptable)
    request.accept = .cbor
    let response = resources.response(to: request, from: source)
    #expect(response.code == .content)
    request.options.add(try #require(response.options[.etag]))
    #expect(resources.response(to: request, from: source).code == .valid)
    request.options.add(CoAPOption(.ifNoneMatch, []))
    #expect(resources.response(to: request, from: source).code == .preconditionFailed)
    var blocks = get("publications")
    blocks.options.add(CoAPOption(.block1, [0]))
    #expect(resources.response(to: blocks, from: source).code == .badOption)
  }

  /// As many as there may be, each as long as it may be: in blocks of any size, and read again whole.
  @Test(arguments: [0, 4, 6] as [UInt8]) func theLongestListComesInBlocks(_ exponent: UInt8) throws {
    let longest = (1...600).map {
      Publication(type: "a-service-name1", port: 60_000 + $0, description: String(repeating: "x", count: 63))
    }
    let resources = NodeResources(publications: longest, offer: { .null })
    var transfer = CoAPBlockTransfer(get("publications"), maximumBodyBytes: OfferedPublications.maximumBytes)
    var next: CoAPMessage? = transfer.first
    var body: [UInt8]?
    while let message = next {
      next = nil
      switch transfer.receive(resources.response(to: message, from: source, exponent: exponent)) {
      case .send(let following): next = following
      case .done(let whole): body = whole.payload
      case .failed(let error): Issue.record(error)
      }
    }
    let read = try OfferedPublications(encoded: try #require(body))
    #expect(read.list == Array(longest.prefix(OfferedPublications.maximumCount)))
    #expect(!read.isBroken)
  }
}

@Suite struct OfferedPublicationsTests {
  private let member = DirectoryMember(
    kind: .microcloud, name: NodeName("alix\u{1B}[2J".utf8), address: IPAddress("10.1.2.3")!, isAlive: true, meta: [],
    roundTripMilliseconds: 0)

  private func read(_ value: CBORValue) throws -> OfferedPublications {
    try OfferedPublications(encoded: value.encoded)
  }

  @Test(
    arguments: [
      [], [0xFF], [0xA0], [0x60], [0x82, 0xA0], [0x9B, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], [0x80, 0x80],
      [UInt8](repeating: 0x81, count: 1000),
    ] as [[UInt8]])
  func whatIsNoListIsAnError(_ bytes: [UInt8]) {
    #expect(throws: CBORError.self) { try OfferedPublications(encoded: bytes) }
  }

  @Test func whatIsNoPublicationIsPassedOverAndNoted() throws {
    let http: CBORValue = [115: "http", 119: 80]
    for broken: CBORValue in [
      1, "http:80", [], [:], [115: "http"], [119: 80], [115: 1, 119: 80], [115: "http", 119: 65536],
      [115: "http", 119: -1], [115: "http", 119: 0], [115: "http", 119: 80, 116: 1],
      [115: "http", 119: 80, 116: "\u{1B}[2J"], [115: "http", 119: 80, 116: "\u{202E}"],
      [115: .text(String(repeating: "x", count: 16)), 119: 80], [115: "", 119: 80], [115: "a b", 119: 80],
      [115: "microagent", 119: 80], [115: "http", 119: 80, 116: .text(String(repeating: "x", count: 64))],
    ] {
      let offered = try read([http, broken, http])
      #expect(offered.list.map { $0.name } == ["http:80", "http:80"], "\(broken)")
      #expect(offered.isBroken, "\(broken)")
    }
    let more = try read(.array([CBORValue](repeating: http, count: OfferedPublications.maximumCount + 1)))
    #expect(more.list.count == OfferedPublications.maximumCount && more.isBroken)
  }

  @Test func aNewerNodeMaySayMore() throws {
    let offered = try read([[115: "http", 119: 80, 200: "news", "x": []]])
    #expect(offered == OfferedPublications([Publication(type: "http", port: 80)]))
  }

  /// Whatever an answer is, nothing in what becomes of it drives a terminal.
  @Test func whatIsFoundIsHarmlessAndFits() throws {
    let offered = OfferedPublications(
      (1...600).map { Publication(type: "http", port: $0, description: String(repeating: "ç", count: 31)) })
    var search = ServiceSearch("HTTP")
    search.add(
      offered.services(of: member, microcloud: "gracia"), of: member,
      in: ServiceDirectory(availability: Availability(seed: 1)))
    let answer = DirectoryAnswer.value(of: search.finish(), brokenTags: 0)
    #expect(answer[.isCut] == true)
    let rows = answer[.services]?.arrayValue ?? []
    #expect(rows.count > 200)
    #expect(
      rows.first == [
        115: "Docker", 116: .text(String(repeating: "ç", count: 31)), 117: "alix\u{FFFD}[2J",
        118: "alix\u{FFFD}[2J.guifi.local", 104: "10.1.2.3", 119: 1, 107: "gracia", 120: "http",
        105: ["microcloud"], 108: 50,
      ])
    let message = CoAPMessage(code: .content, token: [UInt8](repeating: 1, count: 8), cbor: answer)
    #expect(throws: Never.self) { try CoAPStreamEncoder.encode(message) }
  }
}
