import Basics

/// Bytes as text, and text in quotation marks, for people and for JSON. All of it appends UTF-8.
enum ByteText {
  /// Two lower-case digits a byte.
  static func appendHexadecimal(_ bytes: [UInt8], to output: inout [UInt8]) {
    for byte in bytes {
      output.append(Hexadecimal.digit(byte >> 4))
      output.append(Hexadecimal.digit(byte & 0xF))
    }
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
}
