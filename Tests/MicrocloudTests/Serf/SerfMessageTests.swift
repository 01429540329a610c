import Basics
import Testing

@testable import Microcloud

private let loopback = SocketAddress(IPAddress(networkBytes: [127, 0, 0, 11])!, port: 5000)

/// Packets as unmodified agents sent them.
private let examples: [(packet: String, message: SerfMessage)] = [
  ("080182a54c54696d6501a44e6f6465a26e31", .join(.init(time: 1, node: "n1"))),
  ("080083a54c54696d6503a44e6f6465a26e31a55072756e65c2", .leave(.init(time: 3, node: "n1"))),
  (
    "080384a24343c3a54c54696d6501a44e616d65a66465706c6f79a75061796c6f6164a568656c6c6f",
    .userEvent(.init(time: 1, name: "deploy", payload: Array("hello".utf8), coalesces: true))
  ),
  (
    "08048ba441646472a47f00000ba746696c74657273c0a5466c61677301a24944ce5b91a47ba54c54696d6501a44e616d65aa5f736572665f70"
      + "696e67a75061796c6f6164c0a4506f7274cd1388ab52656c6179466163746f7200aa536f757263654e6f6465a26e30a754696d656f7574"
      + "cebebc2000",
    .query(
      .init(
        time: 1, id: 0x5B91_A47B, source: loopback, sourceNode: "n0", flags: .wantsAcknowledgement,
        timeoutNanoseconds: 3_200_000_000, name: "_serf_ping"))
  ),
  (
    "080585a5466c61677301a446726f6da26e30a24944ce5b91a47ba54c54696d6501a75061796c6f6164c0",
    .queryResponse(.init(time: 1, id: 0x5B91_A47B, from: "n0", isAcknowledgement: true))
  ),
]

struct SerfMessageTests {
  @Test func readsAndWritesWhatAgentsSend() throws {
    for (packet, message) in examples {
      #expect(try MemberlistPacket.decode(bytes(packet)[...]).messages == [.user(message.encoded)])
      #expect(try SerfMessage.decode(bytes(packet).dropFirst()) == message)
    }
  }

  /// Messages that the captures have none of.
  @Test func readsWhatItWrites() throws {
    let record = MemberRecord(
      name: "n1", address: loopback, tags: ["role": "web"], status: .failed, versions: .ours)
    let messages: [SerfMessage] = [
      .conflictResponse(nil), .conflictResponse(record), .keyRequest(key: []), .keyRequest(key: [1, 2, 3]),
      .keyResponse(.init(isSuccess: false, message: "no encryption")),
      .keyResponse(.init(isSuccess: true, message: "", keys: ["a", "b"], primaryKey: "a")),
      .relay(.init(destination: loopback, destinationName: "n2", message: [5, 0x80])),
      .query(
        .init(
          time: .init(rawValue: .max), id: 1, source: nil, sourceNode: .none,
          filters: [.nodes(["a", "b"]), .tag(name: "role", expression: "^web"), .unknown([7, 1])],
          flags: [.isNotRebroadcast], relayFactor: 2, timeoutNanoseconds: -1, name: "q", payload: [1])),
    ]
    for message in messages { #expect(try SerfMessage.decode(message.encoded[...]) == message) }
    #expect(SerfMessage.conflictResponse(nil).encoded == [6, 0xC0])
    #expect(SerfMessage.keyRequest(key: []).encoded == [7, 0x81, 0xA3] + "Key".utf8 + [0xC0])
  }

  @Test func writesARelayBeforeItsMessage() {
    let relay = SerfMessage.relay(.init(destination: loopback, destinationName: "n2", message: [5, 0x80]))
    let expected =
      [0x09, 0x82, 0xA8] + Array("DestAddr".utf8) + [0x83, 0xA2] + Array("IP".utf8) + [0xA4, 127, 0, 0, 11]
      + [0xA4] + Array("Port".utf8) + [0xCD, 0x13, 0x88, 0xA4] + Array("Zone".utf8) + [0xA0]
      + [0xA8] + Array("DestName".utf8) + [0xA2] + Array("n2".utf8) + [5, 0x80]
    #expect(relay.encoded == expected)
  }

  @Test func refusesWhatIsNoMessage() {
    let wrong: [([UInt8], GossipError)] = [
      ([], .empty),
      ([2, 0x80], .unexpectedMessage(type: 2)),
      ([10, 0x80], .unexpectedMessage(type: 10)),
      ([1, 0x80], .malformed(MessagePackError(.unexpectedValue, offset: 1))),
      ([9, 0x80], .malformed(MessagePackError(.unexpectedValue, offset: 1))),
    ]
    for (message, error) in wrong {
      #expect(throws: error) { try SerfMessage.decode(message[...]) }
    }
  }

  @Test func readsTags() throws {
    #expect(try Tags(meta: []) == Tags())
    #expect(try Tags(meta: [0xFF, 0x80]) == Tags())
    #expect(try Tags(meta: Array("web".utf8)) == ["role": "web"])
    let tags: Tags = ["microagent": "1", "role": "web", "a": ""]
    #expect(tags.encoded.starts(with: [0xFF, 0x83, 0xAA] + "microagent".utf8))
    #expect(try Tags(meta: tags.encoded) == tags)
    // The same tag twice: the later one counts, in the place of the first.
    let twice = try Tags(meta: bytes("ff83a161a131a162a132a161a133"))
    #expect(twice == ["a": "3", "b": "2"])
  }

  @Test func changesTags() {
    var tags: Tags = ["a": "1", "b": "2"]
    tags["a"] = "3"
    tags["c"] = "4"
    tags["b"] = nil
    tags["d"] = nil
    #expect(tags.entries.map { "\($0.name)=\($0.value)" } == ["a=3", "c=4"])
    #expect(tags["c"] == "4")
    #expect(tags["b"] == nil)
  }

  @Test func limitsTags() throws {
    func meta(_ count: Int) -> [UInt8] {
      var encoder = MessagePackEncoder(appendingTo: [0xFF])
      encoder.map(count)
      for index in 0..<count {
        encoder.text("\(index)")
        encoder.text("")
      }
      return encoder.bytes
    }
    #expect(try Tags(meta: meta(256)).entries.count == 256)
    #expect(throws: MessagePackError(.tooLong, offset: 0)) { try Tags(meta: meta(257)) }
    #expect(try Tags(meta: [UInt8](repeating: 0x61, count: 4096))["role"]?.utf8.count == 4096)
    #expect(throws: MessagePackError(.tooLong, offset: 0)) { try Tags(meta: [UInt8](repeating: 0x61, count: 4097)) }
  }

  @Test func readsAndJudgesCoordinates() throws {
    #expect(try Coordinate(payload: Coordinate.origin.encoded) == .origin)
    #expect(Coordinate.origin.isValid)
    var coordinate = Coordinate.origin
    coordinate.height = .nan
    #expect(!coordinate.isValid)
    coordinate = .origin
    coordinate.vector.removeLast()
    #expect(!coordinate.isValid)
    #expect(throws: GossipError.empty) { try Coordinate(payload: []) }
    #expect(throws: GossipError.unexpectedMessage(type: 2)) { try Coordinate(payload: [2, 0x80]) }
    let nine = Coordinate(vector: [Double](repeating: 0, count: 9), error: 0, height: 0, adjustment: 0)
    #expect(throws: GossipError.self) { try Coordinate(payload: nine.encoded) }
  }
}

struct QueryFilterTests {
  private func query(_ filters: [QueryFilter]) -> SerfMessage.Query {
    .init(
      time: 1, id: 1, source: loopback, sourceNode: "a", filters: filters, timeoutNanoseconds: 1, name: "q")
  }

  @Test func selectsMembers() {
    let tags: Tags = ["role": "web-1"]
    func isSelected(_ filters: QueryFilter...) -> Bool { query(filters).selects("n1", tags: tags) }
    #expect(isSelected())
    #expect(isSelected(.nodes(["n0", "n1"])))
    #expect(!isSelected(.nodes(["n0"])))
    #expect(!isSelected(.nodes([])))
    #expect(isSelected(.tag(name: "role", expression: "web")))
    #expect(!isSelected(.tag(name: "role", expression: "^web$")))
    #expect(isSelected(.tag(name: "role", expression: "web"), .nodes(["n1"])))
    #expect(!isSelected(.tag(name: "role", expression: "web"), .nodes(["n2"])))
    // A tag that is missing is empty.
    #expect(isSelected(.tag(name: "x", expression: "^$")))
    #expect(!isSelected(.tag(name: "x", expression: ".")))
    // What we do not know is for others to answer.
    #expect(!isSelected(.unknown([9])))
    #expect(!isSelected(.tag(name: "role", expression: "(?i)WEB")))
  }

  @Test func keepsFiltersThatMakeNoSense() throws {
    let senseless: [[UInt8]] = [[], [0], [0, 0x80], [1, 0x90], [2]]
    let filters = senseless.map { QueryFilter.unknown($0) }
    let message = SerfMessage.query(query(filters))
    #expect(try SerfMessage.decode(message.encoded[...]) == message)
  }

  @Test func judgesNoMoreThanAFew() throws {
    let many = [QueryFilter](repeating: .nodes(["n1"]), count: QueryFilter.maximumCount)
    guard case .query(let few) = try SerfMessage.decode(SerfMessage.query(query(many)).encoded[...]),
      case .query(let tooMany) = try SerfMessage.decode(SerfMessage.query(query(many + many)).encoded[...])
    else { return #expect(Bool(false)) }
    #expect(few.selects("n1", tags: Tags()))
    #expect(tooMany.filters.count == QueryFilter.maximumCount)
    #expect(!tooMany.selects("n1", tags: Tags()))
  }
}
