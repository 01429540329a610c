import MicroAgent
import Microcloud

/// A state that can be watched for changes.
enum ObservedState: Equatable {
  case container(UInt64)
  case lease(UInt64)
  case exec(ExecName)

  /// What its watchers are told when it is gone.
  var goneLine: String {
    switch self {
    case .container: "the container is gone"
    case .lease: "the lease is gone"
    case .exec: "the container is gone, or it is too long ago"
    }
  }
}

/// A log that a client follows; keeps the log alive after its container is gone.
final class LogFollow {
  let container: UInt64
  let log: ContainerLog
  var offset: UInt64
  /// The container does not run any more: what is there is all.
  var isLast: Bool

  init(_ log: ContainerLog, of container: UInt64, from offset: UInt64, isLast: Bool) {
    self.container = container
    self.log = log
    self.offset = offset
    self.isLast = isLast
  }

  /// What comes next, and whether it is the end.
  func read(limitBytes: Int) -> (offset: UInt64, bytes: [UInt8], isEnd: Bool) {
    let (start, bytes) = log.read(from: offset, limitBytes: limitBytes)
    return (start, bytes, isLast && start + UInt64(bytes.count) >= log.endOffset)
  }

  static func chunk(_ offset: UInt64, _ bytes: [UInt8], isEnd: Bool) -> CBORValue {
    var map = CBORMap()
    map[.offset] = .unsigned(offset)
    map[.data] = .bytes(bytes)
    map[.isEnd] = .bool(isEnd)
    return .map(map)
  }
}

/// What a program writes to a stream that a client takes.
final class OutputFollow {
  let output: ExecOutput
  var offset: UInt64

  init(_ output: ExecOutput, from offset: UInt64) {
    self.output = output
    self.offset = offset
  }

  /// What comes next, and whether it is the end.
  func read(limitBytes: Int) -> (offset: UInt64, bytes: [UInt8], isEnd: Bool) {
    let (start, bytes) = output.window.read(from: offset, limitBytes: limitBytes)
    return (start, bytes, output.isComplete && start + UInt64(bytes.count) >= output.window.endOffset)
  }
}

/// The events that a client follows.
final class EventFollow {
  /// That of the next event to tell.
  var next: UInt64
  let read: (_ from: UInt64, _ limitBytes: Int) -> (events: [CBORValue], next: UInt64)

  init(from next: UInt64, read: @escaping (UInt64, Int) -> (events: [CBORValue], next: UInt64)) {
    self.next = next
    self.read = read
  }
}

/// What a client is told again and again until it is over (RFC 7641).
final class Watch {
  enum Subject {
    /// Told as it is then: what it was in between is not owed to anybody.
    case state(ObservedState)
    /// Told to the last byte.
    case log(LogFollow)
    case output(OutputFollow)
    /// Told one by one.
    case events(EventFollow)
  }

  /// Something to tell. It is told again unless `told` is called.
  struct Notice {
    let message: CoAPMessage
    let isLast: Bool
    /// Where a log, or the events, then go on.
    fileprivate var position: UInt64 = 0
  }

  /// No other watch has it.
  let number: UInt64
  let subject: Subject
  let origin: RequestOrigin
  /// How often something was told, which is what the Observe option says.
  private(set) var sequence: UInt64
  /// A state has changed since it was told.
  var isStale = true

  private static let sequenceMask: UInt64 = 0xFF_FFFF

  init(_ subject: Subject, _ origin: RequestOrigin, number: UInt64, after sequence: UInt64 = 0) {
    self.subject = subject
    self.origin = origin
    self.number = number
    self.sequence = sequence
  }

  /// What is new; nil: nothing.
  ///
  /// - Parameters:
  ///   - isFirst: the request is still to be answered, also where there is nothing yet.
  ///   - state: a state as it is now; nil: it is gone.
  func next(isFirst: Bool, chunkBytes: Int, state: (ObservedState) -> CBORValue?) -> Notice? {
    switch subject {
    case .state(let subject):
      guard isStale else { return nil }
      guard let value = state(subject) else {
        let gone = RequestError(.notFound, subject.goneLine)
        return Notice(message: gone.response(token: origin.token), isLast: true)
      }
      return Notice(message: numbered(value, isLast: false), isLast: false)
    case .log(let follow): return chunk(follow.read(limitBytes: chunkBytes), isFirst)
    case .output(let follow): return chunk(follow.read(limitBytes: chunkBytes), isFirst)
    case .events(let follow):
      let (events, next) = follow.read(follow.next, chunkBytes)
      guard isFirst || !events.isEmpty else { return nil }
      return Notice(
        message: numbered(EventRing.value(events, next: next), isLast: false), isLast: false, position: next)
    }
  }

  private func chunk(_ read: (offset: UInt64, bytes: [UInt8], isEnd: Bool), _ isFirst: Bool) -> Notice? {
    guard isFirst || read.isEnd || !read.bytes.isEmpty else { return nil }
    return Notice(
      message: numbered(LogFollow.chunk(read.offset, read.bytes, isEnd: read.isEnd), isLast: read.isEnd),
      isLast: read.isEnd, position: read.offset + UInt64(read.bytes.count))
  }

  /// More may be there than one notice holds.
  var hasMore: Bool {
    switch subject {
    case .state: false
    case .log(let follow): follow.offset < follow.log.endOffset || follow.isLast
    case .output(let follow): follow.offset < follow.output.window.endOffset || follow.output.isComplete
    case .events(let follow): !follow.read(follow.next, 1).events.isEmpty
    }
  }

  /// A notice is on its way.
  func told(_ notice: Notice) {
    sequence = (sequence + 1) & Self.sequenceMask
    isStale = false
    switch subject {
    case .state: break
    case .log(let follow): follow.offset = notice.position
    case .output(let follow): follow.offset = notice.position
    case .events(let follow): follow.next = notice.position
    }
  }

  /// The last one ends the observation (RFC 7641 section 3.2).
  private func numbered(_ value: CBORValue, isLast: Bool) -> CoAPMessage {
    var message = Responses.content(value, token: origin.token)
    if !isLast { message.options.add(CoAPOption(.observe, (sequence + 1) & Self.sequenceMask)) }
    return message
  }
}
