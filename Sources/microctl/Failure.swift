/// Why a command did not do what was asked: one line for a person, and what its caller's shell sees.
struct Failure: Error, Equatable {
  enum Kind: Equatable {
    /// The command line is not right.
    case usage
    /// No agent is reachable.
    case unreachable
    /// The agent went away while it was talked to: trying again may help.
    case connectionLost
    /// The agent refused, or failed at it.
    case refused
    /// The agent does not know our key, and hears nothing of us.
    case keyUnknown
    /// Nobody reads what is written any more: nothing is to be said.
    case outputClosed
    /// Ends with this exit code.
    case exit(CInt)
  }

  var kind: Kind
  var line: String

  init(_ kind: Kind, _ line: String) {
    self.kind = kind
    self.line = line
  }

  var exitCode: CInt {
    switch kind {
    case .refused, .keyUnknown: ExitCode.refused
    case .usage: ExitCode.usage
    case .unreachable, .connectionLost: ExitCode.unreachable
    case .outputClosed: ExitCode.brokenPipe
    case .exit(let code): code
    }
  }
}

/// What the shell sees, besides a container's own exit code.
enum ExitCode {
  static let success: CInt = 0
  static let refused: CInt = 1
  static let usage: CInt = 2
  static let unreachable: CInt = 3
  /// `run`: the container could not be started, as docker has it.
  static let notStarted: CInt = 125
  /// As if ended by SIGPIPE.
  static let brokenPipe: CInt = 141
}
