/// Amounts of memory and disk as people write them: `4M`, `512K`, `1G`, `65536`.
public enum ByteCount {
  /// The bytes that a text names; nil where it names none. Units are powers of 1024; `B` and `iB` may follow them.
  public static func parse(_ text: String) -> UInt64? {
    var bytes = Array(text.utf8)[...]
    if bytes.last == UInt8(ascii: "B") { bytes.removeLast() }
    let isBinary = bytes.last == UInt8(ascii: "i")
    if isBinary { bytes.removeLast() }
    let shift: UInt64
    switch bytes.last {
    case UInt8(ascii: "K"), UInt8(ascii: "k"): shift = 10
    case UInt8(ascii: "M"), UInt8(ascii: "m"): shift = 20
    case UInt8(ascii: "G"), UInt8(ascii: "g"): shift = 30
    default: shift = 0
    }
    if isBinary && shift == 0 { return nil }
    if shift > 0 { bytes.removeLast() }
    guard let number = Decimal.parse(bytes), number <= UInt64.max >> shift else { return nil }
    return number << shift
  }

  /// A short text for tables: `4.0M`, `712K`, `12B`.
  public static func short(_ bytes: UInt64) -> String {
    for (unit, shift) in [("G", UInt64(30)), ("M", 20)] where bytes >> shift > 0 {
      let tenths = (bytes >> (shift - 10)) * 10 / 1024
      return "\(tenths / 10).\(tenths % 10)\(unit)"
    }
    return bytes >= 1024 ? "\(bytes / 1024)K" : "\(bytes)B"
  }
}
