extension Base64 {
  /// The bytes of a text, in the standard alphabet with its padding or without any; nil if it is not exactly what these
  /// bytes are encoded as.
  public static func decode(_ text: some Collection<UInt8>, _ alphabet: Alphabet = .standard) -> [UInt8]? {
    var bytes: [UInt8] = []
    var pending: UInt32 = 0
    var bits: UInt32 = 0
    var digits = 0
    var paddings = 0
    for byte in text {
      if byte == padding, alphabet == .standard {
        paddings += 1
        continue
      }
      guard paddings == 0, let value = value(of: byte, alphabet) else { return nil }
      digits += 1
      pending = pending << 6 | value
      bits += 6
      if bits >= 8 {
        bits -= 8
        bytes.append(UInt8(truncatingIfNeeded: pending >> bits))
      }
    }
    // A digit alone says nothing, and what is left of the last one has to be zeros.
    if digits % 4 == 1 || pending & (1 << bits - 1) != 0 { return nil }
    if paddings > 0 && (digits % 4 == 0 || digits % 4 + paddings != 4) { return nil }
    return bytes
  }

  private static let padding = UInt8(ascii: "=")

  private static func value(of digit: UInt8, _ alphabet: Alphabet) -> UInt32? {
    switch digit {
    case 0x41...0x5A: UInt32(digit - 0x41)
    case 0x61...0x7A: UInt32(digit - 0x61) + 26
    case 0x30...0x39: UInt32(digit - 0x30) + 52
    case alphabet == .standard ? 0x2B : 0x2D: 62
    case alphabet == .standard ? 0x2F : 0x5F: 63
    default: nil
    }
  }
}
