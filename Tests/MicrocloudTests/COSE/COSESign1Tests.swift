import Crypto
import Testing

@testable import Microcloud

struct COSESign1Tests {
  private struct Example {
    let verdict: String
    let name: String
    let externalData: [UInt8]
    let signed: [UInt8]
    let message: [UInt8]
  }

  private static let lines = GossipVectors.lines("cose-sign1.txt")

  private func examples(_ verdict: String) -> [Example] {
    Self.lines.filter { $0[0] == verdict }.map {
      Example(
        verdict: $0[0], name: $0[1], externalData: $0[2] == "-" ? [] : bytes($0[2]), signed: bytes($0[3]),
        message: bytes($0[4]))
    }
  }

  private func key() throws -> P256.PublicKey {
    let line = Self.lines.first { $0[0] == "key" }!
    return try P256.PublicKey([4] + bytes(line[1]) + bytes(line[2]))
  }

  private func isSigned(_ example: Example) throws -> Bool {
    guard let message = try COSESign1(CBORDecoder.decode(example.message)) else { return false }
    return try message.isSigned(by: key(), externalData: example.externalData)
  }

  @Test func theWorkingGroupsExamples() throws {
    #expect(examples("good").count == 3)
    for example in examples("good") {
      let message = try #require(try COSESign1(CBORDecoder.decode(example.message)), "\(example.name)")
      let signed = COSESign1.message(
        protected: message.protected, externalData: example.externalData, payload: message.payload)
      #expect(signed == example.signed, "\(example.name)")
      #expect(try isSigned(example), "\(example.name)")
    }
    #expect(examples("bad").count == 6)
    for example in examples("bad") { #expect(try !isSigned(example), "\(example.name)") }
  }

  /// Which algorithm it is must be signed (RFC 9052 section 3.1).
  @Test func anAlgorithmThatIsNotSignedIsRefused() throws {
    for example in examples("unauthenticated") {
      #expect(try COSESign1(CBORDecoder.decode(example.message)) == nil)
    }
  }

  @Test func everyByteIsSigned() throws {
    for example in examples("good") {
      for place in example.message.indices {
        var message = example.message
        message[place] ^= 1
        guard let value = try? CBORDecoder.decode(message), let changed = COSESign1(value) else { continue }
        // The unprotected header says who signed, and is not signed.
        if try changed.protected == COSESign1(CBORDecoder.decode(example.message))?.protected,
          changed.unprotected != (try COSESign1(CBORDecoder.decode(example.message))?.unprotected)
        {
          continue
        }
        #expect(try !changed.isSigned(by: key(), externalData: example.externalData), "\(example.name), byte \(place)")
      }
    }
  }

  @Test func whatWeSignIsOurs() throws {
    let (key, other) = try (P256.PrivateKey.generate(), P256.PrivateKey.generate())
    let message = try COSESign1.signing([1, 2, 3], externalData: [4], by: key)
    #expect(try COSESign1(CBORDecoder.decode(message.value.encoded)) == message)
    #expect(try message.isSigned(by: key.publicKey, externalData: [4]))
    #expect(try !message.isSigned(by: key.publicKey, externalData: []))
    #expect(try !message.isSigned(by: other.publicKey, externalData: [4]))
  }

  @Test func whatMustBeUnderstoodIsRefused() throws {
    let signature = CBORValue.bytes(Array(repeating: 1, count: 64))
    func message(_ protected: CBORValue, _ unprotected: CBORValue) -> COSESign1? {
      COSESign1([.bytes(protected.encoded), unprotected, .bytes([]), signature])
    }
    #expect(message([1: -7], [:]) != nil)
    #expect(message([1: -7], [4: .bytes([1])]) != nil)
    // `crit`, the same label twice, another algorithm, none.
    #expect(message([1: -7, 2: [4], 4: .bytes([1])], [:]) == nil)
    #expect(message([1: -7], [2: [4]]) == nil)
    #expect(message([1: -7], [1: -7]) == nil)
    #expect(message([1: -35], [:]) == nil)
    #expect(message([:], [:]) == nil)
    #expect(COSESign1([.bytes([0xA1, 0x01, 0x26]), [:], .null, signature]) == nil)
    #expect(COSESign1([.bytes([0xA1, 0x01, 0x26]), [:], .bytes([]), .bytes([1])]) == nil)
  }
}
