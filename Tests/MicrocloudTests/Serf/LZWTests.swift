import TestSupport
import Testing

@testable import Microcloud

struct LZWTests {
  @Test func expandsWhatGoCompresses() throws {
    var count = 0
    for line in GossipVectors.lines("lzw.txt") {
      let expected = generated(line[0], Int(line[1])!)
      let compressed = bytes(line[2])
      #expect(try expanded(compressed, inputChunk: compressed.count, outputChunk: .max) == expected)
      #expect(try expanded(compressed, inputChunk: 1, outputChunk: 100) == expected)
      count += 1
    }
    #expect(count == 11)
  }

  /// Byte for byte.
  @Test func compressesAsGoDoes() throws {
    for line in GossipVectors.lines("lzw.txt") {
      let input = generated(line[0], Int(line[1])!)
      var encoder = LZWEncoder()
      for start in stride(from: 0, to: input.count, by: 1000) { encoder.append(input[start...].prefix(1000)) }
      #expect(encoder.finish() == bytes(line[2]), "\(line[0]) \(line[1])")
    }
  }

  @Test func expandsWhatItCompresses() throws {
    var generator = SeededGenerator(seed: 11)
    for round in 0..<300 {
      // Few different bytes make long strings, many make the table overflow.
      let kinds = 1 + round % 256
      let input = generator.bytes(upTo: 20_000).map { UInt8(Int($0) % kinds) }
      var encoder = LZWEncoder()
      encoder.append(input)
      let compressed = encoder.finish()
      #expect(try expanded(compressed, inputChunk: max(1, compressed.count), outputChunk: .max) == input)
    }
  }

  @Test func stopsWhereItIsTold() throws {
    let line = GossipVectors.lines("lzw.txt").first { $0[0] == "zeros" && $0[1] == "65536" }!
    var decoder = LZWDecoder()
    var input = bytes(line[2])[...]
    var output: [UInt8] = []
    try decoder.expand(&input, into: &output, limit: 1000)
    #expect((1000..<1000 + 4096).contains(output.count))
    #expect(!decoder.isAtEnd)
  }

  /// Codes that no encoder makes: one that is not in the table yet.
  @Test func refusesCodesFromNowhere() {
    for input in ["ffff", "0005 02", "000502ff"] {
      var decoder = LZWDecoder()
      var rest = bytes(input)[...]
      var output: [UInt8] = []
      #expect(throws: GossipError.corruptCompression) { try decoder.expand(&rest, into: &output, limit: .max) }
    }
  }

  @Test func survivesNoise() {
    var generator = SeededGenerator(seed: 7)
    for _ in 0..<2000 {
      var decoder = LZWDecoder()
      // A clear and literals first, so that the table fills before the noise is refused.
      var rest = (bytes("00c388193346") + generator.bytes(upTo: 200))[...]
      var output: [UInt8] = []
      try? decoder.expand(&rest, into: &output, limit: 10_000)
      #expect(output.count < 10_000 + 4096)
    }
  }

  @Test func boundsWhatAPacketExpandsTo() throws {
    let line = GossipVectors.lines("lzw.txt").first { $0[0] == "zeros" && $0[1] == "65536" }!
    let bomb = compressed(bytes(line[2]))
    // 64 KiB of zeros are no ping, but they are all there.
    #expect(throws: GossipError.malformed(MessagePackError(.unexpectedType, offset: 0))) {
      try MemberlistPacket.decode(bomb[...])
    }
    // The second one in the same packet is too much.
    var builder = PacketBuilder(budgetBytes: 65_000)
    #expect(builder.add(bomb) && builder.add(bomb) == true)
    #expect(
      try MemberlistPacket.decode(builder.finish()![...]).faults
        == [.malformed(MessagePackError(.unexpectedType, offset: 0)), .tooLarge])
  }

  @Test func refusesUnknownAndUnfinishedCompression() {
    #expect(throws: GossipError.unknownCompression(1)) {
      try MemberlistPacket.decode(compressed(bytes("00010404"), algorithm: 1)[...])
    }
    #expect(throws: GossipError.corruptCompression) {
      try MemberlistPacket.decode(compressed(bytes("0001"))[...])
    }
  }

  private func expanded(_ compressed: [UInt8], inputChunk: Int, outputChunk: Int) throws -> [UInt8] {
    var decoder = LZWDecoder()
    var all: [UInt8] = []
    for start in stride(from: 0, to: compressed.count, by: inputChunk) {
      var input = compressed[start..<min(start + inputChunk, compressed.count)]
      while !input.isEmpty, !decoder.isAtEnd {
        var output: [UInt8] = []
        try decoder.expand(&input, into: &output, limit: outputChunk)
        all += output
      }
    }
    #expect(decoder.isAtEnd)
    return all
  }

  /// The inputs that the vectors are made of.
  private func generated(_ kind: String, _ count: Int) -> [UInt8] {
    var state: UInt32 = 1
    return (0..<count).map { index in
      state = state &* 1_664_525 &+ 1_013_904_223
      switch kind {
      case "zeros": return 0
      case "count": return UInt8(truncatingIfNeeded: index)
      case "four": return UInt8(ascii: "a") + UInt8(state >> 30)
      default: return UInt8(state >> 24)
      }
    }
  }
}

/// A message that is compressed so.
func compressed(_ content: [UInt8], algorithm: UInt8 = 0) -> [UInt8] {
  var encoder = MessagePackEncoder(appendingTo: [9])
  encoder.map(2)
  encoder.key("Algo")
  encoder.unsigned(algorithm)
  encoder.key("Buf")
  encoder.binary(content)
  return encoder.bytes
}
