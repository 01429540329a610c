import Microcloud
import TestSupport
import Testing

struct CoAPCodeTests {
  @Test func writesClassAndDetail() {
    #expect(CoAPCode.notFound.description == "4.04")
    #expect(CoAPCode.continue.description == "2.31")
    #expect(CoAPCode.abort.rawValue == 0xE5)
    #expect(CoAPCode.notFound.isResponse && !CoAPCode.notFound.isSuccess && !CoAPCode.notFound.isRequest)
    #expect(CoAPCode.get.isRequest && !CoAPCode.empty.isRequest && CoAPCode.ping.isSignal)
  }
}

struct CoAPOptionTests {
  private func encoded(_ options: CoAPOptions, payload: [UInt8] = []) throws -> [UInt8] {
    var output: [UInt8] = []
    try options.encode(payload: payload, to: &output)
    return output
  }

  private func error(_ hex: String) -> CoAPError? {
    var rest = bytes(hex)[...]
    do throws(CoAPError) {
      _ = try CoAPOptions.decode(from: &rest)
      return nil
    } catch {
      return error
    }
  }

  @Test func keepsOrderOfNumbersAndOfAdding() {
    var message = CoAPMessage(code: .get)
    message.query = ["b=2", "a=1"]
    message.accept = .cbor
    message.path = ["containers", "dns"]
    message.contentFormat = .problemDetails
    #expect(message.options.list.map(\.number) == [.uriPath, .uriPath, .contentFormat, .uriQuery, .uriQuery, .accept])
    #expect(message.path == ["containers", "dns"])
    #expect(message.query == ["b=2", "a=1"])
    #expect(message.contentFormat == .problemDetails)
    message.path = ["x"]
    message.accept = nil
    #expect(message.path == ["x"])
    #expect(message.accept == nil)
  }

  @Test func uintsAreShortest() {
    #expect(CoAPOption(.observe, 0).value == [])
    #expect(CoAPOption(.maxAge, 60).value == [60])
    #expect(CoAPOption(.maxAge, 0x010000).value == [1, 0, 0])
    #expect(CoAPOption(.size2, .max).unsignedValue == .max)
    #expect(CoAPOption(.size2, [0, 0, 0, 0, 0, 0, 0, 0, 0, 5]).unsignedValue == 5)
    #expect(CoAPOption(.size2, [UInt8](repeating: 1, count: 9)).unsignedValue == nil)
  }

  @Test func criticalAndUnsafe() {
    #expect(CoAPOptionNumber.uriPath.isCritical && !CoAPOptionNumber.observe.isCritical)
    #expect(CoAPOptionNumber.uriHost.isUnsafeToForward && !CoAPOptionNumber.etag.isUnsafeToForward)
  }

  /// Deltas and lengths at each border of the nibble's forms.
  @Test func nibbleForms() throws {
    let expected: [(number: UInt16, head: String)] = [
      (0, "00"), (12, "c0"), (13, "d000"), (268, "d0ff"), (269, "e00000"), (270, "e00001"), (65535, "e0fef2"),
    ]
    for (number, head) in expected {
      var options = CoAPOptions()
      options.add(CoAPOption(CoAPOptionNumber(rawValue: number), []))
      #expect(try encoded(options) == bytes(head))
      var rest = bytes(head)[...]
      #expect(try CoAPOptions.decode(from: &rest) == options)
    }
    for count in [0, 12, 13, 268, 269, 270, CoAPOptions.maximumValueBytes] {
      var options = CoAPOptions()
      options.add(CoAPOption(.uriPath, [UInt8](repeating: 7, count: count)))
      options.add(CoAPOption(.accept, 60))
      var rest = try encoded(options, payload: [1, 2])[...]
      #expect(try CoAPOptions.decode(from: &rest) == options)
      #expect(rest == [1, 2])
    }
  }

  @Test func refusesWhatIsMalformed() {
    #expect(error("f0") == .reservedOptionNibble)
    #expect(error("0f") == .reservedOptionNibble)
    #expect(error("d0") == .truncatedOption)
    #expect(error("e000") == .truncatedOption)
    #expect(error("0d") == .truncatedOption)
    #expect(error("03aabb") == .truncatedOption)
    #expect(error("0effff") == .truncatedOption)
    #expect(error("ff") == .emptyPayload)
    #expect(error("e0ffff") == .optionNumber)
    #expect(error("e0fef210") == .optionNumber)
    #expect(error(String(repeating: "00", count: 64)) == nil)
    #expect(error(String(repeating: "00", count: 65)) == .tooManyOptions)
  }

  @Test func refusesToSendWhatCannotBeSaid() {
    var tooLong = CoAPMessage(code: .get)
    tooLong.path = [String(repeating: "a", count: CoAPOptions.maximumValueBytes + 1)]
    #expect(throws: CoAPError.optionTooLong) { try CoAPStreamEncoder.encode(tooLong) }
    var tooMany = CoAPMessage(code: .get)
    tooMany.path = [String](repeating: "a", count: CoAPOptions.maximumCount + 1)
    #expect(throws: CoAPError.tooManyOptions) { try CoAPStreamEncoder.encode(tooMany) }
    let token = CoAPMessage(code: .get, token: [UInt8](repeating: 0, count: 9))
    #expect(throws: CoAPError.tokenTooLong) { try CoAPStreamEncoder.encode(token) }
  }

  @Test func pathThatIsNotUTF8MatchesNoRoute() {
    var options = CoAPOptions()
    options.add(CoAPOption(.uriPath, [0xFF]))
    #expect(CoAPMessage(code: .get, options: options).path == ["\u{FFFD}"])
    #expect(options[.uriPath]?.textValue == nil)
  }
}

struct CoAPStreamTests {
  private func decodeAll(_ bytes: ArraySlice<UInt8>, chunk: Int) throws -> [CoAPMessage] {
    var decoder = CoAPStreamDecoder()
    var messages: [CoAPMessage] = []
    var start = bytes.startIndex
    while start < bytes.endIndex {
      let end = min(start + chunk, bytes.endIndex)
      var part = bytes[start..<end]
      while let message = try decoder.next(from: &part) { messages.append(message) }
      #expect(part.isEmpty)
      start = end
    }
    return messages
  }

  /// The worked example of RFC 8323 section 3.2 (figure 6): a GET with a one-byte token 0x7f and no options.
  @Test func frameOfTheRFC() throws {
    let message = CoAPMessage(code: .get, token: [0x7F])
    #expect(try CoAPStreamEncoder.encode(message) == bytes("01 01 7f"))
    #expect(try decodeAll(bytes("01 01 7f")[...], chunk: 99) == [message])
  }

  @Test func lengthForms() throws {
    let expected: [(payload: Int, head: String)] = [
      (1, "20"), (11, "c0"), (12, "d000"), (267, "d0ff"), (268, "e00000"), (65803, "e0ffff"), (65804, "f000000000"),
      (65805, "f000000001"),
    ]
    for (count, head) in expected {
      let message = CoAPMessage(code: .content, payload: [UInt8](repeating: 9, count: count))
      let encoded = try CoAPStreamEncoder.encode(message)
      #expect(encoded.starts(with: bytes(head) + [0x45, 0xFF]), "\(count)")
      #expect(try decodeAll(encoded[...], chunk: 1000) == [message])
    }
  }

  @Test func limitsTheSizeOfAMessage() throws {
    let limit = CoAPStreamDecoder.maximumMessageBytes
    let largest = CoAPMessage(code: .content, payload: [UInt8](repeating: 1, count: limit - 7))
    let encoded = try CoAPStreamEncoder.encode(largest)
    #expect(encoded.count == limit)
    #expect(try decodeAll(encoded[...], chunk: limit) == [largest])
    var larger = largest
    larger.payload.append(1)
    #expect(throws: CoAPError.messageTooLarge) { try CoAPStreamEncoder.encode(larger) }
    #expect(throws: CoAPError.messageTooLarge) { try CoAPStreamEncoder.encode(largest, maximumBytes: 1152) }
    for header in ["f0ffffffff01", "f80000030001", "f07fffffff01"] {
      #expect(throws: CoAPError.messageTooLarge) { try decodeAll(bytes(header)[...], chunk: 1) }
    }
  }

  @Test func anErrorStays() {
    var decoder = CoAPStreamDecoder()
    for bad in ["09", "00"] {
      var part = bytes(bad)[...]
      #expect(throws: CoAPError.reservedTokenLength) { try decoder.next(from: &part) }
    }
    var second = CoAPStreamDecoder()
    for bad in ["10 45 ff", "00 01"] {
      var part = bytes(bad)[...]
      #expect(throws: CoAPError.emptyPayload) { try second.next(from: &part) }
    }
  }

  @Test func passesOverEmptyMessages() throws {
    #expect(try decodeAll(bytes("00 00 00 00 00 e2 02 00 aabb")[...], chunk: 3).map(\.code) == [.ping])
  }

  @Test func signalsOfTheRFC() throws {
    let settings = CapabilitiesAndSettings.ours
    var heard = CapabilitiesAndSettings.initial
    #expect(heard.maximumMessageBytes == 1152)
    try heard.update(from: settings.message)
    #expect(heard == settings)
    try heard.update(from: CoAPMessage(code: .capabilitiesAndSettings))
    #expect(heard == settings)
    let known = CapabilitiesAndSettings(maximumMessageBytes: 1152, blockWiseTransfer: true)
    #expect(try CoAPStreamEncoder.encode(known.message) == bytes("40 e1 22 0480 20"))

    var options = CoAPOptions()
    options.add(CoAPOption(CoAPOptionNumber(rawValue: 3), []))
    let critical = CoAPMessage(code: .capabilitiesAndSettings, options: options)
    #expect(throws: CoAPError.unknownSignalOption(3)) { try heard.update(from: critical) }

    #expect(CoAPMessage.pong(to: CoAPMessage(code: .ping, token: [1])) == CoAPMessage(code: .pong, token: [1]))
    #expect(CoAPMessage.abort("why").payload == Array("why".utf8))
  }

  private func message(_ random: inout SeededGenerator) -> CoAPMessage {
    var options = CoAPOptions()
    for _ in 0..<random.below(6) {
      let number = UInt16(truncatingIfNeeded: random.next() >> UInt64(48 + random.below(16)))
      options.add(CoAPOption(CoAPOptionNumber(rawValue: number), random.bytes(upTo: random.below(4) == 0 ? 600 : 20)))
    }
    let code = CoAPCode(rawValue: UInt8(1 + random.below(255)))
    let payload = random.bytes(upTo: random.below(3) == 0 ? 70 : 0)
    return CoAPMessage(code: code, token: random.bytes(upTo: 8), options: options, payload: payload)
  }

  @Test func anySplitGivesTheSameMessages() throws {
    for seed: UInt64 in 1...60 {
      var random = SeededGenerator(seed: seed)
      let messages = (0..<5).map { _ in message(&random) }
      let stream = try messages.flatMap { try CoAPStreamEncoder.encode($0) }
      for chunk in [1, 2, 3, 7, 64, stream.count] {
        #expect(try decodeAll(stream[...], chunk: chunk) == messages, "seed \(seed) chunk \(chunk)")
      }
      for split in 0...min(stream.count, 400) {
        var decoder = CoAPStreamDecoder()
        var found: [CoAPMessage] = []
        for part in [stream[..<split], stream[split...]] {
          var part = part
          while let message = try decoder.next(from: &part) { found.append(message) }
        }
        #expect(found == messages, "seed \(seed) split \(split)")
      }
    }
  }

  /// A message cut short is no message yet, and never a trap.
  @Test func everyTruncationWaits() throws {
    var random = SeededGenerator(seed: 99)
    for _ in 0..<50 {
      let encoded = try CoAPStreamEncoder.encode(message(&random))
      for length in 0..<encoded.count {
        #expect(try decodeAll(encoded[..<length], chunk: encoded.count) == [], "seed 99 length \(length)")
      }
    }
  }
}

struct ProblemDetailsTests {
  @Test func encodesAndDecodes() throws {
    let problem = ProblemDetails(title: "Offer too small", detail: "container dns: 64 MB asked, 12 MB free")
    let response = problem.response(.conflict, token: [1])
    #expect(response.contentFormat == .problemDetails)
    #expect(response.code == .conflict && response.token == [1])
    #expect(try ProblemDetails(CBORDecoder.decode(response.payload)) == problem)
    #expect(ProblemDetails(title: "x").value.encoded == bytes("a1 20 6178"))
  }

  /// The example of RFC 9290 section 2 has more entries than we know, and text with a language.
  @Test func passesOverWhatItDoesNotKnow() throws {
    let value: CBORValue = [
      -1: "title of the error", -2: .tagged(38, ["en", "detail"]), -3: .tagged(32, "coaps://pd.example/FA317434"),
      -4: 128, 4711: [2: 0],
    ]
    let problem = try ProblemDetails(value)
    #expect(problem == ProblemDetails(title: "title of the error", detail: "detail"))
    #expect(try ProblemDetails([:] as CBORValue) == ProblemDetails(title: nil))
    #expect(throws: CBORError(.unexpectedType, offset: 0)) { try ProblemDetails([] as CBORValue) }
  }
}
