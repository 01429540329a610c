import Basics
import Testing

@testable import Microcloud

private let address = SocketAddress(.v4(0x7F00_0001), port: 5000)

private func node(_ name: NodeName, meta: [UInt8] = [0xFF, 0x80]) -> PushPullNode {
  PushPullNode(name: name, address: address, incarnation: 3, meta: meta, state: .alive, versions: .ours)
}

private func header(nodes: UInt32, userState: UInt64) -> [UInt8] {
  var encoder = MessagePackEncoder(appendingTo: [6])
  PushPullHeader(isJoin: true, nodeCount: nodes, userStateBytes: userState).encode(to: &encoder)
  return encoder.bytes
}

private func encoded(_ node: PushPullNode) -> [UInt8] {
  var encoder = MessagePackEncoder()
  node.encode(to: &encoder)
  return encoder.bytes
}

/// The error that a stream ends in.
private func error(_ stream: [UInt8], chunk: Int = 100) -> GossipError? {
  do {
    _ = try events(stream, chunk: chunk)
    return nil
  } catch {
    return error as? GossipError
  }
}

struct GossipStreamTests {
  @Test func readsSingleMessages() throws {
    let messages: [MemberlistMessage] = [
      .ping(.init(sequence: 1, node: "n")), .ack(sequence: 1, payload: []), .error("no"),
    ]
    for message in messages {
      for chunk in [1, 100] {
        let (events, isAtEnd) = try events(message.encoded + [1, 2, 3], chunk: chunk)
        #expect(events == [.message(message)])
        #expect(isAtEnd)
      }
    }
  }

  @Test func readsAUserMessage() throws {
    let serf = SerfMessage.join(.init(time: 1, node: "n")).encoded
    var encoder = MessagePackEncoder(appendingTo: [8])
    encoder.map(1)
    encoder.key("UserMsgLen")
    encoder.unsigned(UInt64(serf.count))
    encoder.append(serf)
    #expect(try events(encoder.bytes, chunk: 1).events == [.message(.user(serf))])
  }

  @Test func readsAPushPullWithoutSerf() throws {
    let stream = header(nodes: 1, userState: 0) + encoded(node("a"))
    let read = try events(stream, chunk: 3)
    #expect(
      read.events == [
        .pushPull(.init(isJoin: true, nodeCount: 1, userStateBytes: 0)), .node(node("a")), .end,
      ])
    #expect(read.isAtEnd)
  }

  /// A member that makes no sense does not keep the others from being heard of.
  @Test func passesOverMembersThatMakeNoSense() throws {
    let nameless = encoded(node(""))
    let longNamed = encoded(node(NodeName([UInt8](repeating: 0x61, count: 513))))
    let longMeta = encoded(node("m", meta: [UInt8](repeating: 0x61, count: 4097)))
    let empty: [UInt8] = [0x80]
    // The state is the last byte but the versions.
    var strangeState = encoded(node("s"))
    strangeState[strangeState.count - 12] = 9
    let all = [nameless, longNamed, longMeta, empty, strangeState, encoded(node("b"))]
    let read = try events(header(nodes: 6, userState: 0) + all.flatMap { $0 }, chunk: 50)
    #expect(nodes(read.events) == [node("b")])
    #expect(read.isAtEnd)
  }

  @Test func readsSerfsFieldsInAnyOrder() throws {
    var encoder = MessagePackEncoder(appendingTo: [2])
    encoder.map(7)
    encoder.key("StatusLTimes")
    encoder.map(2)
    encoder.text("a")
    encoder.unsigned(UInt64(7))
    encoder.text("")
    encoder.unsigned(UInt64(8))
    encoder.key("Unknown")
    encoder.append(bytes("82a16193010203a162db0000000178"))
    encoder.key("QueryLTime", 3)
    encoder.key("LeftMembers")
    encoder.array(1)
    encoder.text("l")
    encoder.key("LTime", 1)
    encoder.key("EventLTime", 2)
    encoder.key("Events")
    encoder.null()
    let state = encoder.bytes
    // What follows the map is passed over, as is what follows the push/pull.
    let stream = header(nodes: 0, userState: UInt64(state.count) + 3) + state + [1, 2, 3, 4, 5]
    for chunk in 1...stream.count {
      let read = try events(stream, chunk: chunk)
      #expect(
        read.events.dropFirst() == [
          .state(.statusTime("a", 7)), .state(.queryClock(3)), .state(.leftMember("l")), .state(.memberClock(1)),
          .state(.eventClock(2)), .end,
        ])
      #expect(read.isAtEnd)
    }
  }

  @Test func writesInPieces() throws {
    let members = (0..<300).map { node(NodeName("node-\($0)".utf8)) }
    let largest = members.map { encoded($0).count }.max()!
    let state = SerfState(
      memberClock: 1, eventClock: 2, queryClock: 3, leftMembers: members.prefix(20).map { $0.name },
      statusTimes: members.map { (name: $0.name, time: LamportTime(rawValue: 9)) })
    var sizes: [Int] = []
    var all: [UInt8] = []
    var writer = PushPullWriter(isJoin: false, nodes: members, serfState: state)
    while let piece = writer.next(atLeast: 1000) {
      sizes.append(piece.count)
      all += piece
    }
    #expect(sizes.dropLast().allSatisfy { (1000..<1000 + largest).contains($0) })
    #expect(writer.next(atLeast: 1000) == nil)
    let read = try events(all, chunk: 333)
    #expect(nodes(read.events) == members)
    #expect(read.events.count == 1 + 300 + 3 + 20 + 300 + 1)
    #expect(read.isAtEnd)
    #expect(pushPull(read.events, atLeast: 1) == all)
  }

  @Test func writesAnEmptyState() throws {
    let state = SerfState(
      memberClock: 0, eventClock: 0, queryClock: 0, leftMembers: [NodeName](),
      statusTimes: [(name: NodeName, time: LamportTime)]())
    var writer = PushPullWriter(isJoin: true, nodes: [PushPullNode](), serfState: state)
    let expected =
      [2, 0x86, 0xAA] + Array("EventLTime".utf8) + [0, 0xA6] + Array("Events".utf8) + [0x90, 0xA5]
      + Array("LTime".utf8) + [0, 0xAB] + Array("LeftMembers".utf8) + [0xC0, 0xAA] + Array("QueryLTime".utf8)
      + [0, 0xAC] + Array("StatusLTimes".utf8) + [0x80]
    #expect(writer.next(atLeast: 1000) == header(nodes: 0, userState: UInt64(expected.count)) + expected)
  }

  @Test func refusesWhatDoesNotBelong() {
    #expect(error([0xF4, 1, 0x61]) == .labelled)
    #expect(error([10, 0, 0, 0, 0]) == .undecryptable)
    for type in [1, 3, 4, 5, 7, 11, 12, 99] as [UInt8] {
      #expect(error([type, 0x80]) == .unexpectedMessage(type: type))
    }
    #expect(error([9, 0x81, 0xA1, 0x61, 0xC0]) == .malformed(MessagePackError(.unexpectedValue, offset: 4)))
  }

  @Test func keepsItsError() throws {
    var decoder = GossipStreamDecoder()
    var wrong: ArraySlice<UInt8> = [99]
    #expect(throws: GossipError.unexpectedMessage(type: 99)) { try decoder.next(from: &wrong) }
    var right = MemberlistMessage.error("no").encoded[...]
    #expect(throws: GossipError.unexpectedMessage(type: 99)) { try decoder.next(from: &right) }
    #expect(!decoder.isAtEnd)
  }

  @Test func limitsCounts() {
    #expect(error(header(nodes: 65_537, userState: 0)) == .malformed(MessagePackError(.tooLong, offset: 32)))
    #expect(error(header(nodes: 65_536, userState: 0)) == nil)
    func state(_ key: StaticString, _ head: String) -> [UInt8] {
      var encoder = MessagePackEncoder(appendingTo: [2])
      encoder.map(1)
      encoder.key(key)
      return header(nodes: 0, userState: 1000) + encoder.bytes + bytes(head)
    }
    #expect(error(state("LeftMembers", "dd00010000")) == nil)
    #expect(error(state("LeftMembers", "dd00010001")) == .malformed(MessagePackError(.tooLong, offset: 12)))
    #expect(error(state("StatusLTimes", "df00010001")) == .malformed(MessagePackError(.tooLong, offset: 13)))
  }

  @Test func limitsAnElement() {
    // A member with a name that has no end.
    let start = header(nodes: 1, userState: 0) + [0x81, 0xA4] + "Name".utf8 + [0xDB, 0xFF, 0xFF, 0xFF, 0xFF]
    let name = [UInt8](repeating: 0x61, count: GossipStreamParser.maximumElementBytes)
    #expect(error(start + name.prefix(16_000)) == nil)
    #expect(error(start + name) == .tooLarge)
    #expect(
      error(header(nodes: 1, userState: 0) + [0xDF, 0xFF, 0xFF, 0xFF, 0xFF])
        == .malformed(MessagePackError(.tooLong, offset: 0)))
    // A user message that would be too long is refused before it has come.
    #expect(
      error([8, 0x81, 0xAA] + "UserMsgLen".utf8 + [0xCD, 0x40, 1])
        == .malformed(MessagePackError(.tooLong, offset: 15)))
  }

  /// Serf's state has to fit in what the header says of it.
  @Test func refusesAStateThatIsLongerThanItSays() {
    let state = [2, 0x81, 0xA5] + Array("LTime".utf8) + [0xCD, 1, 0]
    #expect(error(header(nodes: 0, userState: UInt64(state.count)) + state) == nil)
    #expect(
      error(header(nodes: 0, userState: UInt64(state.count) - 1) + state)
        == .malformed(MessagePackError(.truncated, offset: 6)))
  }

  /// A stream that expands to more than the limit is given up; one that says it is longer than the limit at once.
  @Test func limitsTheWhole() {
    let limit = GossipStreamDecoder.maximumBytes
    let start = header(nodes: 0, userState: 2 * limit) + [2, 0x80]
    let bomb = compressed(lzwBomb(start, zeros: Int(limit) + 8000))
    #expect(bomb.count < 20_000)
    #expect(error(bomb, chunk: bomb.count) == .tooLarge)
    #expect(error([9, 0x82, 0xA4] + "Algo".utf8 + [0, 0xA3] + "Buf".utf8 + [0xDB, 1, 0, 0, 0]) == .tooLarge)
  }

  @Test func refusesACompressionThatEndsEarly() throws {
    let stream = GossipVectors.captured.streams[0]
    var cut = Array(stream.dropLast(10))
    #expect(error(cut) == nil)
    // Now the cut was the sender's.
    #expect(cut[12] == 0xDA)
    let length = (Int(cut[13]) << 8 | Int(cut[14])) - 10
    cut[13] = UInt8(length >> 8)
    cut[14] = UInt8(length & 0xFF)
    #expect(error(cut) == .corruptCompression)
  }
}

/// LZW of `start` and many zeros, as small as can be: with a full table each code of 12 bits is thousands of them.
private func lzwBomb(_ start: [UInt8], zeros: Int) -> [UInt8] {
  var output: [UInt8] = []
  var (pending, pendingBits, codeBits, newest) = (UInt32(0), UInt32(0), UInt32(9), UInt32(257))
  func write(_ code: UInt32) {
    pending |= code << pendingBits
    pendingBits += codeBits
    while pendingBits >= 8 {
      output.append(UInt8(truncatingIfNeeded: pending))
      pending >>= 8
      pendingBits -= 8
    }
    if newest < 4095 { newest += 1 }
    if newest == 1 << codeBits { codeBits += 1 }
  }
  for byte in start { write(UInt32(byte)) }
  write(0)
  var (run, written) = (1, 1)
  while written < zeros {
    let isFull = newest == 4095
    // The code that is being made: the run before it and one zero more.
    write(newest)
    if !isFull { run += 1 }
    written += run
  }
  return output
}
