/// Reads unsigned decimal numbers as they stand in kernel files, settings and command lines.
public enum Decimal {
  /// The number that all of `text` spells, or nil: digits only, no sign, no space, and it fits in 64 bits.
  public static func parse(_ text: some Sequence<UInt8>) -> UInt64? {
    var value: UInt64 = 0
    var any = false
    for byte in text {
      guard byte >= 0x30, byte <= 0x39 else { return nil }
      let (product, tooLarge) = value.multipliedReportingOverflow(by: 10)
      let (sum, overflow) = product.addingReportingOverflow(UInt64(byte - 0x30))
      if tooLarge || overflow { return nil }
      value = sum
      any = true
    }
    return any ? value : nil
  }

  /// The same of a string.
  public static func parse(_ text: String) -> UInt64? {
    parse(text.utf8)
  }
}
