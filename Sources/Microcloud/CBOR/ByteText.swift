/// Bytes as text, and text in quotation marks, for people and for JSON. All of it appends UTF-8.
enum ByteText {
  /// Two lower-case digits a byte.
  static func appendHexadecimal(_ bytes: [UInt8], to output: inout [UInt8]) {
    for byte in bytes {
      output.append(hexadecimalDigit(byte >> 4))
      output.append(hexadecimalDigit(byte & 0xF))
    }
  }

  /// Base64url without padding (RFC 4648 section 5).
  static func appendBase64URL(_ bytes: [UInt8], to output: inout [UInt8]) {
    var pending: UInt32 = 0
    var bits: UInt32 = 0
    for byte in bytes {
      pending = pending << 8 | UInt32(byte)
      bits += 8
      while bits >= 6 {
        bits -= 6
        output.append(base64URLDigit(pending >> bits & 0x3F))
      }
    }
    if bits > 0 { output.append(base64URLDigit(pending << (6 - bits) & 0x3F)) }
  }

  /// A JSON string (RFC 8259 section 7) with its quotation marks.
  static func appendQuoted(_ text: String, to output: inout [UInt8]) {
    output.append(0x22)
    for byte in text.utf8 {
      switch byte {
      case 0x22, 0x5C: output += [0x5C, byte]
      case 0x0A: output += "\\n".utf8
      case 0x0D: output += "\\r".utf8
      case 0x09: output += "\\t".utf8
      // DEL is legal in JSON, yet no terminal should get it from a stranger's text.
      case 0..<0x20, 0x7F:
        output += "\\u00".utf8
        appendHexadecimal([byte], to: &output)
      default: output.append(byte)
      }
    }
    output.append(0x22)
  }

  private static func hexadecimalDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? 0x30 + value : 0x61 + value - 10
  }

  private static func base64URLDigit(_ value: UInt32) -> UInt8 {
    let value = UInt8(truncatingIfNeeded: value)
    switch value {
    case 0..<26: return 0x41 + value
    case 26..<52: return 0x61 + value - 26
    case 52..<62: return 0x30 + value - 52
    case 62: return 0x2D
    default: return 0x5F
    }
  }
}
