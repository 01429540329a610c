import Basics
import Microcloud

/// How it is found out whether a container does what it is for: a program that is run in it from time to time, beside its own.
///
/// The words and defaults are docker's, whose images say it in the same way (`Healthcheck`).
public struct HealthCheck: Equatable, Sendable {
  /// The program and its arguments: exit code 0 means healthy, any other not.
  public var command: [String] = []
  /// From the start, and from the end of one check, until the next.
  public var intervalMilliseconds: UInt64 = 30_000
  /// A check that takes longer is killed, and has failed.
  public var timeLimitMilliseconds: UInt64 = 30_000
  /// So many failures in a row make a container unhealthy.
  public var retries: UInt64 = 3
  /// So long after the start failures do not count, unless it was healthy before.
  public var startMilliseconds: UInt64 = 0
  /// Whether an unhealthy container is killed; its restart policy has its say then.
  public var kills = false

  public init() {}

  /// A check costs a process; more often than this it would be all that a board does.
  public static let leastIntervalMilliseconds: UInt64 = 1000
  public static let mostMilliseconds: UInt64 = 86_400_000
  public static let mostRetries: UInt64 = 100

  /// What is wrong with it, as one line that says what would be right; nil: nothing.
  var problem: String? {
    if command.isEmpty || command[0].isEmpty { return "health check: give the program to run" }
    if command.count > ContainerRequest.maximumArguments {
      return "health check: at most \(ContainerRequest.maximumArguments) arguments"
    }
    if !(Self.leastIntervalMilliseconds...Self.mostMilliseconds).contains(intervalMilliseconds) {
      return "health check: an interval of \(Self.leastIntervalMilliseconds / 1000) s to a day"
    }
    if !(1...ExecRequest.mostTimeMilliseconds).contains(timeLimitMilliseconds) {
      return "health check: a time limit of at most \(ExecRequest.mostTimeMilliseconds / 1000) s"
    }
    if !(1...Self.mostRetries).contains(retries) { return "health check: 1 to \(Self.mostRetries) retries" }
    return startMilliseconds > Self.mostMilliseconds ? "health check: at most a day to start" : nil
  }

  /// The exec that it is.
  public var exec: ExecRequest {
    var request = ExecRequest()
    request.command = command
    request.timeLimitMilliseconds = timeLimitMilliseconds
    return request
  }

  // MARK: As CBOR

  /// What has its default is left out.
  var value: CBORValue {
    let standard = HealthCheck()
    var map = CBORMap()
    map[.command] = .array(command.map { .text($0) })
    func put(_ key: APIKey, _ number: UInt64, _ usual: UInt64) {
      if number != usual { map[key] = .unsigned(number) }
    }
    put(.intervalMilliseconds, intervalMilliseconds, standard.intervalMilliseconds)
    put(.timeLimitMilliseconds, timeLimitMilliseconds, standard.timeLimitMilliseconds)
    put(.retries, retries, standard.retries)
    put(.startMilliseconds, startMilliseconds, standard.startMilliseconds)
    if kills { map[.kills] = true }
    return .map(map)
  }

  /// Reads what `value` writes. Keys that are not known are refused.
  init(_ value: CBORValue) throws(RequestError) {
    let reader = try APIMapReader(value)
    try reader.refuseKeys { key in
      switch key {
      case .command, .intervalMilliseconds, .timeLimitMilliseconds, .retries, .startMilliseconds, .kills: true
      default: false
      }
    }
    try reader.texts(.command, into: &command)
    try reader.unsigned(.intervalMilliseconds, into: &intervalMilliseconds)
    try reader.unsigned(.timeLimitMilliseconds, into: &timeLimitMilliseconds)
    try reader.unsigned(.retries, into: &retries)
    try reader.unsigned(.startMilliseconds, into: &startMilliseconds)
    try reader.flag(.kills, into: &kills)
  }
}
