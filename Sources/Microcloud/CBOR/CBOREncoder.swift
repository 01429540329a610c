/// Encodes CBOR deterministically (RFC 8949 section 4.2.1): shortest integers, lengths and floats, definite lengths,
/// map keys in bytewise order of their encodings. Equal values give equal bytes, which can be signed and compared.
public enum CBOREncoder {
  /// The bytes of one item.
  public static func encode(_ value: CBORValue) -> [UInt8] {
    var output: [UInt8] = []
    append(value, to: &output)
    return output
  }

  /// Appends the item to what `output` already holds.
  public static func append(_ value: CBORValue, to output: inout [UInt8]) {
    switch value {
    case .unsigned(let value): appendHead(0, value, to: &output)
    case .negative(let value): appendHead(1, value, to: &output)
    case .bytes(let value):
      appendHead(2, UInt64(value.count), to: &output)
      output += value
    case .text(let value):
      appendHead(3, UInt64(value.utf8.count), to: &output)
      output += value.utf8
    case .array(let values):
      appendHead(4, UInt64(values.count), to: &output)
      for value in values { append(value, to: &output) }
    case .map(let map): append(map, to: &output)
    case .tagged(let tag, let value):
      appendHead(6, tag, to: &output)
      append(value, to: &output)
    case .bool(let value): output.append(value ? 0xF5 : 0xF4)
    case .null: output.append(0xF6)
    case .undefined: output.append(0xF7)
    case .float(let value): append(value, to: &output)
    }
  }

  private static func append(_ map: CBORMap, to output: inout [UInt8]) {
    var sorted = SortedMapKeys()
    for (position, entry) in map.entries.enumerated() {
      _ = sorted.insert(entry.key.encoded, position: position)
    }
    appendHead(5, UInt64(sorted.keys.count), to: &output)
    for key in sorted.keys {
      output += key.encoded
      append(map.entries[key.position].value, to: &output)
    }
  }

  private static func append(_ value: Double, to output: inout [UInt8]) {
    let single = Float(value)
    if let half = CBORFloat.half(value) {
      output.append(0xF9)
      appendNumber(UInt64(half), bytes: 2, to: &output)
    } else if Double(single) == value {
      output.append(0xFA)
      appendNumber(UInt64(single.bitPattern), bytes: 4, to: &output)
    } else {
      output.append(0xFB)
      appendNumber(value.bitPattern, bytes: 8, to: &output)
    }
  }

  private static func appendHead(_ major: UInt8, _ argument: UInt64, to output: inout [UInt8]) {
    let type = major << 5
    switch argument {
    case 0..<24: output.append(type | UInt8(truncatingIfNeeded: argument))
    case 24...0xFF:
      output.append(type | 24)
      appendNumber(argument, bytes: 1, to: &output)
    case 0x100...0xFFFF:
      output.append(type | 25)
      appendNumber(argument, bytes: 2, to: &output)
    case 0x1_0000...0xFFFF_FFFF:
      output.append(type | 26)
      appendNumber(argument, bytes: 4, to: &output)
    default:
      output.append(type | 27)
      appendNumber(argument, bytes: 8, to: &output)
    }
  }

  private static func appendNumber(_ value: UInt64, bytes: Int, to output: inout [UInt8]) {
    for index in (0..<bytes).reversed() {
      output.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * index)))
    }
  }
}
