import Basics
import MicroAgent

/// The options of `run` and `plan` that say how a container's health is checked; docker's and podman's names.
let healthOptions = [
  Option(.health, "health-cmd", value: "COMMAND", "What is run in it with /bin/sh to see whether it is well"),
  Option(.healthInterval, "health-interval", value: "TIME", "How often (30s)"),
  Option(.healthTimeout, "health-timeout", value: "TIME", "How long that may take (30s)"),
  Option(.healthRetries, "health-retries", value: "COUNT", "How often in a row it must fail (3)"),
  Option(.healthStart, "health-start-period", value: "TIME", "How long failures do not count after the start (0s)"),
  Option(
    .healthFailure, "health-on-failure", value: "ACTION", choices: ["none", "kill"],
    "none, or kill it: its restart policy does the rest (none)"),
  Option(.noHealth, "no-healthcheck", "Not even what the image says"),
]

extension ContainerRequest {
  mutating func readHealth(_ reader: OptionReader) throws(Failure) {
    guard let command = reader.arguments.value(.health) else { return }
    var check = HealthCheck()
    check.command = ["/bin/sh", "-c", command]
    health = check
    try readHealthTimes(reader)
  }

  /// What can be said of a check that is there, the image's too.
  mutating func readHealthTimes(_ reader: OptionReader) throws(Failure) {
    guard var check = health else { return }
    func read(_ option: Option.Name, _ shown: String, into target: inout UInt64) throws(Failure) {
      try reader.read(option, shown, "a time, as 30s", into: &target) { Self.milliseconds($0) }
    }
    try read(.healthInterval, "--health-interval", into: &check.intervalMilliseconds)
    try read(.healthTimeout, "--health-timeout", into: &check.timeLimitMilliseconds)
    try read(.healthStart, "--health-start-period", into: &check.startMilliseconds)
    try reader.read(.healthRetries, "--health-retries", "a number, as 3", into: &check.retries) { Decimal.parse($0) }
    try reader.read(.healthFailure, "--health-on-failure", "none or kill", into: &check.kills) {
      $0 == "kill" ? true : $0 == "none" ? false : nil
    }
    health = check
  }

  /// Nil: it is no time, or more than any check may take.
  private static func milliseconds(_ text: String) -> UInt64? {
    TimeSpan.seconds(text).flatMap { $0 <= HealthCheck.mostMilliseconds / 1000 ? $0 * 1000 : nil }
  }

  /// What says how something is done that is not done at all is a mistake.
  func refuseIdleHealthOptions(_ arguments: Arguments, _ verb: String) throws(Failure) {
    if health != nil { return }
    for option in healthOptions where option.name != .noHealth && arguments.has(option.name) {
      throw Failure(.usage, "\(verb): --\(option.long[0]): nothing is checked: give --health-cmd COMMAND")
    }
  }
}
