/// Reads what a peer says on a gossip stream (TCP), however the bytes arrive, and never holds more of it than one member.
/// Only an encrypted stream has to be there as a whole before anything of it can be trusted.
///
/// After an error the stream cannot be followed any more: each further call throws the same error.
public struct GossipStreamDecoder {
  /// The most that a stream may be, expanded: a push/pull of some thirty thousand members.
  public static let maximumBytes: UInt64 = 8 << 20

  private let cipher: GossipCipher?
  private var frame = GossipFrame()
  /// What was sealed in the frame and is not yet read.
  private var opened: ArraySlice<UInt8> = []
  private var expander = StreamExpander()
  private var parser = GossipStreamParser()
  private var failure: GossipError?

  /// A decoder at the start of a stream. With a `cipher` it takes only what one of its keys opens.
  public init(cipher: GossipCipher? = nil) {
    self.cipher = cipher
  }

  /// Whether all has come that belongs to the stream. A stream that ends before is cut off.
  public var isAtEnd: Bool { parser.isAtEnd }

  /// The next event, or nil when all of `bytes` is read and more are needed, or nothing is to follow. What is read leaves
  /// `bytes`; after the last event that is everything.
  ///
  ///     while let event = try decoder.next(from: &bytes) { … }
  public mutating func next(from bytes: inout ArraySlice<UInt8>) throws(GossipError) -> GossipStreamEvent? {
    if let failure { throw failure }
    do throws(GossipError) {
      return try advance(&bytes)
    } catch {
      failure = error
      throw error
    }
  }

  private mutating func advance(_ bytes: inout ArraySlice<UInt8>) throws(GossipError) -> GossipStreamEvent? {
    while !isAtEnd {
      if let event = try parser.next() { return event }
      guard try refill(from: &bytes) else { return nil }
    }
    bytes = []
    return nil
  }

  /// Gives the parser more; false if there is no more.
  private mutating func refill(from bytes: inout ArraySlice<UInt8>) throws(GossipError) -> Bool {
    guard let cipher else { return try expander.refill(&parser, from: &bytes) }
    if frame.isComplete {
      bytes = []
    } else if let content = try frame.next(from: &bytes, cipher) {
      opened = content[...]
    }
    return try expander.refill(&parser, from: &opened)
  }
}
