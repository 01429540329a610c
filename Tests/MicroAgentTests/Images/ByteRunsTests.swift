import Microcloud
import TestSupport
import Testing

@testable import MicroAgent

@Suite struct ByteRunsTests {
  /// Beside a list of single bytes, in any order, with doubles and overlaps.
  @Test(arguments: 0..<50)
  func whatIsThereIsWhatWasAdded(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var runs = ByteRuns()
    var bytes = Set<UInt64>()
    let size: UInt64 = 200
    for _ in 0..<60 {
      let start = UInt64.random(in: 0..<size, using: &random)
      let end = min(size, start + UInt64.random(in: 0..<20, using: &random))
      let isAdded = runs.add(start..<end)
      #expect(isAdded)
      bytes.formUnion(start..<end)
      #expect(Set(runs.runs.flatMap { Array($0) }) == bytes)
      #expect(Set(runs.missing(of: size).flatMap { Array($0) }) == Set(0..<size).subtracting(bytes))
      #expect(runs.byteCount == UInt64(bytes.count))
      #expect(runs.prefixBytes == (0...size).first { !bytes.contains($0) })
      #expect(zip(runs.runs, runs.runs.dropFirst()).allSatisfy { $0.upperBound < $1.lowerBound })
      #expect(ByteRuns(runs.value) == runs)
    }
  }

  @Test func gapsAreLimited() {
    var runs = ByteRuns()
    for index in 0..<UInt64(ByteRuns.maximumRuns) { _ = runs.add(index * 2..<index * 2 + 1) }
    let before = runs
    #expect(runs.runs.count == ByteRuns.maximumRuns)
    let isAdded = runs.add(10_000..<10_001)
    #expect(!isAdded && runs == before)
    // What closes a gap is taken.
    let closes = runs.add(1..<2)
    #expect(closes && runs.runs.count == ByteRuns.maximumRuns - 1)
  }

  @Test(arguments: [.array([1]), .array([2, 1]), .array([1, 1]), .array(["a", 2]), .unsigned(1)] as [CBORValue])
  func whatIsNoListOfRunsIsRefused(_ value: CBORValue) {
    #expect(ByteRuns(value) == nil)
  }
}
