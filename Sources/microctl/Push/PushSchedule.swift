import MicroAgent

/// Which piece of a blob goes next, on which of several streams.
///
/// A piece is given out once. When none is left, a stream that has nothing to do repeats what another one still has under way,
/// so that no slow stream keeps all waiting at the end.
struct PushSchedule {
  private struct Sent {
    let piece: Range<UInt64>
    var streams: [Int]
  }

  /// Pieces are whole blocks of 1 KiB. One takes a board some milliseconds, and a slow stream a tenth of a second.
  static let pieceBytes: UInt64 = 16 * 1024
  /// On how many streams a piece is under way at most.
  private static let mostCopies = 2

  /// What was not given out yet.
  private var waiting: [Range<UInt64>]
  private var sent: [Sent] = []
  /// What the node has.
  private(set) var acknowledgedBytes: UInt64
  /// Bytes that were sent more than once.
  private(set) var repeatedBytes: UInt64 = 0

  /// - Parameter have: what the node has already.
  init(sizeBytes: UInt64, have: ByteRuns) {
    waiting = have.missing(of: sizeBytes)
    acknowledgedBytes = have.byteCount
  }

  /// There is something that no stream has been given.
  var hasWaiting: Bool { !waiting.isEmpty }

  /// The next piece for a stream; nil: it has nothing to do.
  mutating func next(for stream: Int) -> Range<UInt64>? {
    if let run = waiting.first {
      let end = min(run.upperBound, run.lowerBound / Self.pieceBytes * Self.pieceBytes + Self.pieceBytes)
      let piece = run.lowerBound..<end
      if end == run.upperBound { waiting.removeFirst() } else { waiting[0] = end..<run.upperBound }
      sent.append(Sent(piece: piece, streams: [stream]))
      return piece
    }
    // A stream repeats only when it has no piece of its own under way.
    if sent.contains(where: { $0.streams.contains(stream) }) { return nil }
    guard let index = sent.firstIndex(where: { $0.streams.count < Self.mostCopies }) else { return nil }
    sent[index].streams.append(stream)
    repeatedBytes += sent[index].piece.upperBound - sent[index].piece.lowerBound
    return sent[index].piece
  }

  /// The node has a piece.
  mutating func acknowledge(_ piece: Range<UInt64>) {
    guard let index = sent.firstIndex(where: { $0.piece == piece }) else { return }
    sent.remove(at: index)
    acknowledgedBytes += piece.upperBound - piece.lowerBound
  }

  /// A stream is gone: what only it had under way is to be sent again.
  mutating func lost(_ stream: Int) {
    for index in sent.indices.reversed() {
      sent[index].streams.removeAll { $0 == stream }
      if sent[index].streams.isEmpty { waiting.insert(sent.remove(at: index).piece, at: 0) }
    }
  }
}
