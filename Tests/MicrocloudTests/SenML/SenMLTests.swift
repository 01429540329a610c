import Testing

@testable import Microcloud

struct SenMLTests {
  /// RFC 8428 section 6.
  private static let example = bytes(
    "87 a7 21 78 1b 75726e3a6465763a6f773a3130653230373361303130383030363a 22 fb 41d303a15b001062 23 61 41 20 05 00 67"
      + "766f6c74616765 01 61 56 02 fb 405e066666666666 a3 00 67 63757272656e74 06 24 02 fb 3ff3333333333333 a3 00 67"
      + "63757272656e74 06 23 02 fb 3ff4cccccccccccd a3 00 67 63757272656e74 06 22 02 fb 3ff6666666666666 a3 00 67"
      + "63757272656e74 06 21 02 f9 3e00 a3 00 67 63757272656e74 06 20 02 fb 3ff999999999999a a3 00 67 63757272656e74 06"
      + "00 02 fb 3ffb333333333333")

  /// What the RFC writes under the labels that we use, we write under the same.
  @Test func theRFCsExampleHasOurLabels() throws {
    let first = try #require(CBORDecoder.decode(Self.example).arrayValue?.first)
    var pack = SenMLPack()
    pack.begin("urn:dev:ow:10e2073a0108006:", seconds: 1_276_020_076)
    pack.add("voltage", .count, thousandths: 120_100)
    let ours = try #require(pack.value.arrayValue?.first)
    for label in [-2, 0, 2] { #expect(ours[key: label] == first[key: label]) }
    #expect(ours[key: -3] == .unsigned(1_276_020_076) && first[key: -3] == .float(1_276_020_076.001))
    #expect(ours[key: 1] == .text("count") && first[key: 1] == .text("V"))
    // Version 10 is what is meant where none is said (section 4.4); another would be under -1.
    #expect(ours.mapValue?.entries.count == 5)
  }

  /// All records after the one that names the thing go without its name and time.
  @Test func aThingIsNamedOnce() {
    var pack = SenMLPack()
    pack.begin("alix/", seconds: 1000)
    pack.add("memory-total", .bytes, 1 << 28)
    pack.add("memory-wait", .seconds, nil)
    pack.add("load", .count, thousandths: 520)
    pack.begin("alix/containers/web/")
    pack.add("cpu-time", .seconds, thousandths: 3000)
    #expect(
      pack.value.encoded
        == bytes(
          "83 a5 00 6c 6d656d6f72792d746f74616c 01 61 42 02 1a 10000000 21 65 616c69782f 22 1903e8"
            + "a3 00 64 6c6f6164 01 65 636f756e74 02 fb 3fe0a3d70a3d70a4"
            + "a4 00 68 6370752d74696d65 01 61 73 02 03 21 74 616c69782f636f6e7461696e6572732f7765622f"))
  }

  @Test func namesHaveOnlyPermittedCharacters() {
    var pack = SenMLPack()
    pack.begin("àb c(\u{0})._-:/9Z")
    pack.add("n", .count, 1)
    #expect(pack.value.arrayValue?[0][key: -2] == .text("--b-c---._-:/9Z"))
  }
}
