import MicroAgent

/// Which piece of an image's blobs goes next, on which of several streams: one blob after the other, without a pause between
/// them.
///
/// A piece is given out once. When none is left, a stream that has nothing to do repeats what another one still has under way,
/// so that no slow stream keeps all waiting at the end.
struct PushSchedule {
  /// A blob, and what of it the node has when the schedule is made.
  struct Blob {
    let sizeBytes: UInt64
    var have = ByteRuns()
    /// The node has said that it has all of it, and that it is what it should be.
    var isComplete = false
  }

  /// Some bytes of a blob, which is told by its number.
  struct Piece: Equatable {
    let blob: Int
    let range: Range<UInt64>

    var sizeBytes: UInt64 { range.upperBound - range.lowerBound }
  }

  private struct Sent {
    let piece: Piece
    var streams: [Int]
  }

  /// Pieces are whole blocks of 1 KiB. One takes a board some milliseconds, and a slow stream a tenth of a second.
  static let pieceBytes: UInt64 = 16 * 1024
  /// Pieces under way at once, on all streams: 1.5 MiB, what a link of 120 Mbit/s holds at 100 ms there and back. The node
  /// has no more in its sockets, nor more gaps in its map, whatever the streams do.
  static let mostUnderWay = 96
  /// On how many streams a piece is under way at most.
  private static let mostCopies = 2

  /// What was not given out yet: runs, in the order in which they go.
  private var waiting: [Piece] = []
  private var sent: [Sent] = []
  private var isComplete: [Bool]
  /// What the node has.
  private(set) var acknowledgedBytes: UInt64 = 0
  /// What is not given out yet.
  private(set) var waitingBytes: UInt64 = 0
  /// Bytes that were sent more than once.
  private(set) var repeatedBytes: UInt64 = 0

  init(_ blobs: [Blob]) {
    isComplete = blobs.map { $0.isComplete }
    for (number, blob) in blobs.enumerated() {
      var missing = blob.isComplete ? [] : blob.have.missing(of: blob.sizeBytes)
      // A node that died before it looked at what it had all of does so when it gets the end again.
      if missing.isEmpty, !blob.isComplete { missing = [Self.lastPiece(of: blob.sizeBytes)] }
      let runs = missing.map { Piece(blob: number, range: $0) }
      let missingBytes = runs.reduce(UInt64(0)) { $0 + $1.sizeBytes }
      waiting += runs
      waitingBytes += missingBytes
      acknowledgedBytes += blob.sizeBytes - missingBytes
    }
  }

  private static func lastPiece(of sizeBytes: UInt64) -> Range<UInt64> {
    (sizeBytes - 1) / pieceBytes * pieceBytes..<sizeBytes
  }

  /// The node has all of all blobs.
  var isDone: Bool { isComplete.allSatisfy { $0 } }

  /// Whether the node has said so of one.
  func isDone(_ blob: Int) -> Bool { isComplete[blob] }

  /// The next piece for a stream; nil: it has nothing to do, or enough is under way.
  mutating func next(for stream: Int) -> Piece? {
    if let run = waiting.first {
      if sent.count >= Self.mostUnderWay { return nil }
      let start = run.range.lowerBound
      let end = min(run.range.upperBound, start / Self.pieceBytes * Self.pieceBytes + Self.pieceBytes)
      let piece = Piece(blob: run.blob, range: start..<end)
      if end == run.range.upperBound {
        waiting.removeFirst()
      } else {
        waiting[0] = Piece(blob: run.blob, range: end..<run.range.upperBound)
      }
      waitingBytes -= piece.sizeBytes
      sent.append(Sent(piece: piece, streams: [stream]))
      return piece
    }
    // A stream repeats only when it has no piece of its own under way.
    if sent.contains(where: { $0.streams.contains(stream) }) { return nil }
    guard let index = sent.firstIndex(where: { $0.streams.count < Self.mostCopies }) else { return nil }
    sent[index].streams.append(stream)
    repeatedBytes += sent[index].piece.sizeBytes
    return sent[index].piece
  }

  /// The node has a piece.
  mutating func acknowledge(_ piece: Piece) {
    guard let index = sent.firstIndex(where: { $0.piece == piece }) else { return }
    sent.remove(at: index)
    acknowledgedBytes += piece.sizeBytes
  }

  /// The node has all of a blob, whoever brought it.
  mutating func complete(_ blob: Int) {
    if isComplete[blob] { return }
    isComplete[blob] = true
    for piece in sent where piece.piece.blob == blob { acknowledgedBytes += piece.piece.sizeBytes }
    sent.removeAll { $0.piece.blob == blob }
    for run in waiting where run.blob == blob {
      acknowledgedBytes += run.sizeBytes
      waitingBytes -= run.sizeBytes
    }
    waiting.removeAll { $0.blob == blob }
  }

  /// A stream is gone: what only it had under way is to be sent again.
  mutating func lost(_ stream: Int) {
    for index in sent.indices.reversed() {
      sent[index].streams.removeAll { $0 == stream }
      guard sent[index].streams.isEmpty else { continue }
      waitingBytes += sent[index].piece.sizeBytes
      waiting.insert(sent.remove(at: index).piece, at: 0)
    }
  }
}
