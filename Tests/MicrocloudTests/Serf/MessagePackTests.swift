import Testing

@testable import Microcloud

private func encoded(_ write: (inout MessagePackEncoder) -> Void) -> [UInt8] {
  var encoder = MessagePackEncoder()
  write(&encoder)
  return encoder.bytes
}

private func reason<Value>(
  _ hexadecimal: String, _ read: (inout MessagePackReader) throws(MessagePackError) -> Value
) -> MessagePackError.Reason? {
  var reader = MessagePackReader(bytes(hexadecimal)[...])
  do throws(MessagePackError) {
    _ = try read(&reader)
    return nil
  } catch {
    return error.reason
  }
}

struct MessagePackTests {
  @Test func writesTheShortestUnsignedForm() throws {
    let forms: [(UInt64, String)] = [
      (0, "00"), (127, "7f"), (128, "cc80"), (255, "ccff"), (256, "cd0100"), (65535, "cdffff"), (65536, "ce00010000"),
      (0xFFFF_FFFF, "ceffffffff"), (0x1_0000_0000, "cf0000000100000000"), (.max, "cfffffffffffffffff"),
    ]
    for (number, form) in forms {
      #expect(encoded { $0.unsigned(number) } == bytes(form))
      if number <= UInt64(Int64.max) { #expect(encoded { $0.integer(Int64(number)) } == bytes(form)) }
      var reader = MessagePackReader(bytes(form)[...])
      #expect(try reader.unsigned() == number)
    }
  }

  @Test func writesAndReadsNegativeNumbers() throws {
    let forms: [(Int64, String)] = [
      (-1, "ff"), (-32, "e0"), (-33, "d0df"), (-128, "d080"), (-129, "d1ff7f"), (-32768, "d18000"),
      (-32769, "d2ffff7fff"), (-0x8000_0000, "d280000000"), (-0x8000_0001, "d3ffffffff7fffffff"),
      (.min, "d38000000000000000"),
    ]
    for (number, form) in forms {
      #expect(encoded { $0.integer(number) } == bytes(form))
      var reader = MessagePackReader(bytes(form)[...])
      #expect(try reader.integer() == number)
    }
  }

  @Test func writesOldRawsOnly() {
    func raw(_ count: Int) -> [UInt8] { encoded { $0.raw([UInt8](repeating: 7, count: count)) } }
    #expect(raw(0) == [0xA0])
    #expect(raw(31).first == 0xBF)
    #expect(raw(32).prefix(3) == [0xDA, 0, 32])
    #expect(raw(65535).prefix(3) == [0xDA, 0xFF, 0xFF])
    #expect(raw(65536).prefix(5) == [0xDB, 0, 1, 0, 0])
    #expect(encoded { $0.binary([]) } == [0xC0])
    #expect(encoded { $0.text("") } == [0xA0])
  }

  @Test func writesHeadsOfMapsAndArrays() {
    #expect(encoded { $0.map(15) } == [0x8F])
    #expect(encoded { $0.map(16) } == [0xDE, 0, 16])
    #expect(encoded { $0.array(15) } == [0x9F])
    #expect(encoded { $0.array(16) } == [0xDC, 0, 16])
    #expect(encoded { $0.array(65536) } == [0xDD, 0, 1, 0, 0])
  }

  @Test func readsEveryFormOfTheSameThing() throws {
    for form in ["a3616263", "d903616263", "da0003616263", "db00000003616263", "c403616263", "c50003616263"] {
      var reader = MessagePackReader(bytes(form)[...])
      #expect(try reader.text() == "abc")
    }
    for form in ["07", "cc07", "cd0007", "ce00000007", "cf0000000000000007", "d007", "d10007", "d300000000000000_07"] {
      var reader = MessagePackReader(bytes(form.filter { $0 != "_" })[...])
      #expect(try reader.unsigned(as: UInt8.self) == 7)
    }
    for form in ["ca3fc00000", "cb3ff8000000000000"] {
      var reader = MessagePackReader(bytes(form)[...])
      #expect(try reader.double() == 1.5)
    }
  }

  @Test func readsNilAsZero() throws {
    var reader = MessagePackReader([UInt8](repeating: 0xC0, count: 7)[...])
    #expect(try reader.unsigned() == 0)
    #expect(try reader.integer() == 0)
    #expect(try reader.double() == 0)
    #expect(try reader.bool() == false)
    #expect(try reader.raw().isEmpty)
    #expect(try reader.array() == 0)
    #expect(try reader.map() == 0)
    #expect(reader.rest.isEmpty)
  }

  @Test func refusesWhatDoesNotFit() {
    #expect(
      reason("cd0100") { (reader) throws(MessagePackError) in try reader.unsigned(as: UInt8.self) } == .outOfRange)
    #expect(reason("ff") { (reader) throws(MessagePackError) in try reader.unsigned() } == .outOfRange)
    #expect(
      reason("cf8000000000000000") { (reader) throws(MessagePackError) in try reader.integer() } == .outOfRange)
    #expect(reason("a161") { (reader) throws(MessagePackError) in try reader.unsigned() } == .unexpectedType)
    #expect(reason("80") { (reader) throws(MessagePackError) in try reader.array() } == .unexpectedType)
    #expect(reason("c1") { (reader) throws(MessagePackError) in try reader.bool() } == .reservedForm)
    #expect(reason("a3616263") { (reader) throws(MessagePackError) in try reader.raw(limit: 2) } == .tooLong)
    #expect(reason("dbffffffff61") { (reader) throws(MessagePackError) in try reader.raw() } == .truncated)
    #expect(reason("ddffffffff") { (reader) throws(MessagePackError) in try reader.array(limit: 9) } == .tooLong)
    #expect(reason("dfffffffff") { (reader) throws(MessagePackError) in try reader.map(limit: 9) } == .tooLong)
  }

  /// One of each form, and what is left after it.
  @Test func skipsAnyItem() throws {
    let items = [
      "00", "ff", "c0", "c2", "cc80", "cb0000000000000000", "a0", "a3616263", "d90161", "c40161", "80", "8101a161",
      "93c09101a0", "dc000101", "de00010102", "d40561", "d8050102030405060708090a0b0c0d0e0f10", "c7010561",
    ]
    for item in items {
      var reader = MessagePackReader((bytes(item) + [0x2A])[...])
      try reader.skip()
      #expect(try reader.unsigned() == 42, "\(item)")
      for count in 0..<bytes(item).count {
        let cut = hexadecimal(Array(bytes(item).prefix(count)))
        #expect(reason(cut) { (reader) throws(MessagePackError) in try reader.skip() } == .truncated)
      }
    }
  }

  @Test func skipsNothingThatIsTooDeep() throws {
    let limit = MessagePackSkipper.maximumDepth
    var reader = MessagePackReader(([UInt8](repeating: 0x91, count: limit) + [0])[...])
    try reader.skip()
    #expect(reader.rest.isEmpty)
    let deeper = [UInt8](repeating: 0x91, count: limit + 1) + [0]
    #expect(reason(hexadecimal(deeper)) { (reader) throws(MessagePackError) in try reader.skip() } == .tooDeep)
  }

  @Test func skipsNothingThatIsTooLarge() throws {
    func array(_ count: Int) -> [UInt8] { [0xDC, 0, UInt8(count)] + [UInt8](repeating: 0xC0, count: count) }
    var reader = MessagePackReader(array(127)[...])
    try reader.skip()
    #expect(reader.rest.isEmpty)
    #expect(reason(hexadecimal(array(128))) { (reader) throws(MessagePackError) in try reader.skip() } == .tooLong)
    #expect(reason("de0021") { (reader) throws(MessagePackError) in try reader.fields() } == .tooLong)
    #expect(reason("de0020") { (reader) throws(MessagePackError) in try reader.fields() } == nil)
  }

  @Test func skipsInPieces() throws {
    let item = bytes("83a161dc0002c0a3616263a162de0001a163cb0000000000000000a164db0000000461626364")
    for cut in 0...item.count {
      var skipper = MessagePackSkipper()
      var first = item[..<cut]
      let isDone = try skipper.advance(through: &first)
      #expect(isDone == (cut == item.count))
      var second = first + item[cut...]
      #expect(try isDone || skipper.advance(through: &second))
      #expect(isDone || second.isEmpty)
    }
  }

  /// Counts from outside claim much and cost nothing.
  @Test func skipsNoMoreThanIsThere() {
    for head in ["ddffffffff", "dfffffffff", "dbffffffff", "c6ffffffff", "c9ffffffff00", "ddffffffffddffffffff"] {
      #expect(reason(head) { (reader) throws(MessagePackError) in try reader.skip() } == .truncated)
    }
  }
}

func hexadecimal(_ bytes: [UInt8]) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}
