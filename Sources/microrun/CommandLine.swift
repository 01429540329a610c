import Basics

/// One option: `--name VALUE`, `--name=VALUE` or, where it has a letter, `-l VALUE`.
struct Option: Sendable {
  let name: String
  var letter = ""
  /// What help calls its value; nil: it has none.
  var value: String?
  let help: String
}

/// One command, as `create`.
struct Verb: Sendable {
  let name: String
  /// What follows the options, as help shows it.
  let operands: String
  /// How many of them there may be.
  let count: ClosedRange<Int>
  let help: String
  let options: [Option]
  let perform: @Sendable (Command) throws(Failure) -> CInt
}

/// What a command line asks for.
struct Arguments {
  private var values: [(name: String, value: String)] = []
  var operands: [String] = []

  mutating func add(_ name: String, _ value: String) { values.append((name, value)) }

  func has(_ name: String) -> Bool { values.contains { $0.name == name } }

  /// The last one counts.
  func value(_ name: String) -> String? { values.last { $0.name == name }?.value }

  func all(_ name: String) -> [String] { values.filter { $0.name == name }.map { $0.value } }
}

/// Takes words apart. Options end at the first operand, for what follows may be a container's program with options of its own.
struct ArgumentReader {
  private var words: ArraySlice<String>
  private(set) var arguments = Arguments()

  init(_ words: ArraySlice<String>) {
    self.words = words
  }

  /// Reads options; the rest stays.
  mutating func readOptions(_ options: [Option], of verb: String) throws(Failure) {
    while let word = words.first, word.utf8.first == UInt8(ascii: "-"), word != "-" {
      words.removeFirst()
      if word == "--" { return }
      let bytes = Array(word.utf8)
      let isLong = bytes.count > 2 && bytes[1] == UInt8(ascii: "-")
      let equals = bytes.firstIndex(of: UInt8(ascii: "="))
      let name = ASCII.string(bytes[(isLong ? 2 : 1)..<(equals ?? bytes.count)])
      guard let option = options.first(where: { isLong ? $0.name == name : !$0.letter.isEmpty && $0.letter == name })
      else {
        throw Failure("\(verb): there is no option \(word): see microrun --help", exitCode: ExitCode.usage)
      }
      var value = equals.map { ASCII.string(bytes[($0 + 1)...]) }
      if option.value == nil, value != nil {
        throw Failure("\(verb): option --\(option.name) takes no value", exitCode: ExitCode.usage)
      }
      if option.value != nil, value == nil {
        guard let next = words.popFirst() else {
          throw Failure("\(verb): option --\(option.name) needs a value", exitCode: ExitCode.usage)
        }
        value = next
      }
      arguments.add(option.name, value ?? "")
    }
  }

  mutating func next() -> String? { words.popFirst() }

  mutating func takeOperands(of verb: Verb) throws(Failure) {
    arguments.operands = Array(words)
    guard !verb.count.contains(words.count) else { return }
    throw Failure("\(verb.name): usage: microrun \(verb.name) [OPTION...] \(verb.operands)", exitCode: ExitCode.usage)
  }
}

let globalOptions = [
  Option(name: "root", value: "DIR", help: "where containers are remembered (/run/microrun)"),
  Option(name: "log", value: "FILE", help: "errors are written there, too"),
  Option(name: "log-format", value: "text|json", help: "how (text)"),
  Option(name: "cgroup-manager", value: "cgroupfs", help: "the only one that there is"),
  Option(name: "systemd-cgroup", help: "refused: microrun writes control groups itself"),
  Option(name: "debug", help: "passed over"),
  Option(name: "version", letter: "v", help: "print the version and end"),
  Option(name: "help", letter: "h", help: "print this and end"),
]
