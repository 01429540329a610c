extension CBORValue: CustomStringConvertible {
  /// Diagnostic notation (RFC 8949 section 8), as `{1: "alix", 2: h'01ff'}`.
  public var description: String {
    var output: [UInt8] = []
    CBORDiagnostic.append(self, to: &output)
    return String(decoding: output, as: UTF8.self)
  }
}

/// Writes diagnostic notation.
enum CBORDiagnostic {
  static func append(_ value: CBORValue, to output: inout [UInt8]) {
    switch value {
    case .unsigned(let value): output += "\(value)".utf8
    case .negative(let value): appendNegative(value, to: &output)
    case .bytes(let value):
      output += "h'".utf8
      ByteText.appendHexadecimal(value, to: &output)
      output += "'".utf8
    case .text(let value): ByteText.appendQuoted(value, to: &output)
    case .array(let values): append(values, to: &output)
    case .map(let map): append(map, to: &output)
    case .tagged(let tag, let value):
      output += "\(tag)(".utf8
      append(value, to: &output)
      output += ")".utf8
    case .bool(let value): output += (value ? "true" : "false").utf8
    case .null: output += "null".utf8
    case .undefined: output += "undefined".utf8
    case .float(let value): output += text(value).utf8
    }
  }

  /// The integer -1 - n, whose magnitude may need 65 bits.
  static func appendNegative(_ value: UInt64, to output: inout [UInt8]) {
    output += (value == .max ? "-18446744073709551616" : "-\(value + 1)").utf8
  }

  private static func append(_ values: [CBORValue], to output: inout [UInt8]) {
    output += "[".utf8
    for (index, value) in values.enumerated() {
      if index > 0 { output += ", ".utf8 }
      append(value, to: &output)
    }
    output += "]".utf8
  }

  private static func append(_ map: CBORMap, to output: inout [UInt8]) {
    output += "{".utf8
    for (index, entry) in map.entries.enumerated() {
      if index > 0 { output += ", ".utf8 }
      append(entry.key, to: &output)
      output += ": ".utf8
      append(entry.value, to: &output)
    }
    output += "}".utf8
  }

  private static func text(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Infinity" : "Infinity" }
    return value.description
  }
}
