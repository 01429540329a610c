/// Bytes as text of 64 letters (RFC 4648).
public enum Base64 {
  public enum Alphabet {
    /// Section 4, filled up with `=`.
    case standard
    /// Section 5, without.
    case url
  }

  /// The text, as UTF-8.
  public static func encoded(_ bytes: [UInt8], _ alphabet: Alphabet = .standard) -> [UInt8] {
    var output: [UInt8] = []
    var pending: UInt32 = 0
    var bits: UInt32 = 0
    for byte in bytes {
      pending = pending << 8 | UInt32(byte)
      bits += 8
      while bits >= 6 {
        bits -= 6
        output.append(digit(pending >> bits & 0x3F, alphabet))
      }
    }
    if bits > 0 { output.append(digit(pending << (6 - bits) & 0x3F, alphabet)) }
    while alphabet == .standard && output.count % 4 != 0 { output.append(0x3D) }
    return output
  }

  private static func digit(_ value: UInt32, _ alphabet: Alphabet) -> UInt8 {
    let value = UInt8(truncatingIfNeeded: value)
    switch value {
    case 0..<26: return 0x41 + value
    case 26..<52: return 0x61 + value - 26
    case 52..<62: return 0x30 + value - 52
    case 62: return alphabet == .standard ? 0x2B : 0x2D
    default: return alphabet == .standard ? 0x2F : 0x5F
    }
  }
}
