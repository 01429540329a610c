/// Why a command did not do what was asked: a line for a person for each thing that is wrong.
struct Failure: Error {
  var lines: [String]
  var exitCode: CInt

  init(_ line: String, exitCode: CInt = ExitCode.failed) {
    lines = [line]
    self.exitCode = exitCode
  }

  init(lines: [String]) {
    self.lines = lines
    exitCode = ExitCode.failed
  }
}

/// What the shell sees, besides a container's own exit code.
enum ExitCode {
  static let success: CInt = 0
  static let failed: CInt = 1
  static let usage: CInt = 2
}
