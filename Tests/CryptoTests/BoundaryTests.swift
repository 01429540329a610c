import Crypto
import TestSupport
import Testing

/// Lengths and bytes that are no good give errors, never traps.
struct BoundaryTests {
  private let nonce = [UInt8](repeating: 1, count: 13)

  @Test func takesKeysOfAESLengthsOnly() throws {
    for count in 0...65 {
      let key = [UInt8](repeating: 2, count: count)
      if [16, 24, 32].contains(count) {
        let cipher = try AESGCM(key: key)
        let sealed = try cipher.seal([3], nonce: nonce, additionalData: [])
        #expect(try cipher.open(sealed[...], nonce: nonce, additionalData: []) == [3])
      } else {
        #expect(throws: CryptoError.wrongLength) { try AESGCM(key: key) }
      }
      if count != AESCCM.keyBytes {
        #expect(throws: CryptoError.wrongLength) { try AESCCM(key: key, tag: .long) }
      }
    }
  }

  @Test func takesNoncesOfTheirLengthOnly() throws {
    let key = [UInt8](repeating: 2, count: 16)
    let gcm = try AESGCM(key: key)
    #expect(throws: CryptoError.wrongLength) { try gcm.seal([1], nonce: [], additionalData: []) }
    #expect(throws: CryptoError.wrongLength) { try gcm.open([UInt8](0..<20)[...], nonce: [], additionalData: []) }
    let ccm = try AESCCM(key: key, tag: .short)
    for count in 0...20 where count != 13 {
      let nonce = [UInt8](repeating: 1, count: count)
      #expect(throws: CryptoError.wrongLength) { try ccm.seal([1], nonce: nonce, additionalData: []) }
      #expect(throws: CryptoError.wrongLength) { try ccm.open([UInt8](0..<20)[...], nonce: nonce, additionalData: []) }
    }
  }

  @Test func sealsTheLongestMessagesOfCCM() throws {
    let ccm = try AESCCM(key: [UInt8](repeating: 2, count: 16), tag: .short)
    let longest = [UInt8](repeating: 7, count: AESCCM.maximumMessageBytes)
    let sealed = try ccm.seal(longest[...], nonce: nonce, additionalData: [])
    #expect(try ccm.open(sealed[...], nonce: nonce, additionalData: []) == longest)
    let longer = longest + [7]
    #expect(throws: CryptoError.wrongLength) { try ccm.seal(longer[...], nonce: nonce, additionalData: []) }
    let longerSealed = sealed + [7]
    #expect(throws: CryptoError.wrongLength) { try ccm.open(longerSealed[...], nonce: nonce, additionalData: []) }
    // CCM writes the length of additional data otherwise from here on, which mbedtls does not.
    let additional = [UInt8](repeating: 7, count: 0xFF00)
    #expect(throws: CryptoError.wrongLength) { try ccm.seal([1], nonce: nonce, additionalData: additional) }
  }

  /// Slices keep the indices of what they were cut from.
  @Test func readsSlices() throws {
    let packet = [UInt8](0..<100)
    let gcm = try AESGCM(key: [UInt8](repeating: 2, count: 16))
    let ccm = try AESCCM(key: [UInt8](repeating: 2, count: 16), tag: .long)
    for part in [40..<60, 99..<100, 100..<100] {
      let gcmSealed = try gcm.seal(packet[part], nonce: nonce, additionalData: [])
      #expect(try gcm.open(([9] + gcmSealed).dropFirst(), nonce: nonce, additionalData: []) == Array(packet[part]))
      let ccmSealed = try ccm.seal(packet[part], nonce: nonce, additionalData: [])
      #expect(try ccm.open(([9] + ccmSealed).dropFirst(), nonce: nonce, additionalData: []) == Array(packet[part]))
    }
  }

  @Test func expandsSecretsWithinTheLimit() throws {
    let secret = Secret([UInt8](repeating: 1, count: 32))
    #expect(try HKDF.expand(secret, info: [], count: HKDF.maximumBytes).bytes.count == 8160)
    for count in [-1, 0, HKDF.maximumBytes + 1] {
      #expect(throws: CryptoError.wrongLength) { try HKDF.expand(secret, info: [], count: count) }
    }
  }

  /// Strangers' bytes as a point: an error, or a point of which both encodings are its own.
  @Test func takesPointsOnly() throws {
    var random = SeededGenerator(seed: 256)
    var taken = 0
    for _ in 0..<400 {
      var encoded = (0..<33).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      encoded[0] = 2 + encoded[0] & 1
      guard let key = try? P256.PublicKey(encoded) else { continue }
      taken += 1
      #expect(key.compressed == encoded)
      #expect(try P256.PublicKey(key.uncompressed) == key)
      encoded[0] ^= 1
      let mirrored = try P256.PublicKey(encoded)
      #expect(mirrored.x == key.x && mirrored.y != key.y)
      // This x has two y: of those that differ from one in a bit, none.
      var whole = key.uncompressed
      whole[33 + random.below(32)] ^= 1 << UInt8(random.below(8))
      #expect(throws: CryptoError.invalidPoint) { try P256.PublicKey(whole) }
    }
    // Half of all x have a point.
    #expect((150...250).contains(taken))
    for _ in 0..<1000 {
      let encoded = [5 + UInt8(random.below(250))] + random.bytes(upTo: 70)
      #expect(throws: CryptoError.invalidPoint) { try P256.PublicKey(encoded) }
    }
  }

  @Test func generatesKeysThatDiffer() throws {
    let first = try P256.PrivateKey.generate()
    let second = try P256.PrivateKey.generate()
    #expect(first.scalar.bytes != second.scalar.bytes)
    #expect(try P256.PrivateKey(scalar: Secret(copying: first.scalar.bytes[...])).publicKey == first.publicKey)
    #expect(try first.sharedSecret(with: second.publicKey).bytes == second.sharedSecret(with: first.publicKey).bytes)
    let signature = try first.signature(of: [1, 2, 3])
    #expect(try first.publicKey.isValid(signature, of: [1, 2, 3]))
    #expect(try !second.publicKey.isValid(signature, of: [1, 2, 3]))
  }

  @Test func comparesBytes() {
    #expect(ConstantTime.areEqual([], []))
    #expect(ConstantTime.areEqual([1, 2, 3], [1, 2, 3]))
    for other: [UInt8] in [[], [1, 2], [1, 2, 4], [0, 2, 3], [1, 2, 3, 0]] {
      #expect(!ConstantTime.areEqual([1, 2, 3], other))
    }
  }

  @Test func saysWhatIsWrongInOneLine() {
    let errors: [CryptoError] = [
      .wrongLength, .notAuthentic, .invalidPoint, .invalidPrivateKey, .noRandomness, .failed(code: -16),
    ]
    for error in errors { #expect(!error.description.isEmpty && !error.description.contains("\n")) }
    #expect(Set(errors.map(\.description)).count == errors.count)
  }
}
