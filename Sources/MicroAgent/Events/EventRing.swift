import Microcloud

/// The last events of the node, in RAM. They are numbered from the time at which the agent started, so that who comes back
/// with a number of before its death does not miss what came after.
public struct EventRing: Sendable {
  /// An hour of a busy node; some 20 KiB.
  public static let capacity = 128

  private var events: [NumberedEvent] = []
  /// That of the next event.
  public private(set) var next: UInt64

  /// - Parameter seconds: since 1970, when the agent started: no node has a thousand events a second for as long as it runs.
  public init(startedSeconds seconds: UInt64) {
    next = seconds &* 1000
  }

  public mutating func add(_ event: NodeEvent, seconds: UInt64) {
    if events.count == Self.capacity { events.removeFirst() }
    events.append(NumberedEvent(number: next, seconds: seconds, event: event))
    next += 1
  }

  /// What a principal is told from a number on, and with which number to go on; nothing is nil in place of it: there is no
  /// more. What does not fit into so many bytes is for the next answer.
  public func read(
    from number: UInt64, for principal: Principal, limitBytes: Int
  ) -> (events: [CBORValue], next: UInt64) {
    var found: [CBORValue] = []
    var bytes = 0
    for event in events where event.number >= number && event.event.isFor(principal) {
      let value = event.value
      bytes += value.encoded.count
      if bytes > limitBytes, !found.isEmpty { return (found, event.number) }
      found.append(value)
    }
    // A number of another life of the clock leads nowhere.
    return (found, next)
  }

  /// The answer that holds them.
  public static func value(_ events: [CBORValue], next: UInt64) -> CBORValue {
    var map = CBORMap()
    map[.events] = .array(events)
    map[.next] = .unsigned(next)
    return .map(map)
  }
}
