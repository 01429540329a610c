import Testing

@testable import Microcloud

/// All that agents said in three captures has to be understood to the last byte.
struct CapturedGossipTests {
  @Test func readsAndWritesEveryPacket() throws {
    var counts: [UInt8: Int] = [:]
    for packet in GossipVectors.captured.packets {
      let decoded = try MemberlistPacket.decode(packet[...])
      #expect(decoded.faults.isEmpty)
      let hasChecksum = packet[0] == MemberlistMessageType.checksummed.rawValue
      let content = try expanded(hasChecksum ? packet.dropFirst(5) : packet[...])
      #expect(repacked(decoded.messages) == content)
      if hasChecksum, content == Array(packet.dropFirst(5)) {
        #expect(repacked(decoded.messages, hasChecksum: true) == packet)
      }
      for message in decoded.messages { counts[message.encoded[0], default: 0] += 1 }
    }
    #expect(GossipVectors.captured.packets.count == 1718)
    #expect(counts == [0: 794, 1: 12, 2: 737, 3: 12, 4: 512, 5: 13, 8: 254, 11: 10])
  }

  @Test func readsAndWritesWhatSerfSays() throws {
    var counts: [UInt8: Int] = [:]
    for case .user(let message) in try allMessages() {
      #expect(try SerfMessage.decode(message[...]).encoded == message)
      counts[message[0], default: 0] += 1
    }
    #expect(counts == [0: 6, 1: 228, 3: 8, 4: 6, 5: 6])
  }

  @Test func readsAndWritesTagsAndCoordinates() throws {
    var (tags, coordinates) = (0, 0)
    for message in try allMessages() {
      switch message {
      case .alive(let alive):
        #expect(try Tags(meta: alive.meta).encoded == alive.meta)
        #expect(alive.versions?.isValid == true)
        tags += 1
      case .ack(_, let payload) where !payload.isEmpty:
        let coordinate = try Coordinate(payload: payload)
        #expect(coordinate.isValid)
        #expect(coordinate.encoded == payload)
        coordinates += 1
      default: break
      }
    }
    #expect([tags, coordinates] == [512, 737])
  }

  @Test func readsEveryStream() throws {
    for stream in GossipVectors.captured.streams {
      let content = try expanded(stream[...])
      let (events, isAtEnd) = try events(stream, chunk: stream.count)
      #expect(isAtEnd)
      #expect(events.last == .end)
      guard case .pushPull(let header) = events.first else {
        Issue.record("a stream that is no push/pull")
        continue
      }
      var encoder = MessagePackEncoder(appendingTo: [MemberlistMessageType.pushPull.rawValue])
      header.encode(to: &encoder)
      for case .node(let node) in events { node.encode(to: &encoder) }
      #expect(content.starts(with: encoder.bytes))
      #expect(UInt64(content.count - encoder.bytes.count) == header.userStateBytes)
      #expect(nodes(events).count == Int(header.nodeCount))
    }
    #expect(GossipVectors.captured.streams.count == 108)
  }

  /// Our writer has the same to say as the agent had, less its recent events.
  @Test func writesEveryStream() throws {
    for stream in GossipVectors.captured.streams {
      let before = try events(stream, chunk: stream.count).events
      let ours = pushPull(before)
      let after = try events(ours, chunk: ours.count)
      #expect(after.isAtEnd)
      #expect(after.events.dropFirst() == before.dropFirst())
    }
  }

  @Test func readsStreamsHoweverTheyAreCut() throws {
    for stream in GossipVectors.captured.streams {
      let whole = try events(stream, chunk: stream.count).events
      #expect(try events(stream, chunk: 1).events == whole)
    }
    let first = GossipVectors.captured.streams[0]
    let plain = try expanded(first[...])
    for stream in [first, plain] {
      let whole = try events(stream, chunk: stream.count).events
      for cut in 1..<stream.count {
        var decoder = GossipStreamDecoder()
        let pieces = try [stream[..<cut], stream[cut...]].flatMap { try drain(&decoder, $0) }
        #expect(pieces == whole)
        #expect(decoder.isAtEnd)
      }
    }
  }

  /// A stream that ends anywhere is either not at its end or an error; it never gives more than the whole one.
  @Test func readsStreamsThatAreCutOff() throws {
    let first = GossipVectors.captured.streams[0]
    for stream in [first, try expanded(first[...])] {
      let whole = try events(stream, chunk: stream.count).events
      for count in 0..<stream.count {
        var decoder = GossipStreamDecoder()
        let part = (try? drain(&decoder, stream.prefix(count))) ?? []
        #expect(whole.starts(with: part))
        // The code for the end of the compression has no content.
        #expect(!decoder.isAtEnd || part == whole)
      }
    }
  }
}

private func allMessages() throws -> [MemberlistMessage] {
  try GossipVectors.captured.packets.flatMap { try MemberlistPacket.decode($0[...]).messages }
}

/// The content of a message, out of its compression if there is one.
private func expanded(_ message: ArraySlice<UInt8>) throws -> [UInt8] {
  guard message.first == MemberlistMessageType.compressed.rawValue else { return Array(message) }
  var reader = MessagePackReader(message.dropFirst())
  var fields = try reader.fields()
  while let name = try reader.next(&fields) {
    if case "Buf" = name {
      var input = try reader.raw()
      var output: [UInt8] = []
      var decoder = LZWDecoder()
      try decoder.expand(&input, into: &output, limit: .max)
      #expect(decoder.isAtEnd)
      #expect(input.isEmpty)
      return output
    }
    try reader.skip()
  }
  return []
}
