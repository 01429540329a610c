import Testing

@testable import Microcloud

struct EDHOCOverCoAPTests {
  private let message1 = EDHOCTrace.diffieHellman["message_1"]
  private let message3 = EDHOCTrace.diffieHellman["message_3"]

  @Test func requestsSayWhatTheyBelongTo() throws {
    #expect(EDHOCOverCoAP.body(.new(message1)) == [0xF5] + message1)
    #expect(try EDHOCOverCoAP.request([0xF5] + message1) == .new(message1))
    for (identifier, head) in [([0x27], [0x27]), ([0x18], [0x41, 0x18]), ([], [0x40]), ([1, 2], [0x42, 1, 2])]
      as [([UInt8], [UInt8])]
    {
      let connection = ConnectionIdentifier(identifier)!
      #expect(EDHOCOverCoAP.body(.continued(connection, message3)) == head + message3)
      #expect(try EDHOCOverCoAP.request(head + message3) == .continued(connection, message3))
    }
  }

  @Test func otherBodiesAreRefused() {
    // Nothing, `false`, a name in too long a form or too long, an array.
    for head in [
      [0xF4], [0x41, 0x27], [0x18, 0x20], [0x58, 1, 2], [0x48, 0, 1, 2, 3, 4, 5, 6, 7], [0x81, 0x27], [0x5F, 0xFF],
    ]
      as [[UInt8]]
    {
      #expect(throws: EDHOCError.malformed) { try EDHOCOverCoAP.request(head + message3) }
    }
    #expect(throws: EDHOCError.malformed) { try EDHOCOverCoAP.request([]) }
    #expect(throws: EDHOCError.malformed) { try EDHOCOverCoAP.request([0x42, 1]) }
    #expect(throws: EDHOCError.tooLarge) { try EDHOCOverCoAP.request([0xF5] + Array(repeating: 0, count: 1032)) }
  }

  /// RFC 9668 section 3.4.
  private let example = bytes(
    "44025d1f 00003974 93 090001 c0 ff 52d5535f3147e85f1cfacd9e78abf9e0a81bbf 612f1092f1776f1c1668b3825e")
  private let exampleMessage3 = bytes("52d5535f3147e85f1cfacd9e78abf9e0a81bbf")
  private let exampleCiphertext = bytes("612f1092f1776f1c1668b3825e")

  @Test func theExampleOfACombinedRequest() throws {
    let datagram = try CoAPDatagram(decoding: example)
    #expect(datagram.message.options.list.map { $0.number.rawValue } == [9, CoAPOptionNumber.edhoc.rawValue])
    let (message3, ciphertext) = try EDHOCOverCoAP.split(datagram.message.payload)
    #expect(message3 == exampleMessage3)
    #expect(ciphertext == exampleCiphertext)
    #expect(EDHOCOverCoAP.combined(message3: message3, ciphertext: ciphertext) == datagram.message.payload)
  }

  @Test func aCombinedBodyHasBothParts() {
    let body = exampleMessage3 + exampleCiphertext
    for count in 0...(exampleMessage3.count + 8) {
      #expect(throws: EDHOCError.malformed) { try EDHOCOverCoAP.split(Array(body.prefix(count))) }
    }
    // An integer, an error message, text, an array in front.
    for head in [[0x01], [0x02, 0x02], [0x61, 0x78], [0x81, 0x41, 0]] as [[UInt8]] {
      #expect(throws: EDHOCError.malformed) { try EDHOCOverCoAP.split(head + exampleCiphertext) }
    }
    // A string longer than a message may be.
    let long: [UInt8] = [0x59, 0x04, 0x00] + Array(repeating: 0, count: 2000)
    #expect(throws: EDHOCError.malformed) { try EDHOCOverCoAP.split(long) }
  }
}
