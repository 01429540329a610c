import Basics
import Testing

/// The values are those that the authors of FNV publish.
@Test(
  arguments: [("", 0xCBF2_9CE4_8422_2325), ("a", 0xAF63_DC4C_8601_EC8C), ("foobar", 0x8594_4171_F739_67E8)]
    as [(String, UInt64)]) func checksumsAreAsPublished(text: String, expected: UInt64)
{
  #expect(Checksum.of(text.utf8) == expected)
}
