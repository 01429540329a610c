import TestSupport
import Testing

@testable import Microcloud

/// What strangers may send: an error or messages that make sense, and never more than the limits.
struct HostileGossipTests {
  @Test func readsPacketsThatAreCutOff() throws {
    for packet in GossipVectors.captured.packets.enumerated().filter({ $0.offset % 16 == 0 }).map({ $0.element }) {
      let whole = try MemberlistPacket.decode(packet[...]).messages
      for count in 0..<packet.count {
        let cut = packet.prefix(count)
        switch MemberlistMessageType(rawValue: packet[0])! {
        case .compound:
          let part = (try? MemberlistPacket.decode(cut))?.messages ?? []
          #expect(whole.starts(with: part))
        case .user where count > 0: #expect(try MemberlistPacket.decode(cut).messages.count == 1)
        default: #expect(throws: GossipError.self) { try MemberlistPacket.decode(cut) }
        }
      }
    }
  }

  @Test func survivesChangedPackets() throws {
    var generator = SeededGenerator(seed: 1)
    let packets = GossipVectors.captured.packets
    var (taken, refused) = (0, 0)
    for _ in 0..<20_000 {
      let packet = changed(packets[generator.below(packets.count)], &generator)
      guard let decoded = try? MemberlistPacket.decode(packet[...]) else {
        refused += 1
        continue
      }
      taken += 1
      for message in decoded.messages {
        #expect(try MemberlistPacket.decode(message.encoded[...]).messages == [message])
        guard case .user(let content) = message, let serf = try? SerfMessage.decode(content[...]) else { continue }
        #expect(try SerfMessage.decode(serf.encoded[...]) == serf)
      }
    }
    #expect(taken > 1000)
    #expect(refused > 1000)
  }

  @Test func survivesChangedStreams() throws {
    var generator = SeededGenerator(seed: 2)
    let streams = GossipVectors.captured.streams
    var (taken, refused) = (0, 0)
    for index in 0..<1000 {
      let original = index % 2 == 0 ? streams[index % streams.count] : plain(streams[index % streams.count])
      let stream = changed(original, &generator)
      let whole = Result { try events(stream, chunk: stream.count).events }
      let pieces = Result { try events(stream, chunk: 1 + generator.below(64)).events }
      switch (whole, pieces) {
      case (.success(let left), .success(let right)):
        taken += 1
        #expect(left == right)
      case (.failure(let left), .failure(let right)):
        refused += 1
        #expect(kind(left) == kind(right))
      default: Issue.record("a stream in pieces is taken otherwise than as a whole")
      }
    }
    #expect(taken > 100)
    #expect(refused > 100)
  }

  @Test func limitsNesting() throws {
    func nested(_ depth: Int) -> [UInt8] {
      var message = MemberlistMessage.nack(sequence: 1).encoded
      for _ in 0..<depth { message = [7, 1, 0, UInt8(message.count)] + message }
      return message
    }
    #expect(try MemberlistPacket.decode(nested(4)[...]).messages == [.nack(sequence: 1)])
    let tooDeep = try MemberlistPacket.decode(nested(5)[...])
    #expect(tooDeep.messages.isEmpty)
    #expect(tooDeep.faults == [.tooDeep])
    var compression = compressed(bytes("00010404"))
    // Compression of nothing but compression never ends; here it is of one literal each.
    for _ in 0..<10 { compression = [7, 1, 0, UInt8(compression.count)] + compression }
    #expect(try MemberlistPacket.decode(compression[...]).faults == [.tooDeep])
  }

  @Test func limitsMessages() throws {
    let user: [UInt8] = [7, 255] + (0..<255).flatMap { _ in [0, 1] as [UInt8] } + [UInt8](repeating: 8, count: 255)
    var builder = PacketBuilder(budgetBytes: 65_000)
    for _ in 0..<5 { #expect(builder.add(user) == true) }
    let packet = try MemberlistPacket.decode(builder.finish()![...])
    #expect(packet.messages.count == MemberlistPacket.maximumMessages)
    #expect(packet.faults == [GossipError](repeating: .tooMany, count: 5 * 255 - 1024))
  }

  @Test func takesTheWholePartsOfACompound() throws {
    let nack = MemberlistMessage.nack(sequence: 1).encoded
    let length = [0, UInt8(nack.count)]
    let packet = [7, 3] + length + length + length + nack + [99] + nack.dropFirst() + nack
    let whole = try MemberlistPacket.decode(packet[...])
    #expect(whole.messages == [.nack(sequence: 1), .nack(sequence: 1)])
    #expect(whole.faults == [.unexpectedMessage(type: 99)])
    let cut = try MemberlistPacket.decode(packet.dropLast())
    #expect(cut.messages == [.nack(sequence: 1)])
    #expect(cut.faults == [.unexpectedMessage(type: 99), .truncatedCompound])
    #expect(throws: GossipError.truncatedCompound) { try MemberlistPacket.decode([7]) }
    #expect(throws: GossipError.truncatedCompound) { try MemberlistPacket.decode([7, 2, 0, 1]) }
    #expect(try MemberlistPacket.decode([7, 0]).messages.isEmpty)
  }

  /// An error without its place, which counts from where the reader began again.
  private func kind(_ error: any Error) -> GossipError? {
    guard case .malformed(let error) = error as? GossipError else { return error as? GossipError }
    return .malformed(MessagePackError(error.reason, offset: 0))
  }

  /// A few bytes set, inserted, removed or cut off.
  private func changed(_ packet: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
    var packet = packet
    for _ in 0...generator.below(3) where !packet.isEmpty {
      let place = generator.below(packet.count)
      let byte = UInt8(truncatingIfNeeded: generator.next())
      switch generator.below(5) {
      case 0: packet[place] ^= 1 << (byte & 7)
      case 1: packet[place] = byte
      case 2: packet.insert(byte, at: place)
      case 3: packet.remove(at: place)
      default: if generator.below(4) == 0 { packet.removeLast(packet.count - place) }
      }
    }
    // So that not all of them fail at the checksum.
    if packet.count > 5, packet[0] == 12 {
      let sum = CRC32.checksum(packet.dropFirst(5))
      for index in 0..<4 { packet[1 + index] = UInt8(truncatingIfNeeded: sum >> (24 - 8 * UInt32(index))) }
    }
    return packet
  }

  /// The same stream without compression and recent events.
  private func plain(_ stream: [UInt8]) -> [UInt8] {
    pushPull(try! events(stream, chunk: stream.count).events)
  }
}
