/// One of the sizes of QR codes, at the lowest level of error correction: what a screen shows is not torn.
struct QRVersion {
  /// Above it there is more than one alignment pattern in the middle.
  static let largest = 13

  let number: Int

  /// The smallest that takes so many bytes; nil: none that we make.
  init?(bytes: Int) {
    guard let number = (1...Self.largest).first(where: { QRVersion(number: $0).capacity >= bytes }) else { return nil }
    self.init(number: number)
  }

  private init(number: Int) { self.number = number }

  /// Modules along each side.
  var size: Int { 17 + 4 * number }

  /// How many bits the number of bytes is written with (table 3).
  var countBits: Int { number < 10 ? 8 : 16 }

  /// Bytes of text that fit beside the mode and the count.
  var capacity: Int { dataCodewords - (4 + countBits + 7) / 8 }

  var dataCodewords: Int { codewords - correctionCodewords * blocks }

  /// Tables 1 and 9.
  var codewords: Int { Self.codewordsByVersion[number - 1] }
  /// Of each block.
  var correctionCodewords: Int { Self.correctionByVersion[number - 1] }
  var blocks: Int { Self.blocksByVersion[number - 1] }

  private static let codewordsByVersion = [26, 44, 70, 100, 134, 172, 196, 242, 292, 346, 404, 466, 532]
  private static let correctionByVersion = [7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26]
  private static let blocksByVersion = [1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4]

  /// Where the centres of alignment patterns are, in both directions (annex E).
  var alignment: [Int] {
    switch number {
    case 1: []
    case 2...6: [6, size - 7]
    default: [6, (size - 1) / 2, size - 7]
    }
  }
}
