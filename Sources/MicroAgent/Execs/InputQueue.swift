import Microcloud

/// A piece of what somebody gives a program as its input.
public struct InputPiece: Equatable, Sendable {
  /// How many bytes of input come before it.
  public var offset: UInt64
  public var bytes: [UInt8]
  /// Nothing comes behind it.
  public var isEnd: Bool

  public init(offset: UInt64, bytes: [UInt8], isEnd: Bool) {
    self.offset = offset
    self.bytes = bytes
    self.isEnd = isEnd
  }

  /// The message that carries it.
  public var value: CBORValue {
    var map = CBORMap()
    map[.offset] = .unsigned(offset)
    map[.data] = .bytes(bytes)
    map[.isEnd] = .bool(isEnd)
    return .map(map)
  }

  init(_ reader: APIMapReader) throws(RequestError) {
    offset = try reader.need(reader.value[.offset]?.unsignedValue, .offset, "an unsigned number")
    bytes = try reader.need(reader.value[.data]?.bytesValue, .data, "bytes")
    isEnd = false
    try reader.flag(.isEnd, into: &isEnd)
    guard bytes.count <= InputQueue.mostBytes else {
      throw RequestError(.invalid, "input: a piece has at most \(InputQueue.mostBytes) bytes")
    }
    // An offset behind which nothing can be counted is none.
    guard offset <= UInt64(Int64.max) else {
      throw RequestError(.invalid, "input: there are no \(offset) bytes before it")
    }
  }
}

/// What of a program's input has come and is not written yet: one piece at a time, each byte once, however often it comes.
public struct InputQueue: Sendable {
  /// Of a piece, and so of what waits.
  public static let mostBytes = 16 * 1024

  public private(set) var waiting: ArraySlice<UInt8> = []
  /// Behind the last byte that came.
  public private(set) var endOffset: UInt64 = 0
  /// Nothing more comes.
  public private(set) var hasEnded = false

  public init() {}

  /// Takes what of a piece is new.
  public mutating func accept(_ piece: InputPiece) throws(RequestError) {
    guard piece.offset <= endOffset else {
      throw RequestError(.conflict, "input: the bytes from \(endOffset) to \(piece.offset) are missing")
    }
    let known = endOffset - piece.offset
    if known < UInt64(piece.bytes.count) {
      guard waiting.isEmpty else {
        throw RequestError(.noRoom, "input: the program has not taken what came before: wait for its answer")
      }
      guard !hasEnded else { throw RequestError(.conflict, "input: it ended at \(endOffset)") }
      waiting = piece.bytes[Int(known)...]
      endOffset += UInt64(waiting.count)
    }
    if piece.isEnd, piece.offset + UInt64(piece.bytes.count) == endOffset { hasEnded = true }
  }

  /// So many of the waiting bytes are the program's now.
  public mutating func wrote(_ count: Int) { waiting = waiting.dropFirst(count) }

  /// Nobody takes what waits.
  public mutating func discard() { waiting = [] }
}
