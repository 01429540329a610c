// sources: Sources/Images/JSON Sources/Basics
// What is read stays within the limits, and is the same when written and read again.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzJSON(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Array(UnsafeBufferPointer(start: start, count: count))
  do throws(JSONError) {
    let value = try JSONReader.read(input)
    var values = 0
    let text = written(value, depth: 0, &values)
    precondition(values <= JSONLimits.standard.values)
    // Escapes of what needs none, and of what is written longer, make it differ in length.
    var limits = JSONLimits.standard
    limits.inputBytes = .max
    let again = try JSONReader.read(Array(text.utf8), limits: limits)
    var same = 0
    precondition(written(again, depth: 0, &same) == text && same == values, "another value after a round trip")
  } catch {
    precondition((0...count).contains(error.offset), "an offset beyond the input")
    precondition(!error.description.isEmpty)
  }
  return 0
}

private func written(_ value: JSONValue, depth: Int, _ values: inout Int) -> String {
  values += 1
  precondition(depth <= JSONLimits.standard.depth)
  switch value {
  case .null: return "null"
  case .bool(let bool): return bool ? "true" : "false"
  case .number(let spelled):
    precondition(!spelled.isEmpty)
    return spelled
  case .string(let string): return quoted(string)
  case .array(let elements):
    var texts: [String] = []
    for element in elements { texts.append(written(element, depth: depth + 1, &values)) }
    return "[" + texts.joined(separator: ",") + "]"
  case .object(let members):
    var texts: [String] = []
    for member in members {
      texts.append(quoted(member.name) + ":" + written(member.value, depth: depth + 1, &values))
    }
    return "{" + texts.joined(separator: ",") + "}"
  }
}

private func quoted(_ text: String) -> String {
  var output: [UInt8] = [0x22]
  for byte in text.utf8 {
    switch byte {
    case 0x22, 0x5C: output += [0x5C, byte]
    case 0..<0x20: output += "\\u00".utf8 + [Hexadecimal.digit(byte >> 4), Hexadecimal.digit(byte & 15)]
    default: output.append(byte)
    }
  }
  return String(decoding: output + [0x22], as: UTF8.self)
}
