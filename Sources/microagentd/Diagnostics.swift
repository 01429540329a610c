import CSystem

/// Lines for people, on standard error.
enum Diagnostics {
  static func line(_ text: String) {
    let bytes = Array("microagentd: \(text)\n".utf8)
    _ = bytes.withUnsafeBytes { system_write(2, $0.baseAddress, $0.count) }
  }
}

/// What the agent's exit code tells its keeper and whoever started them.
enum AgentExit {
  static let ended: CInt = 0
  /// It could not start or go on; starting it again would not help.
  static let failed: CInt = 1
  static let usage: CInt = 2
  /// Whoever started it is to forget everything that the board has learnt (docs/CONFIGURATION.md).
  static let factoryReset: CInt = 3
  /// It could not go on, and a new agent may (EX_TEMPFAIL of sysexits.h).
  static let restart: CInt = 75
}
