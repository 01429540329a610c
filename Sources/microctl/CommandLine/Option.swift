/// One option of a verb: what the parser accepts, what help prints and what bash completes all come from it.
struct Option: Sendable {
  enum Name: UInt8, Sendable {
    case help, version, socket, remote, json
    case detach, name, remove, memory, processes, cpus, restart, network, environment, hostname, user, readOnly, workdir
    case upload, download, volume, logSize, stopTimeout, userns, publish, entrypoint, bundle
    case all, quiet, follow, tail, force, time, once, watch, of
    case lease, cpu, disk, containers, duration, priority, requestID, tentative, off
    case any, elsewhere, isa, anyISA, patience, allNodes
    case interactive, terminal, signal
    case health, healthInterval, healthTimeout, healthRetries, healthStart, healthFailure, noHealth
    case role, microcloud, open, close, forget, qr, ifState
    case owner, microcloudKey, gossipKey, set, yes, dryRun, file
  }

  let name: Name
  /// Without the dashes; the first is the one that help shows.
  let long: [String]
  let short: UInt8?
  /// What stands for its value in help; nil: it takes none.
  let placeholder: String?
  let help: String
  /// What bash may offer as its value.
  let choices: [String]
  /// The arguments with which microctl lists what bash may offer; empty: it does not.
  let choicesCommand: String

  init(
    _ name: Name, _ long: String, alias: String? = nil, short: Unicode.Scalar? = nil, value placeholder: String? = nil,
    choices: [String] = [], choicesCommand: String = "", _ help: String
  ) {
    self.name = name
    self.long = [long] + (alias.map { [$0] } ?? [])
    self.short = short.map { UInt8(truncatingIfNeeded: $0.value) }
    self.placeholder = placeholder
    self.choices = choices
    self.choicesCommand = choicesCommand
    self.help = help
  }

  /// As in help: `-m, --memory BYTES`.
  var usage: String {
    var text = short.map { "-\(Unicode.Scalar($0)), " } ?? "    "
    text += "--\(long[0])"
    if let placeholder { text += " \(placeholder)" }
    return text
  }
}

/// What a command line said: its options in order, and the operands behind them.
struct Arguments {
  private(set) var options: [(name: Option.Name, value: String)] = []
  var operands: [String] = []

  mutating func add(_ name: Option.Name, _ value: String) {
    options.append((name, value))
  }

  func has(_ name: Option.Name) -> Bool {
    options.contains { $0.name == name }
  }

  /// The value given last, as every tool has it.
  func value(_ name: Option.Name) -> String? {
    options.last { $0.name == name }?.value
  }

  func values(_ name: Option.Name) -> [String] {
    options.filter { $0.name == name }.map { $0.value }
  }
}
