import Basics
import TestSupport
import Testing

@testable import Microcloud

struct ServicesTagTests {
  // MARK: Writing

  /// What Cloudy's own chain makes of a tag: base64, bunzip2, JSON.
  @Test func cloudyReadsWhatWeSay() throws {
    let services = [
      RankedService(CloudyFixtures.service("Docker", "la meva wiki"), order: 1),
      RankedService(CloudyFixtures.service("ipfs", #"it's "mine" \"#, port: 5001), order: 2),
    ]
    let tag = ServicesTag(agent: CloudyFixtures.agent(), services: services)
    let read = """
      import base64, bz2, json
      def answer(data):
        text = bz2.decompress(base64.b64decode(data, validate=True))
        services = json.loads(text)
        assert all(type(v) is str for s in services for v in s.values())
        assert text == (json.dumps(services, separators=(",", ":")) + "\\n").encode()
        return text
      """
    let text = try PythonOracle.ask(read, [Array(tag.value.utf8)])[0]
    #expect(
      text.map { String(decoding: $0, as: UTF8.self) } == """
        [{"s":"microagent","d":"galileo-00c1","m":"galileo-00c1.guifi.local","i":"10.139.40.22","p":"5683","e":"gracia",\
        "t":"coap=5683,isa=i586-nolock,key=00c1f3d29a7b4e60,mem=104,unclaimed"},\
        {"s":"Docker","d":"la_meva_wiki","m":"galileo-00c1.guifi.local","i":"10.139.40.22","p":"8080","e":"gracia","t":""},\
        {"s":"ipfs","d":"it_s_mine","m":"galileo-00c1.guifi.local","i":"10.139.40.22","p":"5001","e":"gracia","t":""}]

        """)
    #expect(tag.dropped.isEmpty)
  }

  @Test func dropsTheLeastImportantAndSaysSo() throws {
    var generator = SeededGenerator(seed: 1)
    var services = (0..<20).map { order in
      RankedService(CloudyFixtures.realistic(&generator), priority: order % 4 == 0 ? 1 : 0, order: UInt64(order))
    }
    let order = services.indices.sorted {
      services[$0].priority != services[$1].priority
        ? services[$0].priority > services[$1].priority : services[$0].order < services[$1].order
    }
    let tag = ServicesTag(agent: CloudyFixtures.agent(), services: services)
    let kept = order.count - tag.dropped.count
    #expect((4..<12).contains(kept), "\(kept)")
    #expect(tag.dropped == Array(order.dropFirst(kept)))
    #expect(
      try ServicesTag.decode(tag.value)
        == [CloudyFixtures.agent().cleaned] + order.prefix(kept).map { services[$0].service.cleaned })
    // In whichever order they are given.
    services.reverse()
    let again = ServicesTag(agent: CloudyFixtures.agent(), services: services)
    #expect(again.value == tag.value)
    #expect(again.dropped == tag.dropped.map { services.count - 1 - $0 })
  }

  /// The agent's entry always fits, and however many and whatever services there are, so does the whole; also as the
  /// only tag that stock Serf takes.
  @Test func neverExceedsWhatSerfTakes() throws {
    var generator = SeededGenerator(seed: 2)
    var longest = 0
    for round in 0..<24 {
      func service() -> CloudyService {
        round % 2 == 0 ? CloudyFixtures.wild(&generator) : CloudyFixtures.realistic(&generator)
      }
      let services = (0..<generator.below(30)).map { RankedService(service(), order: UInt64($0)) }
      let agent = round % 3 == 0 ? Self.incompressible(&generator) : CloudyFixtures.agent()
      let tag = ServicesTag(agent: agent, services: services)
      longest = max(longest, tag.value.utf8.count)
      let tags: Tags = [ServicesTag.name: tag.value]
      #expect(tags.encoded.count <= Tags.customaryMaximumBytes)
      #expect(tag.value.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && ![0x22, 0x27, 0x5C].contains($0) })
      let read = try ServicesTag.decode(tag.value)
      #expect(read.first == agent.cleaned && read.count == 1 + services.count - tag.dropped.count)
    }
    #expect((480...ServicesTag.maximumValueBytes).contains(longest))
  }

  /// Every field as long as it may be, and without any order.
  private static func incompressible(_ generator: inout SeededGenerator) -> CloudyService {
    let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.:/@+=,%")
    var service = CloudyService.empty
    for field in CloudyService.fields {
      service[field.letter] = String((0..<field.maximumBytes).map { _ in generator.pick(letters) })
    }
    return service
  }

  // MARK: Reading

  @Test func readsWhatCloudyWrites() throws {
    let lines = GossipVectors.lines("services.txt")
    #expect(lines.count == 4)
    #expect(try lines.map { try ServicesTag.decode($0[0]).count } == [0, 1, 3, 7])
    #expect(
      try ServicesTag.decode(lines[2][0])[2]
        == CloudyService(
          type: "proxy3", description: "Proxy_server", host: "bcn-lib1.guifi.local", address: "10.228.207.42",
          port: "3128", microcloud: "demo", text: "Federated=Yes"))
    #expect(try ServicesTag.decode(lines[3][0])[1].description == "TV_de_la_plaça")
    #expect(try ServicesTag.decode("") == [])
  }

  @Test func readsOtherJSON() throws {
    let lines: [(String, [CloudyService])] = [
      ("[ ]", []), ("\t[\r\n{ } , {}]", [.empty, .empty]), (#"[1,"x",null,[],{"s":"a"}]"#, [typed("a")]),
      (#"[{"x":{"s":["b"]},"s":"a","S":"c","":0}]"#, [typed("a")]), (#"[{"s":"a","s":"b"}]"#, [typed("b")]),
      (#"[{"s":8080}]"#, [typed("8080")]), (#"[{"s":-1.5e3}]"#, [typed("-1.5e3")]), (#"[{"s":{"s":1}}]"#, [.empty]),
      (#"[{"s":"\"\\\/\u0061\u00e7\ud83d\ude00"}]"#, [typed("\"\\/aç😀")]),
      (#"[{"s":"\ud83dx\ude00\ud83d\u0061"}]"#, [typed("\u{FFFD}x\u{FFFD}\u{FFFD}a")]),
      (#"[{"s":"\b\f\n\r\t"}]"#, [typed("\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}")]),
      ("[{\"s\":\"a\u{1B}b\"}]", [typed("a\u{FFFD}b")]),
    ]
    for (text, services) in lines { #expect(try ServicesReader.read(Array(text.utf8)) == services, "\(text)") }
  }

  @Test func refusesWhatIsNoList() {
    let lines: [(String, Int)] = [
      ("", 0), ("{}", 0), ("[", 1), ("[{]", 2), ("[{}", 3), ("[{},]", 4), (#"[{"s"}]"#, 5), (#"[{"s":}]"#, 6),
      (#"[{"s":"a]"#, 9), (#"[{"s":"\x"}]"#, 9), (#"[{"s":"\u12"}]"#, 12), ("[] x", 3), ("[{s:1}]", 2), ("[?]", 1),
    ]
    for (text, offset) in lines {
      #expect(throws: ServicesTagError.malformed(offset: offset), "\(text)") {
        try ServicesReader.read(Array(text.utf8))
      }
    }
  }

  @Test func limitsWhatItReads() throws {
    func list(_ count: Int) -> String { "[" + (0..<count).map { _ in "{}" }.joined(separator: ",") + "]" }
    #expect(try ServicesReader.read(Array(list(ServicesTag.maximumServices).utf8)).count == ServicesTag.maximumServices)
    #expect(throws: ServicesTagError.tooMany) {
      try ServicesReader.read(Array(list(ServicesTag.maximumServices + 1).utf8))
    }
    func nested(_ depth: Int) -> String {
      "[" + String(repeating: "[", count: depth) + String(repeating: "]", count: depth) + "]"
    }
    #expect(try ServicesReader.read(Array(nested(ServicesReader.maximumDepth).utf8)) == [])
    #expect(throws: ServicesTagError.tooDeep) {
      try ServicesReader.read(Array(nested(ServicesReader.maximumDepth + 1).utf8))
    }
    #expect(throws: ServicesTagError.tooLong) {
      try ServicesTag.decode(String(repeating: "A", count: Tags.maximumBytes + 1))
    }
    #expect(throws: ServicesTagError.notBase64) { try ServicesTag.decode("not base64") }
    let bomb = base64(BZip2.pack([UInt8](repeating: 0x20, count: BZip2.maximumInputBytes)))
    #expect(throws: ServicesTagError.malformed(offset: BZip2.maximumInputBytes)) { try ServicesTag.decode(bomb) }
    let packed = try PythonOracle.packed([[UInt8](repeating: 0x20, count: ServicesTag.maximumTextBytes + 1)])[0]
    #expect(throws: ServicesTagError.packing(.tooLarge)) { try ServicesTag.decode(base64(packed)) }
  }

  @Test func survivesNoise() {
    var generator = SeededGenerator(seed: 3)
    let marks = Array(#"[]{}:,"\us d0ae"#.utf8)
    for _ in 0..<5000 {
      let noise = (0..<generator.below(60)).map { _ in generator.pick(marks) }
      let services = (try? ServicesReader.read(Array("[{\"s\":\"".utf8) + noise)) ?? []
      #expect(services.count <= 60)
    }
  }

  private func typed(_ type: String) -> CloudyService {
    var service = CloudyService.empty
    service.type = type
    return service
  }
}
