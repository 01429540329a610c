import Testing

@testable import microctl

struct QRCodeTests {
  @Test(arguments: [(1, 21), (17, 21), (18, 25), (230, 53), (231, 57), (425, 69)])
  func theSmallestThatFitsIsMade(_ bytes: Int, _ size: Int) throws {
    #expect(try #require(QRCode([UInt8](repeating: 65, count: bytes))).size == size)
  }

  @Test func moreThanFitsIsNone() {
    #expect(QRCode([UInt8](repeating: 65, count: 426)) == nil)
  }

  /// ISO/IEC 18004 annex I: the same data and correction as of its example in a code of size 1.
  @Test func correctionIsAsInTheStandard() {
    let data: [UInt8] = [
      0x10, 0x20, 0x0C, 0x56, 0x61, 0x80, 0xEC, 0x11, 0xEC, 0x11, 0xEC, 0x11, 0xEC, 0x11, 0xEC, 0x11,
    ]
    let expected: [UInt8] = [0xA5, 0x24, 0xD4, 0xC1, 0xED, 0x36, 0xC7, 0x87, 0x2C, 0x55]
    #expect(ReedSolomon.correction(of: data[...], count: 10) == expected)
  }

  @Test func theTextIsLinesOfTheSameWidth() throws {
    let lines = try #require(QRCode(Array("a".utf8))).terminalText.split(separator: "\n")
    #expect(lines.count == (21 + 8 + 1) / 2)
    #expect(Set(lines.map { $0.unicodeScalars.count }).count == 1)
  }
}
