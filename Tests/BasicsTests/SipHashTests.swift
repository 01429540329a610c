import Basics
import Testing

struct SipHashTests {
  /// From the paper's appendix and the authors' list: key 00…0f, messages 00, 01, 02…
  @Test(
    arguments: [
      (0, 0x726F_DB47_DD0E_0E31), (1, 0x74F8_39C5_93DC_67FD), (7, 0xAB02_00F5_8B01_D137), (8, 0x93F5_F579_9A93_2462),
      (15, 0xA129_CA61_49BE_45E5),
    ] as [(Int, UInt64)])
  func vectorsOfTheAuthors(count: Int, expected: UInt64) {
    let key = SipHash.Key(0x0706_0504_0302_0100, 0x0F0E_0D0C_0B0A_0908)
    #expect(SipHash.hash((0..<UInt8(count)).map { $0 }, key: key) == expected)
  }
}
