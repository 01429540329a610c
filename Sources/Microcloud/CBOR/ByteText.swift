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
  ///
  /// JSON wants only those below U+0020 escaped, yet no terminal should get the others from a stranger's text either.
  static func appendQuoted(_ text: String, to output: inout [UInt8]) {
    output.append(0x22)
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": output += [0x5C, UInt8(truncatingIfNeeded: scalar.value)]
      case "\n": output += "\\n".utf8
      case "\r": output += "\\r".utf8
      case "\t": output += "\\t".utf8
      // None of them is beyond U+FFFF.
      case _ where scalar.isControl:
        output += "\\u".utf8
        let code = UInt16(truncatingIfNeeded: scalar.value)
        appendHexadecimal([UInt8(code >> 8), UInt8(truncatingIfNeeded: code)], to: &output)
      default: output += UTF8.encode(scalar).map { Array($0) } ?? []
      }
    }
    output.append(0x22)
  }
}
