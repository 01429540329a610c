import Testing

@testable import Microcloud

/// Nothing secret: a cipher with the shape of AES-GCM, whose tag depends on all that the real one's does.
private final class ToyCipher: GossipAEAD, Sendable {
  func seal(_ plaintext: [UInt8], key: [UInt8], nonce: [UInt8], additionalData: [UInt8]) -> [UInt8] {
    mixed(plaintext, key, nonce) + tag(plaintext, key, nonce, additionalData)
  }

  func open(
    _ sealed: ArraySlice<UInt8>, key: [UInt8], nonce: ArraySlice<UInt8>, additionalData: [UInt8]
  ) -> [UInt8]? {
    guard sealed.count >= 16 else { return nil }
    let plaintext = mixed(Array(sealed.dropLast(16)), key, Array(nonce))
    return tag(plaintext, key, Array(nonce), additionalData) == Array(sealed.suffix(16)) ? plaintext : nil
  }

  private func mixed(_ bytes: [UInt8], _ key: [UInt8], _ nonce: [UInt8]) -> [UInt8] {
    bytes.enumerated().map { $1 ^ key[$0 % key.count] ^ nonce[$0 % nonce.count] }
  }

  private func tag(_ parts: [UInt8]...) -> [UInt8] {
    let sums = (0..<4).map { CRC32.checksum([UInt8($0)] + parts.joined(separator: [0xFF])) }
    return sums.flatMap { sum in (0..<4).map { UInt8(truncatingIfNeeded: sum >> (8 * UInt32($0))) } }
  }
}

private let toy = ToyCipher()
private let nonce = [UInt8](0..<12)
private let message = MemberlistMessage.nack(sequence: 7)

private func key(_ byte: UInt8, _ count: Int = 32) -> [UInt8] { [UInt8](repeating: byte, count: count) }

private func cipher(_ keys: [UInt8]...) -> GossipCipher { GossipCipher(keys: keys, aead: toy)! }

struct GossipCipherTests {
  @Test func takesOnlyUsableKeyrings() {
    for count in [16, 24, 32] { #expect(GossipCipher(keys: [key(1, count)], aead: toy) != nil) }
    for count in [0, 15, 17, 33] { #expect(GossipCipher(keys: [key(1), key(1, count)], aead: toy) == nil) }
    #expect(GossipCipher(keys: [], aead: toy) == nil)
    #expect(GossipCipher(keys: Array(repeating: key(1), count: 8), aead: toy) != nil)
    #expect(GossipCipher(keys: Array(repeating: key(1), count: 9), aead: toy) == nil)
  }

  @Test func sealsAPacket() throws {
    let sealed = cipher(key(1)).sealPacket(message.encoded, nonce: nonce)
    #expect(Array(sealed.prefix(13)) == [1] + nonce)
    #expect(sealed.dropFirst(13) == toy.seal(message.encoded, key: key(1), nonce: nonce, additionalData: [])[...])
    #expect(sealed.count == message.encoded.count + GossipCipher.overheadBytes)
    #expect(GossipCipher.overheadBytes == 29)
    #expect(try MemberlistPacket.decode(sealed[...], cipher: cipher(key(1))).messages == [message])
  }

  @Test func triesAllKeys() throws {
    let sealed = cipher(key(3)).sealPacket(message.encoded, nonce: nonce)
    #expect(try MemberlistPacket.decode(sealed[...], cipher: cipher(key(1), key(2), key(3))).messages == [message])
    #expect(throws: GossipError.undecryptable) {
      try MemberlistPacket.decode(sealed[...], cipher: cipher(key(1), key(2)))
    }
  }

  @Test func opensAChecksumInside() throws {
    var builder = PacketBuilder(hasChecksum: true)
    #expect(builder.add(message.encoded) == true)
    let sealed = cipher(key(1)).sealPacket(builder.finish()!, nonce: nonce)
    #expect(try MemberlistPacket.decode(sealed[...], cipher: cipher(key(1))).messages == [message])
  }

  /// Version 0, which peers of protocol 1 send, pads to blocks of 16 bytes.
  @Test func opensVersionZero() throws {
    func sealed(_ padded: [UInt8]) -> [UInt8] {
      [0] + nonce + toy.seal(padded, key: key(1), nonce: nonce, additionalData: [])
    }
    let content = message.encoded
    let padding = UInt8(16 - content.count % 16)
    let padded = content + [UInt8](repeating: padding, count: Int(padding))
    #expect(try MemberlistPacket.decode(sealed(padded)[...], cipher: cipher(key(1))).messages == [message])
    for wrong in [[], [0], [17], [2]] as [[UInt8]] {
      #expect(throws: GossipError.undecryptable) {
        try MemberlistPacket.decode(sealed(wrong)[...], cipher: cipher(key(1)))
      }
    }
  }

  @Test func refusesWhatIsNotSealed() {
    let nack = message.encoded
    #expect(throws: GossipError.notEncrypted) { try MemberlistPacket.decode(nack[...], cipher: cipher(key(1))) }
    #expect(throws: GossipError.notEncrypted) { try MemberlistPacket.decode([], cipher: cipher(key(1))) }
    let ping = MemberlistMessage.ping(.init(sequence: 1, node: "n")).encoded
    #expect(throws: GossipError.undecryptable) { try MemberlistPacket.decode(ping[...], cipher: cipher(key(1))) }
  }

  @Test func refusesEveryChangedByte() {
    let sealed = cipher(key(1)).sealPacket(message.encoded, nonce: nonce)
    for index in sealed.indices {
      var changed = sealed
      changed[index] ^= 0x40
      #expect(throws: GossipError.self) { try MemberlistPacket.decode(changed[...], cipher: cipher(key(1))) }
      #expect(throws: GossipError.self) {
        try MemberlistPacket.decode(sealed.prefix(index), cipher: cipher(key(1)))
      }
    }
  }

  @Test func sealsAStream() throws {
    let plain = GossipVectors.captured.streams[0]
    let sealed = cipher(key(1)).sealStream(plain, nonce: nonce)
    let header = [UInt8(10), 0, 0, UInt8((plain.count + 29) >> 8), UInt8((plain.count + 29) & 0xFF)]
    #expect(sealed.prefix(5) == header[...])
    #expect(sealed.dropFirst(18) == toy.seal(plain, key: key(1), nonce: nonce, additionalData: header)[...])
    let expected = try events(plain, chunk: plain.count)
    for chunk in [1, 7, sealed.count] {
      let opened = try events(sealed, chunk: chunk, cipher: cipher(key(2), key(1)))
      #expect(opened == expected)
    }
  }

  /// There is one frame on a stream: what follows it is not collected, even if something is missing in it.
  @Test func takesOneFrame() throws {
    let plain = GossipVectors.captured.streams[0]
    let whole = try events(plain, chunk: plain.count).events
    let sealed = cipher(key(1)).sealStream(plain, nonce: nonce)
    let surplus = [UInt8](repeating: 0, count: 2000)
    let read = try events(sealed + surplus, chunk: 100, cipher: cipher(key(1)))
    #expect(read.events == whole)
    #expect(read.isAtEnd)
    let half = pushPull(whole).dropLast(10)
    let sealedHalf = cipher(key(1)).sealStream(Array(half), nonce: nonce)
    let readHalf = try events(sealedHalf + surplus, chunk: 100, cipher: cipher(key(1)))
    #expect(!readHalf.events.isEmpty)
    #expect(!readHalf.isAtEnd)
  }

  @Test func refusesStreamsThatAreNotSealed() throws {
    let plain = GossipVectors.captured.streams[0]
    #expect(throws: GossipError.notEncrypted) { try events(plain, chunk: 10, cipher: cipher(key(1))) }
    let sealed = cipher(key(1)).sealStream(plain, nonce: nonce)
    #expect(throws: GossipError.undecryptable) { try events(sealed, chunk: 10, cipher: cipher(key(2))) }
    #expect(throws: GossipError.undecryptable) { try events(sealed, chunk: 10) }
    // The length is authenticated: a frame that was cut and says so does not open.
    var cut = Array(sealed.dropLast())
    cut[4] -= 1
    #expect(throws: GossipError.undecryptable) { try events(cut, chunk: cut.count, cipher: cipher(key(1))) }
    let large = GossipFrame.header(contentBytes: UInt32(GossipFrame.maximumBytes + 1))
    #expect(throws: GossipError.tooLarge) { try events(large, chunk: 5, cipher: cipher(key(1))) }
  }
}
