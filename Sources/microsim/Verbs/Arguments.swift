/// What stands behind a verb: names with values, and the rest.
struct Arguments {
  private(set) var plain: [String] = []
  private var named: [String: String] = [:]

  /// Nil if the last option has no value.
  init?(_ texts: some Sequence<String>) {
    var texts = texts.makeIterator()
    while let text = texts.next() {
      guard text.hasPrefix("--") else {
        plain.append(text)
        continue
      }
      guard let value = texts.next() else { return nil }
      named[String(text.dropFirst(2))] = value
    }
  }

  var names: Set<String> { Set(named.keys) }

  func text(_ name: String) -> String? { named[name] }

  func number<Number: FixedWidthInteger>(_ name: String) -> Number? { named[name].flatMap { Number($0) } }

  /// `3..9` or `3`.
  func range(_ name: String) -> ClosedRange<UInt64>? {
    guard let text = named[name] else { return nil }
    let ends = text.split(separator: ".").map { UInt64($0) }
    guard let first = ends.first ?? nil, let last = ends.last ?? nil, ends.count <= 2, first <= last else { return nil }
    return first...last
  }

  func numbers(_ name: String) -> [Int]? {
    guard let text = named[name] else { return nil }
    let numbers = text.split(separator: ",").map { Int($0) }
    return numbers.isEmpty || numbers.contains { $0 == nil } ? nil : numbers.compactMap { $0 }
  }
}
