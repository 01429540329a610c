import Basics

/// CBOR as JSON text, for scripts that read our answers (RFC 8949 section 6.1): bytes become base64url text, tags are
/// dropped, `undefined` and the floats that JSON lacks become null.
public enum CBORJSON {
  /// JSON on one line. `keyName` names an unsigned map key; a key that it does not know stands as a decimal number,
  /// a key that is neither text nor integer in diagnostic notation.
  public static func encode(_ value: CBORValue, keyName: (UInt64) -> String?) -> String {
    var output: [UInt8] = []
    append(value, keyName, to: &output)
    return String(decoding: output, as: UTF8.self)
  }

  private static func append(_ value: CBORValue, _ keyName: (UInt64) -> String?, to output: inout [UInt8]) {
    switch value {
    case .bytes(let value):
      output += "\"".utf8
      output += Base64.encoded(value, .url)
      output += "\"".utf8
    case .array(let values): append(values, keyName, to: &output)
    case .map(let map): append(map, keyName, to: &output)
    case .tagged(_, let value): append(value, keyName, to: &output)
    case .undefined: output += "null".utf8
    case .float(let value) where !value.isFinite: output += "null".utf8
    case .unsigned, .negative, .text, .bool, .null, .float: CBORDiagnostic.append(value, to: &output)
    }
  }

  private static func append(_ values: [CBORValue], _ keyName: (UInt64) -> String?, to output: inout [UInt8]) {
    output += "[".utf8
    for (index, value) in values.enumerated() {
      if index > 0 { output += ",".utf8 }
      append(value, keyName, to: &output)
    }
    output += "]".utf8
  }

  private static func append(_ map: CBORMap, _ keyName: (UInt64) -> String?, to output: inout [UInt8]) {
    output += "{".utf8
    for (index, entry) in map.entries.enumerated() {
      if index > 0 { output += ",".utf8 }
      ByteText.appendQuoted(name(entry.key, keyName), to: &output)
      output += ":".utf8
      append(entry.value, keyName, to: &output)
    }
    output += "}".utf8
  }

  private static func name(_ key: CBORValue, _ keyName: (UInt64) -> String?) -> String {
    switch key {
    case .text(let text): text
    case .unsigned(let number): keyName(number) ?? key.description
    default: key.description
    }
  }
}
