import Basics

/// Text on its way to Cloudy's search, and from there to a person.
///
/// White space, quotation marks or a backslash in what one node says empties the search on every Cloudy node, and its
/// web page puts texts into HTML as they are. So what we say is made of harmless characters only.
public enum CloudyText {
  /// The most bytes of a member's name that we choose: it has to fit into a DNS label.
  public static let maximumNameBytes = 63
  /// The most bytes that are taken of a stranger's text: hundreds of them may be kept while somebody waits for them
  /// all.
  static let maximumShownBytes = 128

  /// A text of harmless characters: letters, digits and `-._:/@+=,%`. Latin letters lose their accents; each run of
  /// anything else, spaces among it, becomes one `_`, and at the ends nothing. What is over the limit is cut off.
  public static func cleaned(_ text: String, maximumBytes: Int) -> String {
    cleaned(text, maximumBytes: maximumBytes, filler: UInt8(ascii: "_"), isHarmless)
  }

  /// What a member may be called: letters, digits and `-`. Empty if the text has none of them.
  public static func cleanedName(_ text: String) -> String {
    cleaned(text, maximumBytes: maximumNameBytes, filler: UInt8(ascii: "-"), isAlphanumeric)
  }

  /// A stranger's text as it may be shown: its first `maximumShownBytes`. Control characters, also those that turn the
  /// direction of writing, and what is not UTF-8 become U+FFFD.
  public static func shown(_ bytes: some Sequence<UInt8>) -> String {
    var shown = String.UnicodeScalarView()
    for scalar in String(decoding: Array(bytes.prefix(maximumShownBytes)), as: UTF8.self).unicodeScalars {
      shown.append(scalar.isControl ? "\u{FFFD}" : scalar)
    }
    return String(shown)
  }

  private static func cleaned(
    _ text: String, maximumBytes: Int, filler: UInt8, _ isHarmless: (UInt8) -> Bool
  ) -> String {
    var cleaned: [UInt8] = []
    var isFillerDue = false
    for scalar in text.unicodeScalars {
      let byte = ascii(scalar)
      guard isHarmless(byte) else {
        isFillerDue = !cleaned.isEmpty
        continue
      }
      if cleaned.count + (isFillerDue ? 2 : 1) > maximumBytes { break }
      if isFillerDue { cleaned.append(filler) }
      isFillerDue = false
      cleaned.append(byte)
    }
    return String(decoding: cleaned, as: UTF8.self)
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    default: false
    }
  }

  private static func isHarmless(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: ":"), UInt8(ascii: "/"),
      UInt8(ascii: "@"), UInt8(ascii: "+"), UInt8(ascii: "="), UInt8(ascii: ","), UInt8(ascii: "%"):
      true
    default: isAlphanumeric(byte)
    }
  }

  /// The letters from U+00C0 on without their accents, for the networks at home in Catalonia; a space has none.
  private static let plainLetters: [UInt8] = Array(
    "AAAAAAACEEEEIIIIDNOOOOO OUUUUYTsaaaaaaaceeeeiiiidnooooo ouuuuyty".utf8)

  /// The character as ASCII; a space if it is not, and looks like nothing that is.
  private static func ascii(_ scalar: Unicode.Scalar) -> UInt8 {
    switch scalar.value {
    case 0..<0x80: UInt8(scalar.value)
    case 0xC0..<0x100: plainLetters[Int(scalar.value - 0xC0)]
    default: ASCII.space
    }
  }
}
