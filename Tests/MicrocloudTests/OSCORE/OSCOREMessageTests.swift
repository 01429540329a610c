import Crypto
import TestSupport
import Testing

@testable import Microcloud

@Suite struct OSCOREMessageTests {
  // MARK: The option (RFC 8613 section 6.1)

  @Test(arguments: ["", "0914", "091400", "19140837cbf3210017a2d3", "0100", "05ffffffffff", "0801020304050607", "1800"])
  func optionReadsAsWritten(_ value: String) throws {
    #expect(try OSCOREOption(bytes(value)).value == bytes(value))
  }

  @Test(arguments: [
    "00",  // nothing to say is said with nothing
    "06010203040506", "0701020304050607", "2101", "4101", "8101",  // reserved
    "01", "02ff", "05ffffffff",  // cut
    "020001", "03000000",  // leading zeros
    "10", "1103", "100201", "1801",  // a kid context that is cut
    "010001", "110000ff",  // more than is announced
  ])
  func malformedOptionIsRefused(_ value: String) {
    #expect(throws: OSCOREError.malformedOption) { try OSCOREOption(bytes(value)) }
  }

  @Test func longKidNamesNoContext() {
    #expect(throws: OSCOREError.contextNotFound) { try OSCOREOption(bytes("080102030405060708")) }
  }

  @Test func identifiersDifferByLength() {
    #expect(OSCOREIdentifier([]) != OSCOREIdentifier([0]) && OSCOREIdentifier([0]) != OSCOREIdentifier([0, 0]))
    #expect(OSCOREIdentifier([0, 0, 5])?.bytes == [0, 0, 5] && OSCOREIdentifier([1, 2, 3, 4, 5, 6, 7, 8]) == nil)
  }

  // MARK: The replay window (section 7.4)

  @Test func windowTakesEachNumberOnce() {
    // Against a set of all that came.
    for seed in UInt64(0)..<50 {
      var random = SeededGenerator(seed: seed)
      var window = OSCOREReplayWindow()
      var came: Set<UInt64> = []
      var highest: UInt64 = 0
      for _ in 0..<500 {
        let far: UInt64 = random.below(20) == 0 ? random.below(200) : random.below(8)
        let number = random.below(3) == 0 ? highest + far : highest - min(highest, far)
        let isOld = !came.isEmpty && highest >= 64 && number <= highest - 64
        #expect(window.isNew(number) == (!isOld && !came.contains(number)))
        guard window.isNew(number) else { continue }
        window.note(number)
        came.insert(number)
        highest = max(highest, number)
      }
    }
  }

  @Test func windowIsNotMovedByForgeries() throws {
    let pair = try OSCOREPair()
    let (first, _) = try pair.client.protect(request: CoAPMessage(.get, "a"))
    pair.client.skip(to: 1000)
    var (forged, _) = try pair.client.protect(request: CoAPMessage(.get, "a"))
    forged.payload[0] ^= 1
    #expect(throws: OSCOREError.notAuthentic) { try pair.server.unprotect(request: forged) }
    #expect(try pair.server.unprotect(request: first).message.path == ["a"])
  }

  // MARK: Numbers (section 7.2)

  @Test func numbersEnd() throws {
    let pair = try OSCOREPair()
    pair.client.skip(to: OSCOREOption.maximumPartialIV)
    let (last, partialIV) = try pair.client.protect(request: CoAPMessage(.get, "a"))
    #expect(partialIV == 0xFF_FFFF_FFFF)
    #expect(try pair.server.unprotect(request: last).partialIV == partialIV)
    for _ in 0..<2 {
      #expect(throws: OSCOREError.exhausted) { try pair.client.protect(request: CoAPMessage(.get, "a")) }
      #expect(throws: OSCOREError.exhausted) {
        try pair.client.protect(response: CoAPMessage(code: .content), to: 0, isNumbered: true)
      }
    }
  }

  @Test func identifiersOfTheTwoEndsDiffer() {
    #expect(throws: OSCOREError.invalidIdentifier) { try OSCOREPair(clientID: [1], serverID: [1]) }
  }

  @Test func allLengthsOfIdentifiersWork() throws {
    for count in 0...7 {
      let pair = try OSCOREPair(
        clientID: [UInt8](repeating: 9, count: count),
        serverID: [UInt8](repeating: 8, count: 7 - count) + [3].prefix(count / 7))
      let request = try pair.client.protect(request: CoAPMessage(.post, "x", payload: [1]))
      let verified = try pair.server.unprotect(request: request.message)
      #expect(verified.message.payload == [1])
      for isNumbered in [false, true] {
        let response = try pair.server.protect(
          response: CoAPMessage(code: .changed, payload: [2]), to: verified.partialIV, isNumbered: isNumbered)
        #expect(try pair.client.unprotect(response: response, to: request.partialIV).message.payload == [2])
      }
    }
  }

  // MARK: Options (section 4.1)

  @Test func optionsGoWhereTheirClassSays() throws {
    let pair = try OSCOREPair()
    let outside: [CoAPOptionNumber] = [.uriHost, .uriPort, .hopLimit, .edhoc, .proxyScheme]
    let inside: [CoAPOptionNumber] = [
      .ifMatch, .etag, .ifNoneMatch, .locationPath, .uriPath, .contentFormat, .maxAge, .uriQuery, .accept,
      .locationQuery, .block2, .block1, .size2, .size1, .echo, .noResponse, .requestTag,
      CoAPOptionNumber(rawValue: 65000), CoAPOptionNumber(rawValue: 65001),
    ]
    var message = CoAPMessage(code: .put, token: [7], payload: [1, 2, 3])
    for number in outside + inside { message.options.add(CoAPOption(number, [5])) }
    var (protected, _) = try pair.client.protect(request: message)
    #expect(protected.code == .post && protected.token == [7])
    #expect(Set(protected.options.list.map(\.number)) == Set(outside + [.oscore]))
    // What others put outside counts only where it is outside.
    for number in inside { protected.options.add(CoAPOption(number, [6])) }
    protected.options.add(CoAPOption(.observe, [0]))
    #expect(try pair.server.unprotect(request: protected).message == message)
  }

  @Test func observeIsInsideAndOutside() throws {
    let pair = try OSCOREPair()
    var request = CoAPMessage(.get, "counter")
    request.options.add(CoAPOption(.observe, 0))
    let (protected, partialIV) = try pair.client.protect(request: request)
    #expect(protected.code == .fetch && protected.options.unsigned(.observe) == 0)
    #expect(try pair.server.unprotect(request: protected).message == request)

    var notification = CoAPMessage(code: .content, payload: [1])
    notification.options.add(CoAPOption(.observe, 300))
    let sent = try pair.server.protect(response: notification, to: partialIV, isNumbered: true)
    #expect(sent.code == .content && sent.options.unsigned(.observe) == 300)
    let heard = try pair.client.unprotect(response: sent, to: partialIV)
    #expect(heard.message.options[.observe]?.value == [] && heard.partialIV == 0)
  }

  @Test func whatCannotBeProtectedIsNot() throws {
    let pair = try OSCOREPair()
    for number in [CoAPOptionNumber.oscore, .proxyUri] {
      var message = CoAPMessage(.get, "a")
      message.options.add(CoAPOption(number, []))
      #expect(throws: OSCOREError.notProtectable) { try pair.client.protect(request: message) }
    }
    let long = CoAPMessage(.post, "a", payload: [UInt8](repeating: 0, count: 70_000))
    #expect(throws: OSCOREError.tooLarge) { try pair.client.protect(request: long) }
  }

  @Test func eachByteCounts() throws {
    let pair = try OSCOREPair()
    let (request, partialIV) = try pair.client.protect(request: CoAPMessage(.post, "a", payload: [1, 2, 3]))
    for index in request.payload.indices {
      var changed = request
      changed.payload[index] ^= 0x10
      #expect(throws: OSCOREError.notAuthentic) { try pair.server.unprotect(request: changed) }
    }
    for count in 0..<request.payload.count {
      var cut = request
      cut.payload = Array(request.payload.prefix(count))
      #expect(throws: OSCOREError.notAuthentic) { try pair.server.unprotect(request: cut) }
    }
    // A request is no response, and a response to another request none to this.
    #expect(throws: OSCOREError.notAuthentic) { try pair.client.unprotect(response: request, to: partialIV) }
    let response = try pair.server.protect(response: CoAPMessage(code: .changed), to: partialIV, isNumbered: true)
    #expect(throws: OSCOREError.notAuthentic) {
      try pair.client.unprotect(response: response, to: partialIV + 1)
    }
    #expect(throws: OSCOREError.notAuthentic) {
      try pair.server.unprotect(response: response, to: partialIV)
    }
  }

  /// What is authentic and yet no message: an empty plaintext, one of a wrong kind, one that is protected twice.
  @Test(arguments: ["", "45", "e1", "01ff", "01f0", "0190"])
  func authenticNonsenseIsRefused(_ plaintext: String) throws {
    let pair = try OSCOREPair()
    let data = OSCOREAdditionalData(pair.client.senderID, 0)
    var message = CoAPMessage(code: .post)
    message.payload = bytes(plaintext)
    try pair.client.seal(&message.payload, pair.client.senderID, 0, additionalData: data)
    message.options.add(CoAPOption(.oscore, OSCOREOption(partialIV: 0, kid: pair.client.senderID).value))
    #expect(throws: OSCOREError.malformedPlaintext) { try pair.server.unprotect(request: message) }
  }

  @Test func aContextWorksOnWithoutItsSchedules() throws {
    let pair = try OSCOREPair()
    for number in UInt8(0)..<4 {
      let (request, _) = try pair.client.protect(request: CoAPMessage(.post, "a", payload: [number]))
      #expect(try pair.server.unprotect(request: request).message.payload == [number])
      pair.client.dropSchedules()
      pair.server.dropSchedules()
      #expect(!pair.server.hasSchedules)
    }
  }
}
