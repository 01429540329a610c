import Basics
import Microcloud

/// The last events of the node, in RAM. They are numbered from the time at which the agent started, so that who comes back
/// with a number of before its death does not miss what came after.
///
/// They lie in one block of memory that is there from the start: events come about when neighbours do something, and then
/// nothing grows.
public struct EventRing: Sendable {
  /// An hour of a busy node.
  public static let capacity = 128
  /// So many of the usual size; of those that say a lot there are fewer.
  public static let capacityBytes = 8192
  private static let lengthBytes = 2

  /// Each with its length before it, the oldest first.
  private var records = [UInt8](repeating: 0, count: capacityBytes)
  private var count = 0
  /// That of the next event.
  public private(set) var next: UInt64

  /// - Parameter seconds: since 1970, when the agent started: no node has a thousand events a second for as long as it runs.
  public init(startedSeconds seconds: UInt64) {
    next = seconds &* 1000
    records.removeAll(keepingCapacity: true)
  }

  public mutating func add(_ event: NodeEvent, seconds: UInt64) {
    let record = NumberedEvent(number: next, seconds: seconds, event: event).record
    let needed = Self.lengthBytes + record.count
    while count == Self.capacity || records.count + needed > Self.capacityBytes { removeOldest() }
    records += BigEndian.bytes(UInt64(record.count)).suffix(Self.lengthBytes)
    records += record
    count += 1
    next += 1
  }

  private mutating func removeOldest() {
    records.removeSubrange(..<self.record(at: 0).endIndex)
    count -= 1
  }

  /// The record that begins, with its length, at an offset.
  private func record(at offset: Int) -> ArraySlice<UInt8> {
    let start = offset + Self.lengthBytes
    return records[start..<start + Int(BigEndian.number(records[offset..<start]))]
  }

  /// What a principal is told from a number on, and with which number to go on; nothing is nil in place of it: there is no
  /// more. What does not fit into so many bytes is for the next answer.
  public func read(
    from number: UInt64, for principal: Principal, limitBytes: Int
  ) -> (events: [CBORValue], next: UInt64) {
    var found: [CBORValue] = []
    var bytes = 0
    var offset = 0
    for current in next - UInt64(count)..<next {
      let record = record(at: offset)
      offset = record.endIndex
      guard current >= number, let event = NumberedEvent(number: current, record: record) else { continue }
      guard event.event.isFor(principal) else { continue }
      let value = event.value
      bytes += value.encoded.count
      if bytes > limitBytes, !found.isEmpty { return (found, current) }
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
