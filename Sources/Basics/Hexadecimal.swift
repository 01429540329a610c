/// Bytes as two digits each.
public enum Hexadecimal {
  /// The bytes that a text stands for, in digits of either case; nil if it is something else.
  public static func bytes(_ text: some Collection<UInt8>) -> [UInt8]? {
    guard text.count % 2 == 0 else { return nil }
    var bytes: [UInt8] = []
    var high: UInt8?
    for character in text {
      guard let digit = value(of: character) else { return nil }
      if let first = high {
        bytes.append(first << 4 | digit)
        high = nil
      } else {
        high = digit
      }
    }
    return bytes
  }

  /// In lower case.
  public static func text(_ bytes: [UInt8]) -> String {
    ASCII.string(bytes.flatMap { [digit($0 >> 4), digit($0 & 15)] })
  }

  /// The digit, in lower case, of a number below 16.
  public static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? 0x30 + value : 0x61 + value - 10
  }

  /// What a digit of either case stands for; nil if it is none.
  public static func value(of digit: UInt8) -> UInt8? {
    switch digit {
    case 0x30...0x39: digit - 0x30
    case 0x41...0x46: digit - 0x41 + 10
    case 0x61...0x66: digit - 0x61 + 10
    default: nil
    }
  }
}
