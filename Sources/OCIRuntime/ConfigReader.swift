import Images

/// Something in a config.json that cannot be done as it says: `linux.intelRdt: microrun does not do this`.
public struct ConfigProblem: Equatable, Sendable, CustomStringConvertible {
  /// The names that lead to it, as `mounts[3].options`.
  public let field: String
  public let reason: String

  public var description: String { "config.json: \(field): \(reason)" }
}

/// What reading a config.json gathers: all that is wrong with it at once, and what it says that nobody defined.
final class ConfigReader {
  /// A document with more wrong than this is told only so much of it.
  static let maxProblems = 16

  private(set) var problems: [ConfigProblem] = []
  /// Properties that the OCI runtime spec does not know. It demands that they be passed over.
  private(set) var unknown: [String] = []

  func refuse(_ field: String, _ reason: String) {
    if problems.count < Self.maxProblems { problems.append(ConfigProblem(field: field, reason: reason)) }
  }

  func passOver(_ field: String) {
    if unknown.count < Self.maxProblems { unknown.append(field) }
  }
}

/// The members of one object of a config.json. Each is asked for by name; what is of the wrong type is refused and reads as if it were absent.
/// So is `null`.
struct Fields {
  let reader: ConfigReader
  /// Empty for the whole document.
  let path: String
  private let members: [JSONValue.Member]

  /// - Parameters:
  ///   - done: the members that will be asked for.
  ///   - refused: those that the OCI runtime spec defines and microrun does not do. Nothing in one asks for nothing.
  init(_ reader: ConfigReader, _ path: String, _ value: JSONValue, done: [String], refused: [String] = []) {
    self.reader = reader
    self.path = path
    if value.objectValue == nil, !value.isNull {
      reader.refuse(path.isEmpty ? "the document" : path, "must be an object")
    }
    members = value.objectValue ?? []
    for member in members where !done.contains(member.name) {
      if !refused.contains(member.name) {
        reader.passOver(field(member.name))
      } else if !member.value.asksForNothing {
        reader.refuse(field(member.name), "microrun does not do this")
      }
    }
  }

  func field(_ name: String) -> String { path.isEmpty ? name : path + "." + name }

  subscript(_ name: String) -> JSONValue? {
    guard let value = members.first(where: { $0.name == name })?.value, !value.isNull else { return nil }
    return value
  }

  func has(_ name: String) -> Bool { self[name] != nil }

  func refuse(_ name: String, _ reason: String) { reader.refuse(field(name), reason) }

  private func typed<Value>(_ name: String, _ kind: String, _ read: (JSONValue) -> Value?) -> Value? {
    guard let value = self[name] else { return nil }
    let result = read(value)
    if result == nil { refuse(name, "must be \(kind)") }
    return result
  }

  func string(_ name: String) -> String? { typed(name, "a string") { $0.stringValue } }

  func bool(_ name: String) -> Bool? { typed(name, "true or false") { $0.boolValue } }

  func unsigned(_ name: String) -> UInt64? { typed(name, "a whole number from 0 on") { $0.unsignedValue } }

  func integer(_ name: String) -> Int64? { typed(name, "a whole number") { $0.integerValue } }

  func id(_ name: String) -> UInt32? {
    typed(name, "a whole number of 32 bits") { $0.unsignedValue.flatMap { UInt32(exactly: $0) } }
  }

  func array(_ name: String) -> [JSONValue] { typed(name, "an array") { $0.arrayValue } ?? [] }

  func strings(_ name: String) -> [String] {
    typed(name, "an array of strings") { value -> [String]? in
      guard let values = value.arrayValue else { return nil }
      let strings = values.compactMap { $0.stringValue }
      return strings.count == values.count ? strings : nil
    } ?? []
  }

  /// The members of an object whose names are free, all of them strings.
  func pairs(_ name: String) -> [(name: String, value: String)] {
    guard let value = self[name] else { return [] }
    guard let members = value.objectValue else {
      refuse(name, "must be an object")
      return []
    }
    var pairs: [(name: String, value: String)] = []
    for member in members {
      guard let text = member.value.stringValue else {
        refuse(name + "." + member.name, "must be a string")
        continue
      }
      pairs.append((member.name, text))
    }
    return pairs
  }

  func object(_ name: String, done: [String], refused: [String] = []) -> Fields? {
    self[name].map { Fields(reader, field(name), $0, done: done, refused: refused) }
  }

  func objects(_ name: String, done: [String], refused: [String] = []) -> [Fields] {
    var result: [Fields] = []
    for (index, value) in array(name).enumerated() {
      result.append(Fields(reader, "\(field(name))[\(index)]", value, done: done, refused: refused))
    }
    return result
  }
}

extension JSONValue {
  /// What a generator writes for a member that it has no use for: nothing is lost when it is passed over.
  fileprivate var asksForNothing: Bool {
    switch self {
    case .null: true
    case .bool(let value): !value
    case .string(let text): text.isEmpty
    case .array(let values): values.isEmpty
    case .object(let members): members.isEmpty
    case .number: false
    }
  }
}
