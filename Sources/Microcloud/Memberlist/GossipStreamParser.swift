/// Finds the events in the plain content of a stream. It holds the bytes of one element, which it tries to read again
/// from the start whenever more of them have come.
struct GossipStreamParser {
  /// The most that an element may have: a member, a message, a piece of Serf's state.
  static let maximumElementBytes = 16 * 1024
  /// The most members in a push/pull.
  static let maximumNodes: UInt32 = 65_536

  private enum State {
    case type
    case message(MemberlistMessageType)
    case userMessage
    case header
    case nodes(UInt32)
    case serfState
    /// What Serf's state has after its end.
    case surplus
    case end
  }

  private enum Step {
    case event(GossipStreamEvent)
    case progress
    case needsMore
  }

  private var buffer: [UInt8] = []
  /// How much of the buffer is read.
  private var position = 0
  private var state = State.type
  private var serfState = SerfStateParser()
  /// How much of Serf's state is to be read still.
  private var serfStateBytes: UInt64 = 0

  var isAtEnd: Bool {
    if case .end = state { true } else { false }
  }

  /// Bytes that follow.
  mutating func append(_ bytes: ArraySlice<UInt8>) {
    buffer.removeFirst(position)
    position = 0
    buffer += bytes
  }

  /// The next event; nil if more bytes are needed, or at the end.
  mutating func next() throws(GossipError) -> GossipStreamEvent? {
    while !isAtEnd {
      switch try step() {
      case .event(let event): return event
      case .progress: continue
      case .needsMore: return nil
      }
    }
    return nil
  }

  private mutating func step() throws(GossipError) -> Step {
    switch state {
    case .type: try readType()
    case .surplus: skipSurplus()
    default: try readElement()
    }
  }

  private mutating func readType() throws(GossipError) -> Step {
    guard position < buffer.count else { return .needsMore }
    let byte = buffer[position]
    position += 1
    switch MemberlistMessageType(rawValue: byte) {
    case .ping: state = .message(.ping)
    case .ack: state = .message(.ack)
    case .error: state = .message(.error)
    case .user: state = .userMessage
    case .pushPull: state = .header
    default: throw .unexpectedMessage(type: byte)
    }
    return .progress
  }

  private mutating func skipSurplus() -> Step {
    let count = min(serfStateBytes, UInt64(buffer.count - position))
    position += Int(count)
    serfStateBytes -= count
    if serfStateBytes > 0 { return .needsMore }
    state = .end
    return .event(.end)
  }
}

// Elements: nothing has changed when reading one fails because its end is not there.
extension GossipStreamParser {
  private mutating func readElement() throws(GossipError) -> Step {
    let isInSerfState = if case .serfState = state { true } else { false }
    let limit = UInt64(Self.maximumElementBytes)
    let available = buffer[position...].prefix(Int(isInSerfState ? min(serfStateBytes, limit) : limit))
    var reader = MessagePackReader(available)
    do throws(MessagePackError) {
      let event = try element(&reader)
      position += reader.offset
      if isInSerfState { serfStateBytes -= UInt64(reader.offset) }
      return event.map { .event($0) } ?? .progress
    } catch {
      if error.reason != .truncated { throw .malformed(error) }
      if available.count == Self.maximumElementBytes { throw .tooLarge }
      if isInSerfState && UInt64(available.count) == serfStateBytes { throw .malformed(error) }
      return .needsMore
    }
  }

  /// The event that the next element is, if it is one.
  private mutating func element(_ reader: inout MessagePackReader) throws(MessagePackError) -> GossipStreamEvent? {
    switch state {
    case .message(let type):
      let message = try MemberlistMessage(type: type, from: &reader)
      state = .end
      return .message(message)
    case .userMessage:
      let message = try userMessage(&reader)
      state = .end
      return .message(.user(message))
    case .header: return .pushPull(try header(&reader))
    case .nodes(0): state = serfStateBytes > 0 ? .serfState : .surplus
    case .nodes(let count):
      let node = try PushPullNode.read(from: &reader)
      state = .nodes(count - 1)
      return node.map { .node($0) }
    case .serfState:
      let entry = try serfState.next(&reader)
      if serfState.isAtEnd { state = .surplus }
      return entry.map { .state($0) }
    case .type, .surplus, .end: break
    }
    return nil
  }

  private mutating func header(_ reader: inout MessagePackReader) throws(MessagePackError) -> PushPullHeader {
    let header = try PushPullHeader(from: &reader)
    if header.nodeCount > Self.maximumNodes { throw reader.error(.tooLong) }
    state = .nodes(header.nodeCount)
    serfStateBytes = header.userStateBytes
    return header
  }

  /// On a stream the length of a user message stands before it.
  private func userMessage(_ reader: inout MessagePackReader) throws(MessagePackError) -> [UInt8] {
    var count: UInt64 = 0
    var fields = try reader.fields()
    while let name = try reader.next(&fields) {
      switch name {
      case "UserMsgLen": count = try reader.unsigned()
      default: try reader.skip()
      }
    }
    if count > UInt64(Self.maximumElementBytes) { throw reader.error(.tooLong) }
    if count > UInt64(reader.rest.count) { throw reader.error(.truncated) }
    return Array(reader.rest.prefix(Int(count)))
  }
}
