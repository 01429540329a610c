import Basics
import Testing

@Suite struct DecimalTests {
  @Test(arguments: [("0", 0), ("7", 7), ("0042", 42), ("18446744073709551615", UInt64.max)] as [(String, UInt64)])
  func reads(_ text: String, _ number: UInt64) {
    #expect(Decimal.parse(text) == number)
  }

  @Test(
    arguments: [
      "", " 1", "1 ", "+1", "-1", "0x1", "1.0", "1,0", "１", "18446744073709551616", "99999999999999999999999",
      "1\u{0}",
    ] as [String])
  func refuses(_ text: String) {
    #expect(Decimal.parse(text) == nil)
  }
}

@Suite struct ByteCountTests {
  @Test(
    arguments: [
      ("0", 0), ("65536", 65536), ("12B", 12), ("512K", 524_288), ("512k", 524_288), ("4M", 4_194_304),
      ("4MB", 4_194_304), ("4MiB", 4_194_304), ("4m", 4_194_304), ("1G", 1_073_741_824),
      ("17179869183G", 18_446_744_072_635_809_792),
      ("18446744073709551615", UInt64.max),
    ] as [(String, UInt64)])
  func reads(_ text: String, _ bytes: UInt64) {
    #expect(ByteCount.parse(text) == bytes)
  }

  @Test(
    arguments: [
      "", "B", "K", "KB", "iB", "i", "4i", "4iB", "4 M", "4.5M", "-4M", "4T", "4MM", "M4", "4BB", "4KiBi",
      "17179869184G",
      "18446744073709551616",
    ] as [String])
  func refuses(_ text: String) {
    #expect(ByteCount.parse(text) == nil)
  }

  @Test(
    arguments: [
      (0, "0B"), (1023, "1023B"), (1024, "1K"), (729_088, "712K"), (1_048_575, "1023K"), (4_194_304, "4.0M"),
      (4_718_592, "4.5M"), (1_073_741_823, "1023.9M"), (1_073_741_824, "1.0G"), (UInt64.max, "17179869183.9G"),
    ] as [(UInt64, String)])
  func writes(_ bytes: UInt64, _ text: String) {
    #expect(ByteCount.short(bytes) == text)
  }
}
