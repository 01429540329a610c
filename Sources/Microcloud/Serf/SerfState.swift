/// What a reader hears of Serf's part of a push/pull, piece by piece, in the order in which it comes.
///
/// Agents send left members before status times: to process a left member, wait for its time. A clock's value is one
/// more than the latest time that the sender has seen of that kind.
public enum SerfStateEntry: Equatable, Sendable {
  /// The clock of joins and leaves.
  case memberClock(LamportTime)
  case eventClock(LamportTime)
  case queryClock(LamportTime)
  /// A member that has left; `statusTime` comes for it too.
  case leftMember(NodeName)
  /// When the sender last heard a member's join or leave.
  case statusTime(NodeName, LamportTime)
}

/// Serf's part of a push/pull, to be written. Recent events are not sent along: a member may leave them out.
public struct SerfState<LeftMembers: Collection, StatusTimes: Collection>
where LeftMembers.Element == NodeName, StatusTimes.Element == (name: NodeName, time: LamportTime) {
  public var memberClock: LamportTime
  public var eventClock: LamportTime
  public var queryClock: LamportTime
  public var leftMembers: LeftMembers
  /// Of all members that are known, left ones too.
  public var statusTimes: StatusTimes

  public init(
    memberClock: LamportTime, eventClock: LamportTime, queryClock: LamportTime, leftMembers: LeftMembers,
    statusTimes: StatusTimes
  ) {
    self.memberClock = memberClock
    self.eventClock = eventClock
    self.queryClock = queryClock
    self.leftMembers = leftMembers
    self.statusTimes = statusTimes
  }
}

/// Writes Serf's part of a push/pull, one element at each call.
struct SerfStateWriter<LeftMembers: Collection, StatusTimes: Collection>
where LeftMembers.Element == NodeName, StatusTimes.Element == (name: NodeName, time: LamportTime) {
  private enum Position {
    case clocks
    case leftMembers
    case statusTimes
  }

  private let state: SerfState<LeftMembers, StatusTimes>
  private var position = Position.clocks
  private var leftMembers: LeftMembers.Iterator
  private var statusTimes: StatusTimes.Iterator

  init(_ state: SerfState<LeftMembers, StatusTimes>) {
    self.state = state
    leftMembers = state.leftMembers.makeIterator()
    statusTimes = state.statusTimes.makeIterator()
  }

  /// How many bytes all of it is.
  var encodedBytes: UInt64 {
    var copy = self
    var encoder = MessagePackEncoder()
    var count: UInt64 = 0
    while copy.appendElement(to: &encoder) {
      count += UInt64(encoder.bytes.count)
      encoder.removeAll()
    }
    return count
  }

  /// Appends the next element; false after the last one. Fields are in alphabetical order.
  mutating func appendElement(to encoder: inout MessagePackEncoder) -> Bool {
    switch position {
    case .clocks:
      appendClocks(to: &encoder)
      position = .leftMembers
    case .leftMembers:
      if let name = leftMembers.next() {
        encoder.text(name)
      } else {
        appendQueryClock(to: &encoder)
        position = .statusTimes
      }
    case .statusTimes:
      guard let (name, time) = statusTimes.next() else { return false }
      encoder.text(name)
      encoder.unsigned(time.rawValue)
    }
    return true
  }

  private func appendClocks(to encoder: inout MessagePackEncoder) {
    encoder.append([SerfMessageType.pushPull.rawValue])
    encoder.map(6)
    encoder.key("EventLTime", state.eventClock)
    encoder.key("Events")
    encoder.array(0)
    encoder.key("LTime", state.memberClock)
    encoder.key("LeftMembers")
    if state.leftMembers.isEmpty { encoder.null() } else { encoder.array(state.leftMembers.count) }
  }

  private func appendQueryClock(to encoder: inout MessagePackEncoder) {
    encoder.key("QueryLTime", state.queryClock)
    encoder.key("StatusLTimes")
    encoder.map(state.statusTimes.count)
  }
}
