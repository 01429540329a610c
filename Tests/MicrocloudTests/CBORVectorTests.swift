import Microcloud
import Testing

/// RFC 8949 appendix A: an encoding and its diagnostic notation. Floats stand as Swift writes them.
private let bothWays: [(hex: String, diagnostic: String)] = [
  ("00", "0"), ("01", "1"), ("0a", "10"), ("17", "23"), ("1818", "24"), ("1819", "25"), ("1864", "100"),
  ("1903e8", "1000"), ("1a000f4240", "1000000"), ("1b000000e8d4a51000", "1000000000000"),
  ("1bffffffffffffffff", "18446744073709551615"), ("c249010000000000000000", "2(h'010000000000000000')"),
  ("3bffffffffffffffff", "-18446744073709551616"), ("c349010000000000000000", "3(h'010000000000000000')"),
  ("20", "-1"), ("29", "-10"), ("3863", "-100"), ("3903e7", "-1000"),
  ("f90000", "0.0"), ("f98000", "-0.0"), ("f93c00", "1.0"), ("fb3ff199999999999a", "1.1"), ("f93e00", "1.5"),
  ("f97bff", "65504.0"), ("fa47c35000", "100000.0"), ("fa7f7fffff", "3.4028234663852886e+38"),
  ("fb7e37e43c8800759c", "1e+300"), ("f90001", "5.960464477539063e-08"), ("f90400", "6.103515625e-05"),
  ("f9c400", "-4.0"), ("fbc010666666666666", "-4.1"), ("f97c00", "Infinity"), ("f97e00", "NaN"),
  ("f9fc00", "-Infinity"), ("f4", "false"), ("f5", "true"), ("f6", "null"), ("f7", "undefined"),
  ("c074323031332d30332d32315432303a30343a30305a", #"0("2013-03-21T20:04:00Z")"#),
  ("c11a514b67b0", "1(1363896240)"), ("c1fb41d452d9ec200000", "1(1363896240.5)"),
  ("d74401020304", "23(h'01020304')"), ("d818456449455446", "24(h'6449455446')"),
  ("d82076687474703a2f2f7777772e6578616d706c652e636f6d", #"32("http://www.example.com")"#),
  ("40", "h''"), ("4401020304", "h'01020304'"), ("60", #""""#), ("6161", #""a""#), ("6449455446", #""IETF""#),
  ("62225c", #""\"\\""#), ("62c3bc", "\"\u{fc}\""), ("63e6b0b4", "\"\u{6c34}\""), ("64f0908591", "\"\u{10151}\""),
  ("80", "[]"), ("83010203", "[1, 2, 3]"), ("8301820203820405", "[1, [2, 3], [4, 5]]"),
  (
    "98190102030405060708090a0b0c0d0e0f101112131415161718181819",
    "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25]"
  ),
  ("a0", "{}"), ("a201020304", "{1: 2, 3: 4}"), ("a26161016162820203", #"{"a": 1, "b": [2, 3]}"#),
  ("826161a161626163", #"["a", {"b": "c"}]"#),
  (
    "a56161614161626142616361436164614461656145", #"{"a": "A", "b": "B", "c": "C", "d": "D", "e": "E"}"#
  ),
]

/// The same appendix's encodings that are not deterministic, and what they become.
private let oneWay: [(hex: String, deterministic: String)] = [
  ("fa7f800000", "f97c00"), ("fa7fc00000", "f97e00"), ("faff800000", "f9fc00"), ("fb7ff0000000000000", "f97c00"),
  ("fb7ff8000000000000", "f97e00"), ("fbfff0000000000000", "f9fc00"), ("5f42010243030405ff", "450102030405"),
  ("7f657374726561646d696e67ff", "6973747265616d696e67"), ("9fff", "80"),
  ("9f018202039f0405ffff", "8301820203820405"), ("9f01820203820405ff", "8301820203820405"),
  ("83018202039f0405ff", "8301820203820405"), ("83019f0203ff820405", "8301820203820405"),
  (
    "9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff",
    "98190102030405060708090a0b0c0d0e0f101112131415161718181819"
  ),
  ("bf61610161629f0203ffff", "a26161016162820203"), ("826161bf61626163ff", "826161a161626163"),
  ("bf6346756ef563416d7421ff", "a263416d74216346756ef5"),
]

/// RFC 8949 appendix F.1, where an encoding is not well-formed, and why we say it is not.
private let malformed: [(reason: CBORError.Reason, hex: [String])] = [
  // End of input in a head.
  (
    .truncated,
    [
      "18", "19", "1a", "1b", "1901", "1a0102", "1b01020304050607", "38", "58", "78", "98", "9a01ff00", "b8", "d8",
      "f8",
      "f900", "fa0000", "fb000000",
    ]
  ),
  // Definite strings with short data.
  (.truncated, ["41", "61", "5affffffff00", "5bffffffffffffffff010203", "7affffffff00", "7b7fffffffffffffff010203"]),
  // Definite maps and arrays not closed with enough items, and tags without content.
  (.truncated, ["81", "818181818181818181", "8200", "a1", "a20102", "a100", "a2000000", "c0"]),
  // Indefinite strings, maps and arrays not closed by a break.
  (.truncated, ["5f4100", "7f6100", "9f", "9f0102", "bf", "bf01020102", "819f", "9f8000"]),
  (.truncated, ["9f9f9f9f9fffffffff", "9f819f819f9fffffff"]),
  // Reserved additional information, and indefinite length where it means nothing.
  (
    .reservedLength,
    [
      "1c", "1d", "1e", "3c", "3d", "3e", "5c", "5d", "5e", "7c", "7d", "7e", "9c", "9d", "9e", "bc", "bd", "be", "dc",
      "dd", "de", "fc", "fd", "fe", "1f", "3f", "df",
    ]
  ),
  // Two-byte encodings of simple values below 32.
  (.reservedLength, ["f800", "f801", "f818", "f81f"]),
  // Chunks of the wrong type, or of indefinite length.
  (.wrongChunk, ["5f00ff", "5f21ff", "5f6100ff", "5f80ff", "5fa0ff", "5fc000ff", "5fe0ff", "7f4100ff"]),
  (.wrongChunk, ["5f5f4100ffff", "7f7f6100ffff"]),
  // A break where it does not belong.
  (
    .misplacedBreak, ["ff", "81ff", "8200ff", "a1ff", "a1ff00", "a100ff", "a20000ff", "9f81ff", "9f829f819f9fffffffff"]
  ),
  (.oddMap, ["bf00ff", "bf000000ff"]),
]

struct CBORVectorTests {
  @Test func decodesAndEncodesAppendixA() throws {
    for vector in bothWays {
      let value = try CBORDecoder.decode(bytes(vector.hex))
      #expect(value.description == vector.diagnostic)
      #expect(value.encoded == bytes(vector.hex), "\(vector.diagnostic)")
    }
  }

  @Test func makesAppendixADeterministic() throws {
    for vector in oneWay {
      #expect(try CBORDecoder.decode(bytes(vector.hex)).encoded == bytes(vector.deterministic), "\(vector.hex)")
    }
  }

  @Test func refusesUnassignedSimpleValuesOfAppendixA() {
    for hex in ["f0", "f820", "f8ff", "e0", "f3"] {
      #expect(throws: CBORError(.unknownSimpleValue, offset: 0)) { try CBORDecoder.decode(bytes(hex)) }
    }
  }

  @Test func refusesAppendixF() {
    for (reason, vectors) in malformed {
      for hex in vectors {
        let error = #expect(throws: CBORError.self) { try CBORDecoder.decode(bytes(hex)) }
        #expect(error?.reason == reason, "\(hex)")
      }
    }
  }

  @Test func decodesLongFormsOfSmallNumbers() throws {
    for hex in ["1807", "190007", "1a00000007", "1b0000000000000007"] {
      #expect(try CBORDecoder.decode(bytes(hex)).encoded == [7])
    }
  }

  /// Bignums, decimal fractions and encoded items (RFC 8949 section 3.4) are tags like any other.
  @Test func keepsTagsAsTheyAre() throws {
    let fraction = try CBORDecoder.decode(bytes("c48221196ab3"))
    #expect(fraction.description == "4([-2, 27315])")
    #expect(fraction == .tagged(4, [-2, 27315]))
    let selfDescribed = try CBORDecoder.decode(bytes("d9d9f700"))
    #expect(selfDescribed == .tagged(55799, 0))
  }
}
