import Basics

/// Takes a document, or an object in it, apart. A member that is `null` counts as absent: Docker writes such.
struct DocumentReader {
  let document: ImageError.Document
  let value: JSONValue

  static func read(
    _ bytes: [UInt8], _ document: ImageError.Document, limitBytes: Int
  ) throws(ImageError) -> DocumentReader {
    var limits = JSONLimits.standard
    limits.inputBytes = limitBytes
    do throws(JSONError) {
      return DocumentReader(document: document, value: try JSONReader.read(bytes, limits: limits))
    } catch {
      throw ImageError(document, error.description)
    }
  }

  func error(_ name: StaticString, _ problem: String) -> ImageError {
    ImageError(document, "\(name): \(problem)")
  }

  /// The same for another value of the document.
  func within(_ value: JSONValue) -> DocumentReader {
    DocumentReader(document: document, value: value)
  }

  private func member(_ name: StaticString) -> JSONValue? {
    guard let value = value[name], !value.isNull else { return nil }
    return value
  }

  func object(_ name: StaticString) throws(ImageError) -> DocumentReader? {
    guard let value = member(name) else { return nil }
    guard value.objectValue != nil else { throw error(name, "not an object") }
    return within(value)
  }

  func list(_ name: StaticString, limit: Int) throws(ImageError) -> [JSONValue] {
    guard let value = member(name) else { return [] }
    guard let values = value.arrayValue else { throw error(name, "not an array") }
    if values.count > limit { throw error(name, "more than \(limit)") }
    return values
  }

  /// Text without NUL, which no argument or file name can hold; nil if it is absent.
  func text(_ name: StaticString) throws(ImageError) -> String? {
    guard let value = member(name) else { return nil }
    return try text(value, name)
  }

  /// A whole number; 0 if it is absent.
  func unsigned(_ name: StaticString) throws(ImageError) -> UInt64 {
    guard let value = member(name) else { return 0 }
    guard let number = value.unsignedValue else { throw error(name, "not a whole number") }
    return number
  }

  func texts(_ name: StaticString, limit: Int) throws(ImageError) -> [String] {
    var texts: [String] = []
    for value in try list(name, limit: limit) { texts.append(try text(value, name)) }
    return texts
  }

  /// The names of an object's members.
  func names(_ name: StaticString, limit: Int) throws(ImageError) -> [String] {
    guard let members = try object(name)?.value.objectValue else { return [] }
    if members.count > limit { throw error(name, "more than \(limit)") }
    var names: [String] = []
    for member in members { names.append(try text(.string(member.name), name)) }
    return names
  }

  func digest(_ value: JSONValue, _ name: StaticString) throws(ImageError) -> Digest {
    guard let digest = Digest(try text(value, name)) else {
      throw error(name, "not sha256: and 64 digits in lower case")
    }
    return digest
  }

  private func text(_ value: JSONValue, _ name: StaticString) throws(ImageError) -> String {
    guard let text = value.stringValue else { throw error(name, "not text") }
    if text.utf8.contains(0) { throw error(name, "text with NUL in it") }
    return text
  }
}
