import Basics
import Images
import LinuxSystem
import MicroAgent
import Microcloud

extension ContainerRequest {
  /// What a command line of `run` or `plan` asks for: its first operand is a root file system on the node, or an image there,
  /// which says what is not said. Whether it is one or the other its form tells: paths begin with `/` or `.`.
  init(_ session: Session, verb: String) throws(Failure) {
    let arguments = session.arguments
    try self.init(arguments, verb: verb)
    if let bundle = arguments.value(.bundle) {
      guard session.client.destination.isLocal else {
        throw Failure(.usage, "\(verb): --bundle: that directory is here, not on the other node: push an image of it")
      }
      let path = try OptionReader(arguments: arguments, verb: verb).path(bundle)
      try Bundle(path).fill(&self, arguments)
      try refuseIdleHealthOptions(arguments, verb)
      return
    }
    let operand = arguments.operands[0]
    guard !Self.isPath(operand, session) else {
      if command.isEmpty { throw Failure(.usage, "\(verb): give the program to run: \(verb) \(operand) COMMAND") }
      root = try OptionReader(arguments: arguments, verb: verb).path(operand)
      try refuseIdleHealthOptions(arguments, verb)
      return
    }
    let name = ImageName.complete(operand)
    guard ImageName.isValid(name) else {
      throw Failure(.usage, "\(verb): '\(operand)' is neither a path, as ./root, nor an image's name, as dns:1")
    }
    try take(name, try ImageSearch.find(name, session), arguments)
    try refuseIdleHealthOptions(arguments, verb)
  }

  /// A relative path may also be that of a directory here, where the node is.
  private static func isPath(_ operand: String, _ session: Session) -> Bool {
    if Text.starts(operand, with: "/") || Text.starts(operand, with: ".") { return true }
    return session.client.destination.isLocal && Files.isDirectory(operand)
  }

  /// Fills in what the image says, as docker does.
  private mutating func take(_ name: String, _ answer: CBORValue, _ arguments: Arguments) throws(Failure) {
    let defaults = ImageDefaults(answer)
    image = name
    manifest = answer[.manifest]?.bytesValue ?? []
    // What a person gives instead of the entrypoint has no use for the image's arguments.
    let entrypoint = arguments.value(.entrypoint).map { $0.isEmpty ? [] : [$0] }
    let rest = command.isEmpty && entrypoint == nil ? defaults.command : command
    command = (entrypoint ?? defaults.entrypoint) + rest
    if command.isEmpty { throw Failure(.usage, "image \(name): it does not say what to run: give a command") }
    environment = Self.merged(defaults.environment, environment)
    if health == nil, !arguments.has(.noHealth), let check = defaults.health {
      health = check
      try readHealthTimes(OptionReader(arguments: arguments, verb: "image \(name)"))
    }
    if !arguments.has(.workdir), !defaults.workingDirectory.isEmpty { workingDirectory = defaults.workingDirectory }
    if !arguments.has(.user), !defaults.user.isEmpty { try takeUser(of: defaults) }
    if !defaults.stopSignal.isEmpty {
      guard let signal = SignalName.number(defaults.stopSignal) else {
        throw Failure(.refused, "image \(name): its stop signal \(defaults.stopSignal) is not known here")
      }
      stopSignal = signal
    }
  }

  private mutating func takeUser(of defaults: ImageDefaults) throws(Failure) {
    if let account = defaults.account {
      (user, group) = (account.user, account.group)
    } else if let numbers = ImageUser(numbers: defaults.user) {
      (user, group) = (numbers.user, numbers.group)
    } else {
      let why = "it runs as user \(defaults.user), whom its /etc/passwd and /etc/group do not know"
      throw Failure(.refused, "image \(image): \(why): say which number that is: --user UID[:GID]")
    }
  }

  /// Of one name the later counts.
  static func merged(_ base: [String], _ more: [String]) -> [String] {
    func name(_ variable: String) -> ArraySlice<UInt8> { Array(variable.utf8)[...].prefix { $0 != UInt8(ascii: "=") } }
    return base.filter { old in !more.contains { name($0) == name(old) } } + more
  }
}

/// Signals by name or number, as images and signal(7) have them.
enum SignalName {
  private static let names: [(String, UInt64)] = [
    ("HUP", 1), ("INT", 2), ("QUIT", 3), ("ABRT", 6), ("KILL", 9), ("USR1", 10), ("USR2", 12), ("PIPE", 13),
    ("ALRM", 14), ("TERM", 15), ("CONT", 18), ("STOP", 19), ("TSTP", 20), ("WINCH", 28), ("PWR", 30), ("RTMIN", 34),
    ("RTMIN+3", 37), ("RTMAX", 64),
  ]

  /// Those that programs are mostly sent.
  static let common = ["HUP", "INT", "QUIT", "KILL", "USR1", "USR2", "TERM", "CONT", "STOP", "WINCH"]

  /// Nil: it is none.
  static func number(_ text: String) -> UInt64? {
    if let number = Decimal.parse(text) { return (1...ContainerRequest.highestSignal).contains(number) ? number : nil }
    let name = Text.starts(text, with: "SIG") ? ASCII.string(text.utf8.dropFirst(3)) : text
    return names.first { $0.0 == name }?.1
  }
}
