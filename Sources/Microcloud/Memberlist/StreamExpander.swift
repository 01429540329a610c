/// Takes the compression off a stream, if there is one.
struct StreamExpander {
  /// How much it gives the parser at a time.
  private static let chunkBytes = 4096
  /// The most that may stand before the compressed bytes.
  private static let maximumHeadBytes = 64

  private enum State {
    case start
    case plain
    case head
    case compressed
    case ended
  }

  private var state = State.start
  /// The first bytes of a compressed message, until the length of the compressed bytes is there.
  private var head: [UInt8] = []
  /// While compressed bytes come.
  private var decoder: LZWDecoder?
  private var compressedBytes: UInt64 = 0
  private var expandedBytes: UInt64 = 0

  /// Gives some of `bytes` to the parser, expanded; false if there are none left.
  mutating func refill(
    _ parser: inout GossipStreamParser, from bytes: inout ArraySlice<UInt8>
  ) throws(GossipError) -> Bool {
    // It has said that it ends, or what follows is corrupt, and the parser wants more.
    if state == .ended { throw .corruptCompression }
    guard let first = bytes.first else { return false }
    switch state {
    case .start: state = try Self.state(first: first)
    case .plain:
      try give(bytes.prefix(Self.chunkBytes), to: &parser)
      bytes = bytes.dropFirst(Self.chunkBytes)
    case .head: try readHead(&bytes)
    case .compressed: try expand(&bytes, to: &parser)
    case .ended: break
    }
    return true
  }

  private static func state(first: UInt8) throws(GossipError) -> State {
    switch MemberlistMessageType(rawValue: first) {
    case .label: throw .labelled
    case .encrypted: throw .undecryptable
    case .compressed: return .head
    default: return .plain
    }
  }

  private mutating func give(
    _ bytes: ArraySlice<UInt8>, to parser: inout GossipStreamParser
  ) throws(GossipError) {
    expandedBytes += UInt64(bytes.count)
    if expandedBytes > GossipStreamDecoder.maximumBytes { throw .tooLarge }
    parser.append(bytes)
  }

  /// Collects the head of a compressed message, byte by byte as it is short.
  private mutating func readHead(_ bytes: inout ArraySlice<UInt8>) throws(GossipError) {
    while state == .head, let byte = bytes.popFirst() {
      head.append(byte)
      do throws(MessagePackError) {
        let compressed = try CompressedHead(head.dropFirst())
        if compressed.algorithm != 0 { throw MessagePackError(.unexpectedValue, offset: 0) }
        compressedBytes = compressed.contentBytes
        state = .compressed
      } catch {
        if error.reason != .truncated || head.count == Self.maximumHeadBytes { throw .malformed(error) }
      }
    }
    if state == .head { return }
    if compressedBytes > GossipStreamDecoder.maximumBytes { throw .tooLarge }
    decoder = LZWDecoder()
    head = []
  }

  private mutating func expand(
    _ bytes: inout ArraySlice<UInt8>, to parser: inout GossipStreamParser
  ) throws(GossipError) {
    var part = bytes.prefix(Int(min(compressedBytes, UInt64(bytes.count))))
    let offered = part.count
    let chunk = expandedChunk(of: &part)
    compressedBytes -= UInt64(offered - part.count)
    bytes = bytes.dropFirst(offered - part.count)
    if compressedBytes == 0 { end() }
    try give(chunk[...], to: &parser)
  }

  /// What the next compressed bytes stand for, up to the end or to where they are corrupt.
  private mutating func expandedChunk(of part: inout ArraySlice<UInt8>) -> [UInt8] {
    var chunk: [UInt8] = []
    do throws(GossipError) {
      try decoder?.expand(&part, into: &chunk, limit: Self.chunkBytes)
      if let decoder, decoder.isAtEnd { end() }
    } catch {
      end()
    }
    return chunk
  }

  private mutating func end() {
    decoder = nil
    state = .ended
  }
}

/// What stands before the bytes of a compressed message.
private struct CompressedHead {
  var algorithm: UInt8 = 0
  var contentBytes: UInt64 = 0

  /// Reads up to the compressed bytes. Peers write the algorithm before them.
  init(_ bytes: ArraySlice<UInt8>) throws(MessagePackError) {
    var reader = MessagePackReader(bytes)
    var fields = try reader.fields()
    while let name = try reader.next(&fields) {
      switch name {
      case "Algo": algorithm = try reader.unsigned(as: UInt8.self)
      case "Buf":
        contentBytes = try reader.rawHead()
        return
      default: try reader.skip()
      }
    }
    throw reader.error(.unexpectedValue)
  }
}
