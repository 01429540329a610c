import Basics
import TestSupport
import Testing

@testable import Microcloud

struct Base64Tests {
  /// RFC 4648 section 10.
  private static let vectors = [
    ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
    ("foobar", "Zm9vYmFy"),
  ]

  @Test func agreesWithTheRFC() {
    for (bytes, text) in Self.vectors {
      #expect(base64(Array(bytes.utf8)) == text)
      #expect(Base64.decode(text.utf8) == Array(bytes.utf8))
      #expect(Base64.decode(text.filter { $0 != "=" }.utf8) == Array(bytes.utf8))
    }
    #expect(base64(bytes("fbefbe ffffff 3e3f")) == "++++////Pj8=")
    #expect(Base64.decode("++++////Pj8=".utf8) == bytes("fbefbe ffffff 3e3f"))
  }

  @Test func takesNothingElse() {
    for text in [
      "Z", "Zg=", "Zg===", "Z===", "=", "====", "Zh", "Zh==", "Zm9=", "Zm9v=", "Zm9v====", "Zg==Zg==", "Zm 9v",
      "Zm9v\n",
      "Zm9-", "Zm9_", "Zm9é", "Zg=g",
    ] {
      #expect(Base64.decode(text.utf8) == nil, "\(text)")
    }
  }

  @Test func survivesARoundTrip() {
    var generator = SeededGenerator(seed: 1)
    for _ in 0..<500 {
      let bytes = generator.bytes(upTo: 100)
      #expect(Base64.decode(base64(bytes).utf8) == bytes)
      #expect(Base64.decode(Base64.encoded(bytes, .url), .url) == bytes)
    }
  }

  /// RFC 4648 section 5.
  @Test func theAlphabetForAddressesIsItsOwn() {
    #expect(Base64.decode("--__Pj8".utf8, .url) == bytes("fbefff 3e3f"))
    for text in ["++__Pj8", "Zg==", "Zh", "Zm9v\n"] { #expect(Base64.decode(text.utf8, .url) == nil, "\(text)") }
  }
}
