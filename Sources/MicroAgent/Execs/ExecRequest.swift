import Microcloud

/// A program that somebody wants run in a container that runs already, beside the container's own.
public struct ExecRequest: Equatable, Sendable {
  /// The program and its arguments; the program is looked for in the container's PATH.
  public var command: [String] = []
  /// `NAME=VALUE`, beside the container's own variables, and instead of those of the same name.
  public var environment: [String] = []
  /// Nil: the container's.
  public var workingDirectory: String?
  /// Nil: the container's, and its group.
  public var user: UInt32?
  public var group: UInt32 = 0
  /// How long it may take before it is killed.
  public var timeLimitMilliseconds: UInt64 = 60_000
  /// Somebody gives it input.
  public var hasInput = false
  /// It has a terminal, of that size.
  public var terminal: TerminalSize?

  public init() {}

  public static let mostTimeMilliseconds: UInt64 = 3_600_000

  /// Somebody takes its output as it comes, and is waited for: it has no limit of time as long as there is somebody.
  public var isAttended: Bool { hasInput || terminal != nil }

  /// What a container would be asked for that is like this one, but for its program.
  public func applied(to container: ContainerRequest) -> ContainerRequest {
    var request = container
    request.command = command
    request.environment = container.environment.filter { !isSet(nameOf: $0) } + environment
    request.workingDirectory = workingDirectory ?? container.workingDirectory
    if let user { (request.user, request.group) = (user, group) }
    return request
  }

  private func isSet(nameOf variable: String) -> Bool {
    let name = Self.name(variable)
    return environment.contains { Self.name($0).elementsEqual(name) }
  }

  private static func name(_ variable: String) -> String.UTF8View.SubSequence {
    variable.utf8.prefix { $0 != UInt8(ascii: "=") }
  }

  // MARK: As CBOR

  /// The message that carries it; what has its default is left out.
  public var value: CBORValue {
    var map = CBORMap()
    map[.command] = .array(command.map { .text($0) })
    if !environment.isEmpty { map[.environment] = .array(environment.map { .text($0) }) }
    map[.workingDirectory] = workingDirectory.map { .text($0) }
    if let user {
      map[.user] = .unsigned(UInt64(user))
      map[.group] = .unsigned(UInt64(group))
    }
    if timeLimitMilliseconds != ExecRequest().timeLimitMilliseconds {
      map[.timeLimitMilliseconds] = .unsigned(timeLimitMilliseconds)
    }
    if hasInput { map[.input] = .bool(true) }
    terminal?.add(to: &map)
    return .map(map)
  }

  /// Reads what `value` writes. Keys that are not known are refused. Whether it can be run, the container decides: it has to be
  /// like one that `applied(to:)` makes.
  public init(_ value: CBORValue) throws(RequestError) {
    let reader = try APIMapReader(value)
    try reader.refuseKeys { key in
      switch key {
      case .command, .environment, .workingDirectory, .user, .group, .timeLimitMilliseconds, .input, .rows,
        .columns:
        true
      default: false
      }
    }
    try reader.texts(.command, into: &command)
    try reader.texts(.environment, into: &environment)
    if value[.workingDirectory] != nil {
      var directory = ""
      try reader.text(.workingDirectory, into: &directory)
      workingDirectory = directory
    }
    if value[.user] != nil {
      var number: UInt32 = 0
      try reader.identifier(.user, into: &number)
      user = number
    } else if value[.group] != nil {
      throw RequestError(.invalid, "group: give the user as well")
    }
    try reader.identifier(.group, into: &group)
    try reader.unsigned(.timeLimitMilliseconds, into: &timeLimitMilliseconds)
    guard (1...Self.mostTimeMilliseconds).contains(timeLimitMilliseconds) else {
      throw RequestError(.invalid, "time limit: at most \(Self.mostTimeMilliseconds / 1000) s")
    }
    try reader.flag(.input, into: &hasInput)
    if value[.rows] != nil || value[.columns] != nil { terminal = try TerminalSize(reader) }
    if isAttended, value[.timeLimitMilliseconds] != nil {
      throw RequestError(.invalid, "time limit: a program with input or terminal has none")
    }
  }
}
