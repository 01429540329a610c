import Microcloud

extension CBORValue {
  /// What stands under a key of ours; nil if it is absent or this is no map.
  public subscript(key: APIKey) -> CBORValue? {
    self[key: Int(key.rawValue)]
  }
}

extension CBORMap {
  /// What stands under a key of ours; setting nil removes it.
  public subscript(key: APIKey) -> CBORValue? {
    get { self[key: Int(key.rawValue)] }
    set { self[key: Int(key.rawValue)] = newValue }
  }
}

/// Reads a map's entries one by one, each of the type it must have, and tells what is wrong in a line.
struct APIMapReader {
  let value: CBORValue

  init(_ value: CBORValue) throws(RequestError) {
    guard value.mapValue != nil else { throw RequestError(.invalid, "the message is not a CBOR map") }
    self.value = value
  }

  /// Keys that are not known here are refused: what is asked for is done or told, never ignored.
  func refuseKeys(except known: (APIKey) -> Bool) throws(RequestError) {
    for entry in value.mapValue?.entries ?? [] {
      guard let number = entry.key.unsignedValue, let key = APIKey(rawValue: number), known(key) else {
        throw RequestError(.invalid, "the message has a key that this agent does not know: it may be older than you")
      }
    }
  }

  func unsigned(_ key: APIKey, into target: inout UInt64) throws(RequestError) {
    guard let found = value[key] else { return }
    target = try need(found.unsignedValue, key, "an unsigned number")
  }

  func identifier(_ key: APIKey, into target: inout UInt32) throws(RequestError) {
    guard let found = value[key] else { return }
    target = try need(found.unsignedValue.flatMap { UInt32(exactly: $0) }, key, "a number of at most 32 bits")
  }

  func text(_ key: APIKey, into target: inout String) throws(RequestError) {
    guard let found = value[key] else { return }
    target = try need(found.textValue, key, "a text")
  }

  func flag(_ key: APIKey, into target: inout Bool) throws(RequestError) {
    guard let found = value[key] else { return }
    target = try need(found.boolValue, key, "true or false")
  }

  func texts(_ key: APIKey, into target: inout [String]) throws(RequestError) {
    guard let found = value[key] else { return }
    target = []
    for item in try need(found.arrayValue, key, "an array of texts") {
      target.append(try need(item.textValue, key, "an array of texts"))
    }
  }

  func need<Value>(_ found: Value?, _ key: APIKey, _ expected: String) throws(RequestError) -> Value {
    guard let found else { throw RequestError(.invalid, "\(key.name): give \(expected)") }
    return found
  }
}
