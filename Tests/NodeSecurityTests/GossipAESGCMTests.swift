import Microcloud
import NodeSecurity
import Testing

private func cipher(_ keys: [UInt8]...) throws -> GossipCipher {
  try #require(GossipCipher(keys: keys, aead: GossipAESGCM()))
}

private func key(_ byte: UInt8, _ count: Int = 32) -> [UInt8] { [UInt8](repeating: byte, count: count) }

private let nonce = [UInt8](0..<12)

struct GossipAESGCMTests {
  /// Packets of real serfs open, whatever other keys are on the ring, and make sense.
  @Test func opensCapturedPackets() throws {
    let ring = try cipher(key(9), CapturedSerf.key)
    var messages: [MemberlistMessage] = []
    let packets = try CapturedSerf.packets()
    #expect(packets.count == 6)
    for packet in packets {
      let decoded = try MemberlistPacket.decode(packet[...], cipher: ring)
      #expect(decoded.faults.isEmpty)
      #expect(!decoded.messages.isEmpty)
      messages += decoded.messages
    }
    #expect(messages.contains { if case .ping = $0 { true } else { false } })
    #expect(messages.contains { if case .user = $0 { true } else { false } })
    let stranger = try cipher(key(9))
    for packet in packets {
      #expect(throws: GossipError.undecryptable) { try MemberlistPacket.decode(packet[...], cipher: stranger) }
    }
  }

  /// What we seal of a real packet's content with its nonce is that packet.
  @Test func sealsAsSerfDoes() throws {
    for packet in try CapturedSerf.packets() {
      let ring = try cipher(CapturedSerf.key)
      let content = try ring.openPacket(packet[...])
      #expect(ring.sealPacket(content, nonce: Array(packet[1..<13])) == packet)
    }
  }

  @Test func opensACapturedStream() throws {
    var decoder = GossipStreamDecoder(cipher: try cipher(CapturedSerf.key))
    var rest = try CapturedSerf.stream()[...]
    var names: [String] = []
    while let event = try decoder.next(from: &rest) {
      if case .node(let node) = event { names.append("\(node.name)") }
    }
    #expect(decoder.isAtEnd)
    #expect(names == ["alpha"])
  }

  /// A ring that turns: a new key comes first, then the old one goes.
  @Test func keepsUpWithRotation() throws {
    let aead = GossipAESGCM()
    let old = try #require(GossipCipher(keys: [key(1)], aead: aead))
    let both = try #require(GossipCipher(keys: [key(2), key(1)], aead: aead))
    let new = try #require(GossipCipher(keys: [key(2)], aead: aead))
    let oldPacket = old.sealPacket([1, 2, 3], nonce: nonce)
    let newPacket = both.sealPacket([1, 2, 3], nonce: nonce)
    #expect(oldPacket != newPacket)
    #expect(try both.openPacket(oldPacket[...]) == [1, 2, 3])
    #expect(try both.openPacket(newPacket[...]) == [1, 2, 3])
    #expect(try new.openPacket(newPacket[...]) == [1, 2, 3])
    #expect(throws: GossipError.undecryptable) { try new.openPacket(oldPacket[...]) }
    #expect(throws: GossipError.undecryptable) { try old.openPacket(newPacket[...]) }
  }

  /// More keys than are kept, again and again in another order, of all lengths: each still seals as if it were alone.
  @Test func forgetsTheKeysThatAreUsedLeast() throws {
    let aead = GossipAESGCM()
    let keys = (0..<UInt8(3 * GossipAESGCM.maximumKeys)).map { key($0, [16, 24, 32][Int($0) % 3]) }
    let packets = keys.map { GossipAESGCM().seal([7, 7], key: $0, nonce: nonce, additionalData: [5]) }
    #expect(Set(packets).count == keys.count)
    for step in [1, 5, 7, 11] {
      for number in keys.indices {
        let index = number * step % keys.count
        #expect(aead.seal([7, 7], key: keys[index], nonce: nonce, additionalData: [5]) == packets[index])
        let opened = aead.open(packets[index][...], key: keys[index], nonce: nonce[...], additionalData: [5])
        #expect(opened == [7, 7])
        let wrong = keys[(index + 1) % keys.count]
        #expect(aead.open(packets[index][...], key: wrong, nonce: nonce[...], additionalData: [5]) == nil)
      }
    }
  }

  @Test func givesNothingForKeysThatAreNone() {
    let aead = GossipAESGCM()
    for count in [0, 1, 15, 17, 31, 33] {
      #expect(aead.seal([1], key: key(1, count), nonce: nonce, additionalData: []) == [])
      #expect(aead.open(ArraySlice(0..<40), key: key(1, count), nonce: nonce[...], additionalData: []) == nil)
    }
    #expect(aead.seal([1], key: key(1), nonce: [], additionalData: []) == [])
    #expect(aead.open(ArraySlice(0..<40), key: key(1), nonce: [], additionalData: []) == nil)
    for count in 0..<16 {
      #expect(aead.open(ArraySlice(0..<UInt8(count)), key: key(1), nonce: nonce[...], additionalData: []) == nil)
    }
  }
}
