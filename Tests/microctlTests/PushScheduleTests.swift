import MicroAgent
import TestSupport
import Testing

@testable import microctl

@Suite struct PushScheduleTests {
  private static let piece = PushSchedule.pieceBytes

  private static func schedule(_ sizes: UInt64...) -> PushSchedule {
    PushSchedule(sizes.map { PushSchedule.Blob(sizeBytes: $0) })
  }

  /// Streams take, lose and acknowledge pieces by chance; in the end all of each blob is there, and was acknowledged once.
  @Test(arguments: 0..<50)
  func everythingArrives(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var blobs = (0..<3).map { _ in PushSchedule.Blob(sizeBytes: UInt64.random(in: 1...500_000, using: &random)) }
    if seed % 3 == 0 { _ = blobs[1].have.add(0..<blobs[1].sizeBytes / 2 / 1024 * 1024) }
    blobs[2].isComplete = seed % 5 == 0
    let size = blobs.reduce(UInt64(0)) { $0 + $1.sizeBytes }
    var schedule = PushSchedule(blobs)
    var arrived = blobs.map { $0.have }
    var underWay: [(stream: Int, piece: PushSchedule.Piece)] = []
    var turns = 0
    while !schedule.isDone {
      turns += 1
      #expect(turns < 100_000)
      let stream = Int.random(in: 0..<4, using: &random)
      switch Int.random(in: 0..<10, using: &random) {
      case 0:
        schedule.lost(stream)
        underWay.removeAll { $0.stream == stream }
      case 1...5:
        guard let piece = schedule.next(for: stream) else { continue }
        let (start, end) = (piece.range.lowerBound, piece.range.upperBound)
        #expect(start % 1024 == 0 && end <= blobs[piece.blob].sizeBytes && !piece.range.isEmpty)
        underWay.append((stream, piece))
      default:
        guard let index = underWay.firstIndex(where: { $0.stream == stream }) else { continue }
        let piece = underWay.remove(at: index).piece
        _ = arrived[piece.blob].add(piece.range)
        schedule.acknowledge(piece)
        if arrived[piece.blob].prefixBytes == blobs[piece.blob].sizeBytes { schedule.complete(piece.blob) }
      }
    }
    #expect(schedule.acknowledgedBytes == size && schedule.waitingBytes == 0)
    for (blob, arrived) in zip(blobs, arrived) where !blob.isComplete {
      #expect(arrived.missing(of: blob.sizeBytes) == [])
    }
  }

  @Test func nothingIsRepeatedWhileThereIsSomethingNew() {
    var schedule = Self.schedule(3 * Self.piece)
    let first = schedule.next(for: 0)
    let (second, third) = (schedule.next(for: 1), schedule.next(for: 0))
    #expect(second != first && third != first && third != second)
    #expect(schedule.waitingBytes == 0 && schedule.repeatedBytes == 0)
    // Stream 2 has nothing to do, and repeats what is longest under way; stream 1 has its own.
    let (repeated, none) = (schedule.next(for: 2), schedule.next(for: 1))
    #expect(repeated == first && none == nil)
    #expect(schedule.repeatedBytes == PushSchedule.pieceBytes)
  }

  /// The next blob does not wait for the end of the one before it.
  @Test func oneBlobFollowsTheOther() {
    var schedule = Self.schedule(Self.piece + 1, 5)
    let pieces = (0..<3).map { schedule.next(for: $0) }
    #expect(pieces.map { $0?.blob } == [0, 0, 1])
    #expect(pieces.map { $0?.range } == [0..<Self.piece, Self.piece..<Self.piece + 1, 0..<5])
  }

  @Test func whatIsUnderWayIsBounded() {
    var schedule = Self.schedule(UInt64(2 * PushSchedule.mostUnderWay) * Self.piece)
    let pieces = (0..<PushSchedule.mostUnderWay).map { _ in schedule.next(for: 0) }
    #expect(!pieces.contains(nil) && schedule.next(for: 0) == nil && schedule.next(for: 1) == nil)
    schedule.acknowledge(pieces[7]!)
    #expect(schedule.next(for: 1) != nil && schedule.next(for: 1) == nil)
  }

  /// Somebody else has brought it meanwhile, or the node has an image with it.
  @Test func whatIsCompleteIsNotSent() {
    var schedule = Self.schedule(10 * Self.piece, 5)
    _ = schedule.next(for: 0)
    schedule.complete(0)
    #expect(schedule.acknowledgedBytes == 10 * Self.piece && schedule.waitingBytes == 5)
    #expect(schedule.next(for: 0)?.blob == 1 && schedule.next(for: 1)?.blob == 1)
    schedule.complete(1)
    #expect(schedule.isDone && schedule.next(for: 0) == nil)
  }

  /// A node that died when it had all of a blob and had not looked at it does so when something of it comes.
  @Test func theEndIsSentAgainOfWhatIsThereAndNotComplete() {
    var blob = PushSchedule.Blob(sizeBytes: 2 * Self.piece)
    _ = blob.have.add(0..<blob.sizeBytes)
    var schedule = PushSchedule([blob])
    #expect(schedule.next(for: 0)?.range == Self.piece..<2 * Self.piece)
  }
}
