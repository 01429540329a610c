import Basics
import Testing

@Suite struct ASCIITests {
  private func bytes(_ text: String) -> ArraySlice<UInt8> {
    // A slice that does not begin at 0, as slices of a file's text do.
    (Array("##".utf8) + Array(text.utf8))[2...]
  }

  private func texts(_ parts: [ArraySlice<UInt8>]) -> [String] {
    parts.map { ASCII.string($0) }
  }

  @Test(
    arguments: [("", [""]), ("a", ["a"]), ("a::b", ["a", "", "b"]), (":", ["", ""]), ("a:", ["a", ""])]
      as [(String, [String])])
  func splits(_ text: String, _ parts: [String]) {
    #expect(texts(ASCII.split(bytes(text), at: UInt8(ascii: ":"))) == parts)
  }

  @Test(
    arguments: [
      ("", []), ("a", ["a"]), ("a\n", ["a"]), ("a\n\nb", ["a", "", "b"]), ("a\n\n", ["a", ""]), ("\n", [""]),
    ] as [(String, [String])])
  func lines(_ text: String, _ lines: [String]) {
    #expect(texts(ASCII.lines(bytes(text))) == lines)
  }

  @Test(
    arguments: [
      ("", []), (" \t\r\n", []), ("a", ["a"]), ("  some avg10=0.00\ttotal=1 \r\n", ["some", "avg10=0.00", "total=1"]),
    ] as [(String, [String])])
  func words(_ text: String, _ words: [String]) {
    #expect(texts(ASCII.words(bytes(text))) == words)
  }

  @Test(
    arguments: [("", ""), ("  ", ""), (" a b\r\n", "a b"), ("a", "a"), ("\u{B}a\u{C}", "a"), ("\u{A0}a", "\u{A0}a")]
      as [(String, String)])
  func trims(_ text: String, _ trimmed: String) {
    #expect(ASCII.string(ASCII.trim(bytes(text))) == trimmed)
  }

  @Test func textThatIsNotUTF8IsShown() {
    #expect(ASCII.string([0x61, 0xFF, 0x62]) == "a\u{FFFD}b")
  }
}
