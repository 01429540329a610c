import MicroAgent
import TestSupport
import Testing

@testable import microctl

@Suite struct PushScheduleTests {
  /// Streams take, lose and acknowledge pieces by chance; in the end all of the blob is there, and was acknowledged once.
  @Test(arguments: 0..<50)
  func everythingArrives(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let size = UInt64.random(in: 1...1_000_000, using: &random)
    var have = ByteRuns()
    if seed % 3 == 0 { _ = have.add(0..<size / 2 / 1024 * 1024) }
    var schedule = PushSchedule(sizeBytes: size, have: have)
    var arrived = have
    var underWay: [(stream: Int, piece: Range<UInt64>)] = []
    var turns = 0
    while schedule.acknowledgedBytes < size {
      turns += 1
      #expect(turns < 100_000)
      let stream = Int.random(in: 0..<4, using: &random)
      switch Int.random(in: 0..<10, using: &random) {
      case 0:
        schedule.lost(stream)
        underWay.removeAll { $0.stream == stream }
      case 1...5:
        guard let piece = schedule.next(for: stream) else { continue }
        #expect(piece.lowerBound % 1024 == 0 && piece.upperBound <= size && !piece.isEmpty)
        underWay.append((stream, piece))
      default:
        guard let index = underWay.firstIndex(where: { $0.stream == stream }) else { continue }
        let piece = underWay.remove(at: index).piece
        _ = arrived.add(piece)
        schedule.acknowledge(piece)
      }
    }
    #expect(schedule.acknowledgedBytes == size && arrived.missing(of: size) == [])
  }

  @Test func nothingIsRepeatedWhileThereIsSomethingNew() {
    var schedule = PushSchedule(sizeBytes: 3 * PushSchedule.pieceBytes, have: ByteRuns())
    let first = schedule.next(for: 0)
    let (second, third) = (schedule.next(for: 1), schedule.next(for: 0))
    #expect(second != first && third != first && third != second)
    #expect(!schedule.hasWaiting && schedule.repeatedBytes == 0)
    // Stream 2 has nothing to do, and repeats what is longest under way; stream 1 has its own.
    let (repeated, none) = (schedule.next(for: 2), schedule.next(for: 1))
    #expect(repeated == first && none == nil)
    #expect(schedule.repeatedBytes == PushSchedule.pieceBytes)
  }
}
