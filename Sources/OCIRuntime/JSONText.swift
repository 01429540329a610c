import Basics
import Images

/// Writes JSON, two blanks an indentation, as people like to read it.
public enum JSONText {
  /// A string with its quotes.
  public static func quoted(_ text: String) -> String {
    var bytes: [UInt8] = [UInt8(ascii: "\"")]
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
      case 0x0A: bytes += [UInt8(ascii: "\\"), UInt8(ascii: "n")]
      case 0x09: bytes += [UInt8(ascii: "\\"), UInt8(ascii: "t")]
      case 0..<0x20: bytes += Array("\\u00".utf8) + [hexadecimal(byte >> 4), hexadecimal(byte & 15)]
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
    return ASCII.string(bytes)
  }

  private static func hexadecimal(_ digit: UInt8) -> UInt8 {
    digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
  }

  public static func write(_ value: JSONValue, indentation: String = "") -> String {
    let inner = indentation + "  "
    switch value {
    case .null: return "null"
    case .bool(let value): return value ? "true" : "false"
    case .number(let text): return text
    case .string(let text): return quoted(text)
    case .array(let values):
      return list(values.map { inner + write($0, indentation: inner) }, "[", "]", indentation)
    case .object(let members):
      return list(
        members.map { inner + quoted($0.name) + ": " + write($0.value, indentation: inner) }, "{", "}", indentation)
    }
  }

  private static func list(_ lines: [String], _ open: String, _ close: String, _ indentation: String) -> String {
    if lines.isEmpty { return open + close }
    return open + "\n" + lines.joined(separator: ",\n") + "\n" + indentation + close
  }
}
