import TestSupport
import Testing

@testable import Microcloud

struct CoAPDatagramTests {
  private func error(_ hex: String) -> CoAPDatagramError? {
    do throws(CoAPDatagramError) {
      _ = try CoAPDatagram(decoding: bytes(hex))
      return nil
    } catch {
      return error
    }
  }

  /// RFC 7252 appendix A, figures 16, 17 and 20.
  @Test func examplesOfTheRFC() throws {
    var request = CoAPMessage(code: .get)
    request.path = ["temperature"]
    let response = CoAPMessage(code: .content, payload: Array("22.3 C".utf8))
    var withToken = request
    withToken.token = [0x20]
    let examples: [(CoAPDatagram, String)] = [
      (CoAPDatagram(.confirmable, messageID: 0x7D34, request), "40 01 7d34 bb 74656d7065726174757265"),
      (CoAPDatagram(.acknowledgement, messageID: 0x7D34, response), "60 45 7d34 ff 32322e332043"),
      (CoAPDatagram(.confirmable, messageID: 0x7D35, withToken), "41 01 7d35 20 bb 74656d7065726174757265"),
      (.empty(.acknowledgement, messageID: 0x7D38), "60 00 7d38"),
      (.empty(.reset, messageID: 0x7D39), "70 00 7d39"),
    ]
    for (datagram, hex) in examples {
      #expect(try datagram.encoded() == bytes(hex))
      #expect(try CoAPDatagram(decoding: bytes(hex)) == datagram)
    }
  }

  /// Sections 3 and 4.2: a confirmable one is reset, all else is passed over.
  @Test func saysWhetherAResetIsDue() {
    let cases: [(String, CoAPError, UInt16?)] = [
      ("", .truncatedHeader, nil), ("400112", .truncatedHeader, nil),
      ("80 01 0001", .otherVersion, nil), ("00 01 0001", .otherVersion, nil),
      ("49 01 0102 010203040506070809", .reservedTokenLength, 0x0102),
      ("59 01 0102 010203040506070809", .reservedTokenLength, nil),
      ("42 01 0102 01", .truncatedHeader, 0x0102),
      ("40 00 0102 ff01", .emptyMessageWithContent, 0x0102), ("41 00 0102 01", .emptyMessageWithContent, 0x0102),
      ("60 00 0102 ff01", .emptyMessageWithContent, nil),
      ("40 20 0102", .reservedCode, 0x0102), ("40 c1 0102", .reservedCode, 0x0102),
      ("40 e1 0102", .reservedCode, 0x0102),
      ("50 00 0102", .codeOfOtherType, nil), ("60 01 0102", .codeOfOtherType, nil),
      ("70 45 0102", .codeOfOtherType, nil),
      ("40 01 0102 ff", .emptyPayload, 0x0102), ("40 01 0102 f1", .reservedOptionNibble, 0x0102),
      ("50 01 0102 b5 01", .truncatedOption, nil),
    ]
    for (hex, reason, resetID) in cases {
      #expect(error(hex) == CoAPDatagramError(reason: reason, resetID: resetID), "\(hex)")
    }
    let long = String(repeating: "00", count: CoAPDatagram.maximumBytes)
    #expect(error("40 45 0102" + long)?.reason == .messageTooLarge)
  }

  @Test func refusesToSendMoreThanADatagramHolds() {
    let message = CoAPMessage(code: .content, payload: [UInt8](repeating: 1, count: CoAPDatagram.maximumSentBytes - 4))
    #expect(throws: CoAPError.messageTooLarge) {
      try CoAPDatagram(.confirmable, messageID: 1, message).encoded()
    }
    let token = CoAPMessage(code: .get, token: [UInt8](repeating: 0, count: 9))
    #expect(throws: CoAPError.tokenTooLong) { try CoAPDatagram(.confirmable, messageID: 1, token).encoded() }
  }

  @Test func everyTruncationAndBitFlipIsAnswered() throws {
    var message = CoAPMessage(code: .put, token: [1, 2, 3, 4], payload: [9, 9, 9])
    message.path = ["containers", "dns"]
    message.options.add(CoAPOption(.echo, [UInt8](repeating: 7, count: 12)))
    let encoded = try CoAPDatagram(.confirmable, messageID: 77, message).encoded()
    for count in encoded.indices {
      if let read = try? CoAPDatagram(decoding: Array(encoded[..<count])) {
        #expect(try read.encoded() == Array(encoded[..<count]))
      }
      for bit in 0..<8 {
        var flipped = encoded
        flipped[count] ^= 1 << UInt8(bit)
        if let read = try? CoAPDatagram(decoding: flipped) {
          #expect(try CoAPDatagram(decoding: read.encoded()) == read)
        }
      }
    }
  }
}
