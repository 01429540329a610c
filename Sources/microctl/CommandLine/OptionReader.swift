/// Reads the values of options, and says in a line what would be right.
struct OptionReader {
  let arguments: Arguments
  let verb: String

  func read<Value>(
    _ option: Option.Name, _ shown: String, _ expected: String, into target: inout Value,
    _ parse: (String) -> Value?
  ) throws(Failure) {
    guard let text = arguments.value(option) else { return }
    guard let value = parse(text) else { throw wrong("\(shown) \(text)", expected) }
    target = value
  }

  func wrong(_ given: String, _ expected: String) -> Failure {
    Failure(.usage, "\(verb): \(given): give \(expected)")
  }
}
