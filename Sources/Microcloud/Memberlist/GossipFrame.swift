/// Collects the frame that an encrypted stream consists of. What it holds can be trusted only when all of it is there.
struct GossipFrame {
  /// The largest frame that we take: a push/pull of some five thousand members.
  static let maximumBytes = 1 << 20
  private static let headerBytes = 5

  private var header: [UInt8] = []
  private var content: [UInt8] = []
  /// Whether its content was given out. What follows on the stream belongs to nothing.
  private(set) var isComplete = false

  /// The first bytes of a frame.
  static func header(contentBytes: UInt32) -> [UInt8] {
    [MemberlistMessageType.encrypted.rawValue]
      + (0..<4).map { UInt8(truncatingIfNeeded: contentBytes >> (24 - 8 * UInt32($0))) }
  }

  /// Takes bytes of the frame from `bytes`; its content once it is complete, else nil.
  mutating func next(
    from bytes: inout ArraySlice<UInt8>, _ cipher: GossipCipher
  ) throws(GossipError) -> [UInt8]? {
    move(&bytes, to: &header, count: Self.headerBytes)
    if let first = header.first, first != MemberlistMessageType.encrypted.rawValue { throw .notEncrypted }
    guard header.count == Self.headerBytes else { return nil }
    let count = header.dropFirst().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    if count > UInt64(Self.maximumBytes) { throw .tooLarge }
    move(&bytes, to: &content, count: Int(count))
    guard content.count == Int(count) else { return nil }
    defer { content = [] }
    isComplete = true
    return try cipher.openFrame(header: header, content: content[...])
  }

  private func move(_ bytes: inout ArraySlice<UInt8>, to buffer: inout [UInt8], count: Int) {
    let part = bytes.prefix(count - buffer.count)
    buffer += part
    bytes = bytes.dropFirst(part.count)
  }
}
