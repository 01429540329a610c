import Microcloud
import TestSupport
import Testing

struct CBORDecoderTests {
  private func reason(_ hex: String, _ limits: CBORLimits = .standard) -> CBORError.Reason? {
    do throws(CBORError) {
      _ = try CBORDecoder.decode(bytes(hex), limits: limits)
      return nil
    } catch {
      return error.reason
    }
  }

  @Test func refusesTextThatIsNotUTF8() {
    #expect(reason("61ff") == .invalidText)
    #expect(reason("62c080") == .invalidText)  // overlong
    #expect(reason("63eda080") == .invalidText)  // surrogate
    #expect(reason("7f61c361bcff") == .invalidText)  // a character split over chunks
  }

  @Test func refusesDuplicateKeys() {
    #expect(reason("a201000100") == .duplicateKey)
    #expect(reason("a30100020001f6") == .duplicateKey)
    #expect(reason("a20100180100") == .duplicateKey)  // 1 in two forms
    #expect(reason("a2616100616100") == .duplicateKey)
    #expect(reason("bf616100616100ff") == .duplicateKey)
    #expect(reason("a2a20100020000a20200010000") == .duplicateKey)  // maps as keys, in another order
    #expect(reason("a2f97e0000fa7fc0000000") == .duplicateKey)  // NaN
    #expect(reason("a20100200000") == .trailingBytes)
    #expect(reason("a301000000200000") == .trailingBytes)
    #expect(reason("a3010000002000") == nil)  // 1, 0 and -1 differ
    #expect(reason("a200f5f90000f4") == nil)  // so do 0 and 0.0
  }

  @Test func refusesTrailingBytes() {
    #expect(throws: CBORError(.trailingBytes, offset: 1)) { try CBORDecoder.decode([0, 0]) }
  }

  @Test func decodesASequenceItemByItem() throws {
    var rest = bytes("99 01 6161 8102 ee")[1...]
    var found: [String] = []
    for _ in 0..<3 {
      let step = try CBORDecoder.decodePrefix(rest)
      found.append(step.value.description)
      rest = step.rest
    }
    #expect(found == ["1", #""a""#, "[2]"])
    #expect(rest == [0xEE])
  }

  @Test func countsOffsetsFromTheStartOfASlice() {
    let slice = bytes("00 00 82 01 1c")[2...]
    #expect(throws: CBORError(.reservedLength, offset: 2)) { try CBORDecoder.decode(slice) }
  }

  @Test func limitsDepth() {
    let arrays = [UInt8](repeating: 0x81, count: 16)
    let tags = [UInt8](repeating: 0xC1, count: 16)
    #expect(throws: Never.self) { try CBORDecoder.decode(arrays + [0]) }
    #expect(throws: CBORError(.tooDeep, offset: 16)) { try CBORDecoder.decode([0x81] + arrays + [0]) }
    #expect(throws: CBORError(.tooDeep, offset: 16)) { try CBORDecoder.decode([0xC1] + tags + [0]) }
    #expect(throws: CBORError(.tooDeep, offset: 16)) {
      try CBORDecoder.decode([UInt8](repeating: 0x9F, count: 60_000))
    }
  }

  @Test func limitsItemsAndChunks() {
    let limits = CBORLimits(depth: 16, items: 4, inputBytes: 100)
    #expect(reason("83010203", limits) == nil)
    #expect(reason("8401020304", limits) == .tooManyItems)
    #expect(reason("5f404040ff", limits) == nil)
    #expect(reason("5f40404040ff", limits) == .tooManyItems)
    #expect(reason("a2010203f6", limits) == .tooManyItems)
  }

  @Test func limitsInput() {
    let limits = CBORLimits(depth: 16, items: 4, inputBytes: 3)
    #expect(reason("420000", limits) == nil)
    #expect(reason("43000000", limits) == .tooLarge)
  }

  /// Were memory reserved by what a length claims, these would not come back.
  @Test func claimedLengthsCostNothing() {
    for head in ["5b", "7b", "9b", "bb"] {
      for length in ["7fffffffffffffff", "ffffffffffffffff", "0000000080000000", "00000000ffffffff"] {
        #expect(reason(head + length) == .truncated)
        #expect(reason(head + length + "00") == .truncated)
      }
    }
  }

  @Test func errorIsOneLineForAPerson() {
    #expect(CBORError(.invalidText, offset: 12).description == "decode CBOR: byte 12: text is not valid UTF-8")
  }
}

struct CBORValueTests {
  @Test func literalsAndAccessors() {
    let value: CBORValue = [1: "alix", 2: [1, -5, true], -1: "title", "name": .bytes([1])]
    #expect(value[key: 1]?.textValue == "alix")
    #expect(value[key: 2]?.arrayValue?[1].integerValue == -5)
    #expect(value[key: 2]?.arrayValue?[2].boolValue == true)
    #expect(value[key: -1]?.textValue == "title")
    #expect(value[text: "name"]?.bytesValue == [1])
    #expect(value[key: 3] == nil)
    #expect(value[key: 1]?.unsignedValue == nil)
    #expect(CBORValue.null.isNull)
    #expect(CBORValue.float(0.5).floatValue == 0.5)
    #expect(CBORValue.unsigned(3)[key: 1] == nil)
  }

  @Test func integersAtTheEdges() {
    #expect(CBORValue.integer(.min) == .negative(UInt64(Int64.max)))
    #expect(CBORValue.integer(.min).integerValue == .min)
    #expect(CBORValue.negative(.max).integerValue == nil)
    #expect(CBORValue.unsigned(.max).integerValue == nil)
    #expect(CBORValue.unsigned(.max).unsignedValue == .max)
  }

  @Test func settingAndRemovingEntries() {
    var map = CBORMap()
    map[key: 1] = "a"
    map[text: "x"] = 2
    map[key: 1] = "b"
    map[key: 7] = nil
    #expect(CBORValue.map(map).description == #"{1: "b", "x": 2}"#)
    map[key: 1] = nil
    #expect(CBORValue.map(map).description == #"{"x": 2}"#)
  }

  /// The example of RFC 8949 section 4.2.1.
  @Test func sortsMapKeysBytewise() {
    let value: CBORValue = [
      false: 8, [-1]: 7, [100]: 6, "aa": 5, "z": 4, -1: 3, 100: 2, 10: 1,
    ]
    #expect(value.encoded == bytes("a8 0a01 186402 2003 617a04 62616105 81186406 812007 f408"))
  }

  /// Found by fuzzing: a definite head can take a byte more than the indefinite one and its break.
  @Test func definiteLengthsMayTakeAByteMore() throws {
    let indefinite = [0x9F] + [UInt8](repeating: 0, count: 256) + [0xFF]
    let encoded = try CBORDecoder.decode(indefinite).encoded
    #expect(encoded == bytes("99 0100") + [UInt8](repeating: 0, count: 256))
    #expect(encoded.count == indefinite.count + 1)
  }

  @Test func encodesOnlyTheFirstOfEqualKeys() throws {
    let value: CBORValue = [2: 0, 1: "first", 1: "second"]
    #expect(value.encoded == bytes("a2 01 656669727374 02 00"))
  }

  @Test func equalityIsThatOfTheEncodings() {
    #expect(([1: 2, 3: 4] as CBORValue) == [3: 4, 1: 2])
    #expect(CBORValue.float(.nan) == .float(-.nan))
    #expect(CBORValue.float(0) != .float(-0.0))
    #expect(CBORValue.float(1) != 1)
    #expect(CBORValue.text("e\u{301}") != .text("\u{e9}"))
    #expect(CBORValue.null != .undefined)
  }

  /// Every half-precision float comes back in two bytes, and a neighbour of it does not fit in them.
  @Test func everyHalfFloat() throws {
    for half in UInt16.min...UInt16.max {
      let encoded: [UInt8] = [0xF9, UInt8(half >> 8), UInt8(half & 0xFF)]
      let value = try #require(try CBORDecoder.decode(encoded).floatValue)
      if value.isNaN {
        #expect(CBORValue.float(value).encoded == bytes("f97e00"))
        continue
      }
      #expect(CBORValue.float(value).encoded == encoded)
      if value.isFinite, value != 0 { #expect(CBORValue.float(value.nextUp).encoded.count == 9) }
    }
  }

  @Test func singleFloatsAtTheEdges() {
    #expect(CBORValue.float(Double(Float.leastNonzeroMagnitude)).encoded == bytes("fa00000001"))
    #expect(CBORValue.float(0x1p-25).encoded == bytes("fa33000000"))
    #expect(CBORValue.float(65520).encoded == bytes("fa477ff000"))
    #expect(CBORValue.float(.greatestFiniteMagnitude).encoded == bytes("fb7fefffffffffffff"))
    #expect(CBORValue.float(.leastNonzeroMagnitude).encoded == bytes("fb0000000000000001"))
  }
}

struct CBORJSONTests {
  private func json(_ value: CBORValue) -> String {
    CBORJSON.encode(value) { $0 == 1 ? "name" : nil }
  }

  @Test func namesKeys() {
    #expect(json([1: "alix", 2: [[1: 3]], "free": -1]) == #"{"name":"alix","2":[{"name":3}],"free":-1}"#)
    #expect(json([-1: 0, true: 1, .bytes([1]): 2]) == #"{"-1":0,"true":1,"h'01'":2}"#)
  }

  @Test func escapesText() {
    #expect(json("\"\\/\n\r\t\u{8}\u{0}\u{7f}\u{fc}") == #""\"\\/\n\r\t\u0008\u0000\u007f"# + "\u{fc}\"")
    // Legal as they are, yet a terminal would obey them.
    #expect(json("\u{9b}2J\u{202e}日😀") == #""\u009b2J\u202e"# + "日😀\"")
  }

  @Test func writesBytesAsBase64URL() {
    #expect(json(.bytes([])) == #""""#)
    #expect(json(.bytes([0xFB])) == #""-w""#)
    #expect(json(.bytes([0xFB, 0xFF])) == #""-_8""#)
    #expect(json(.bytes([0xFB, 0xFF, 0xBF])) == #""-_-_""#)
    #expect(json(.bytes(Array("Man".utf8))) == #""TWFu""#)
  }

  @Test func hasNoWordForSomeValues() {
    #expect(json([.undefined, .null, .float(.nan), .float(-.infinity), true]) == "[null,null,null,null,true]")
    #expect(json(.tagged(1, 5)) == "5")
    #expect(json([.float(1), .float(0.1), .float(1e300), .unsigned(.max)]) == "[1.0,0.1,1e+300,18446744073709551615]")
  }
}

struct CBORPropertyTests {
  private func value(_ random: inout SeededGenerator, depth: Int) -> CBORValue {
    switch random.below(depth > 0 ? 12 : 8) {
    case 0: return .unsigned(random.next() >> UInt64(random.below(64)))
    case 1: return .negative(random.next() >> UInt64(random.below(64)))
    case 2: return .bytes(random.bytes(upTo: 300))
    case 3: return .text(String(decoding: random.bytes(upTo: 40), as: UTF8.self))
    case 4: return .bool(random.below(2) == 0)
    case 5: return random.below(2) == 0 ? .null : .undefined
    case 6: return .float(Double(bitPattern: random.next()))
    case 7: return .float(Double(Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))))
    case 8: return .tagged(random.next() >> UInt64(random.below(64)), value(&random, depth: depth - 1))
    case 9: return .array((0..<random.below(30)).map { _ in value(&random, depth: depth - 1) })
    default:
      var map = CBORMap()
      for _ in 0..<random.below(30) {
        map.append(key: value(&random, depth: depth - 1), value: value(&random, depth: depth - 1))
      }
      return .map(map)
    }
  }

  @Test func whatIsEncodedDecodesToTheSame() throws {
    for seed: UInt64 in 1...200 {
      var random = SeededGenerator(seed: seed)
      let limits = CBORLimits(depth: 16, items: 1 << 20, inputBytes: 1 << 24)
      let original = value(&random, depth: 3)
      let encoded = original.encoded
      let decoded = try CBORDecoder.decode(encoded, limits: limits)
      #expect(decoded == original, "seed \(seed)")
      #expect(decoded.encoded == encoded, "seed \(seed)")
      #expect(!decoded.description.isEmpty)
    }
  }

  @Test func everyTruncationSaysSo() {
    for seed: UInt64 in 1...40 {
      var random = SeededGenerator(seed: seed)
      let limits = CBORLimits(depth: 16, items: 1 << 20, inputBytes: 1 << 24)
      let encoded = value(&random, depth: 2).encoded
      for length in 0..<min(encoded.count, 2000) {
        let error = #expect(throws: CBORError.self) { try CBORDecoder.decode(encoded[..<length], limits: limits) }
        #expect(error?.reason == .truncated, "seed \(seed) length \(length)")
      }
    }
  }

  /// Bytes of chance, and good encodings with one byte changed: what decodes must survive another round.
  @Test func damageIsAnErrorOrAnotherValue() throws {
    for seed: UInt64 in 1...40 {
      var random = SeededGenerator(seed: seed)
      for _ in 0..<200 {
        var input = random.below(2) == 0 ? random.bytes(upTo: 40) : Array(value(&random, depth: 1).encoded.prefix(3000))
        if !input.isEmpty { input[random.below(input.count)] = UInt8(truncatingIfNeeded: random.next()) }
        guard let decoded = try? CBORDecoder.decode(input) else { continue }
        let encoded = decoded.encoded
        #expect(encoded.count <= input.count + input.count / 256, "seed \(seed)")
        #expect(try CBORDecoder.decode(encoded) == decoded, "seed \(seed)")
      }
    }
  }
}
