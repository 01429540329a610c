/// Reads a command line: `microctl [global options] VERB [options] [operands]`.
///
/// `--name value`, `--name=value`, `-n value`, `-nvalue` and joined flags (`-df`) are understood; `--` ends the options.
struct CommandLineParser {
  /// What was asked for.
  struct Invocation {
    /// nil: no verb was given.
    var verb: Verb?
    var arguments = Arguments()
  }

  private let verbs: [Verb]
  private var rest: ArraySlice<String>
  private var invocation = Invocation()

  /// - Parameter arguments: without the program's own name.
  static func parse(_ arguments: [String], verbs: [Verb]) throws(Failure) -> Invocation {
    var parser = CommandLineParser(verbs: verbs, rest: arguments[...])
    try parser.run()
    return parser.invocation
  }

  private init(verbs: [Verb], rest: ArraySlice<String>) {
    self.verbs = verbs
    self.rest = rest
  }

  private mutating func run() throws(Failure) {
    while let argument = rest.popFirst() {
      if argument == "--" {
        try takeRest()
      } else if Text.starts(argument, with: "--") {
        try long(argument)
      } else if Text.starts(argument, with: "-"), argument != "-" {
        try short(Array(argument.utf8)[1...])
      } else if invocation.verb == nil {
        try verb(argument)
      } else {
        invocation.arguments.operands.append(argument)
        if invocation.verb?.endsOptionsAtOperand == true { try takeRest() }
      }
    }
    try checkOperands()
  }

  private mutating func takeRest() throws(Failure) {
    if invocation.verb == nil, let name = rest.popFirst() { try verb(name) }
    invocation.arguments.operands += rest
    rest = []
  }

  private mutating func verb(_ name: String) throws(Failure) {
    guard let found = verbs.first(where: { $0.name == name }) else {
      let near = Similarity.nearest(to: name, among: verbs.map { $0.name })
      let advice = near.map { "did you mean `microctl \($0)`?" } ?? "`microctl help` lists the commands"
      throw Failure(.usage, "there is no command '\(name)': \(advice)")
    }
    invocation.verb = found
  }

  private var options: [Option] {
    (invocation.verb?.options ?? []) + globalOptions
  }

  private mutating func long(_ argument: String) throws(Failure) {
    let text = Array(argument.utf8)[2...]
    let equals = text.firstIndex(of: UInt8(ascii: "="))
    let name = String(decoding: text[..<(equals ?? text.endIndex)], as: UTF8.self)
    guard let option = options.first(where: { $0.long.contains(name) }) else {
      let near = Similarity.nearest(to: name, among: options.flatMap { $0.long })
      throw unknown("--\(name)", near.map { "did you mean --\($0)?" })
    }
    let attached = equals.map { String(decoding: text[($0 + 1)...], as: UTF8.self) }
    if option.placeholder == nil, attached != nil { throw usage("--\(name) takes no value") }
    try take(option, "--\(name)", attached)
  }

  private mutating func short(_ letters: ArraySlice<UInt8>) throws(Failure) {
    var letters = letters
    while let letter = letters.popFirst() {
      let name = "-" + String(decoding: [letter], as: UTF8.self)
      guard let option = options.first(where: { $0.short == letter }) else { throw unknown(name, nil) }
      if option.placeholder != nil, !letters.isEmpty {
        if letters.first == UInt8(ascii: "=") { letters.removeFirst() }
        return try take(option, name, String(decoding: letters, as: UTF8.self))
      }
      try take(option, name, nil)
    }
  }

  private mutating func take(_ option: Option, _ name: String, _ attached: String?) throws(Failure) {
    guard let placeholder = option.placeholder else { return invocation.arguments.add(option.name, "") }
    guard let value = attached ?? rest.popFirst() else { throw usage("\(name) needs a value: \(name) \(placeholder)") }
    invocation.arguments.add(option.name, value)
  }

  private func checkOperands() throws(Failure) {
    guard let verb = invocation.verb, !invocation.arguments.has(.help) else { return }
    let operands = invocation.arguments.operands
    let form = "write `microctl \(verb.name)\(verb.operands.isEmpty ? "" : " " + verb.operands)`"
    // A bundle stands in the place of the first operand.
    let least = verb.leastOperands - (invocation.arguments.has(.bundle) ? 1 : 0)
    if operands.count < least { throw usage("something is missing: \(form)") }
    if let most = verb.mostOperands, operands.count > most {
      throw usage("'\(operands[most])' is too much: \(form)")
    }
    // An empty one would name all containers at once.
    if operands.first == "" { throw usage("an empty name names nothing: \(form)") }
  }

  private func unknown(_ option: String, _ advice: String?) -> Failure {
    let help = "`microctl \(invocation.verb.map { $0.name + " " } ?? "")--help` lists the options"
    return usage("there is no option \(option): \(advice ?? help)")
  }

  private func usage(_ line: String) -> Failure {
    Failure(.usage, (invocation.verb.map { "\($0.name): " } ?? "") + line)
  }
}
