import Basics
import Testing

@Suite struct ControlCharactersTests {
  @Test(
    arguments: [
      "\u{0}", "\t", "\n", "\u{1B}", "\u{1F}", "\u{7F}", "\u{80}", "\u{9B}", "\u{9F}", "\u{61C}", "\u{200E}",
      "\u{2028}",
      "\u{202E}", "\u{2066}", "\u{2069}",
    ] as [Unicode.Scalar])
  func whatATerminalObeys(_ scalar: Unicode.Scalar) {
    #expect(scalar.isControl)
  }

  @Test(arguments: [" ", "~", "\u{A0}", "é", "\u{200D}", "\u{2027}", "\u{202F}", "日", "😀"] as [Unicode.Scalar])
  func whatItShows(_ scalar: Unicode.Scalar) {
    #expect(!scalar.isControl)
  }
}
