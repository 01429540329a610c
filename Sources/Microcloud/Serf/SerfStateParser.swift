/// Reads Serf's part of a push/pull, one element at each call. When an element is not there as a whole, the call throws
/// `truncated` and is to be made again from the same place, with more.
struct SerfStateParser {
  /// The most status times and left members.
  static let maximumMembers = 65_536

  private enum State {
    case head
    case field
    case leftMembers(UInt64)
    case statusTimes(UInt64)
    /// Recent events, some kilobytes of them, and fields that we do not know.
    case skipping(MessagePackSkipper)
    case end
  }

  private var state = State.head
  private var remainingFields: UInt64 = 0

  var isAtEnd: Bool {
    if case .end = state { true } else { false }
  }

  /// Reads an element; nil if it says nothing.
  mutating func next(_ reader: inout MessagePackReader) throws(MessagePackError) -> SerfStateEntry? {
    switch state {
    case .head: try readHead(&reader)
    case .field where remainingFields == 0: state = .end
    case .field: return try readField(&reader)
    case .leftMembers(0), .statusTimes(0): state = .field
    case .leftMembers(let count):
      let name = NodeName(try reader.raw())
      state = .leftMembers(count - 1)
      return name.isUsable ? .leftMember(name) : nil
    case .statusTimes(let count):
      let name = NodeName(try reader.raw())
      let time = try reader.lamportTime()
      state = .statusTimes(count - 1)
      return name.isUsable ? .statusTime(name, time) : nil
    case .skipping(var skipper): state = try reader.skip(&skipper) ? .field : .skipping(skipper)
    case .end: break
    }
    return nil
  }

  private mutating func readHead(_ reader: inout MessagePackReader) throws(MessagePackError) {
    let type = try reader.byte()
    if type != SerfMessageType.pushPull.rawValue { throw reader.error(.unexpectedValue) }
    remainingFields = try reader.map()
    state = .field
  }

  /// A field that is short, or the head of a long one.
  private mutating func readField(_ reader: inout MessagePackReader) throws(MessagePackError) -> SerfStateEntry? {
    var entry: SerfStateEntry?
    var next = State.field
    switch try reader.fieldName() {
    case "EventLTime": entry = .eventClock(try reader.lamportTime())
    case "LTime": entry = .memberClock(try reader.lamportTime())
    case "QueryLTime": entry = .queryClock(try reader.lamportTime())
    case "LeftMembers": next = .leftMembers(try reader.array(limit: Self.maximumMembers))
    case "StatusLTimes": next = .statusTimes(try reader.map(limit: Self.maximumMembers))
    default: next = .skipping(MessagePackSkipper())
    }
    remainingFields -= 1
    state = next
    return entry
  }
}
