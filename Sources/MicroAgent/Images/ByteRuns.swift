/// Which bytes are there of something that comes in pieces and in any order: runs, ascending, none of which touches the next.
public struct ByteRuns: Equatable, Sendable {
  public private(set) var runs: [Range<UInt64>] = []

  /// More pieces with gaps between them are not kept track of.
  public static let maximumRuns = 256

  public init() {}

  /// Adds a run. False: there would be too many, and nothing has changed.
  public mutating func add(_ run: Range<UInt64>) -> Bool {
    if run.isEmpty { return true }
    // What it touches or overlaps becomes one with it.
    let first = runs.firstIndex { $0.upperBound >= run.lowerBound } ?? runs.count
    var end = first
    var merged = run
    while end < runs.count, runs[end].lowerBound <= run.upperBound {
      merged = min(merged.lowerBound, runs[end].lowerBound)..<max(merged.upperBound, runs[end].upperBound)
      end += 1
    }
    if first == end, runs.count >= Self.maximumRuns { return false }
    runs.replaceSubrange(first..<end, with: [merged])
    return true
  }

  /// How many bytes from the first on are there without a gap.
  public var prefixBytes: UInt64 {
    runs.first.map { $0.lowerBound == 0 ? $0.upperBound : 0 } ?? 0
  }

  /// How many bytes are there.
  public var byteCount: UInt64 { runs.reduce(0) { $0 + ($1.upperBound - $1.lowerBound) } }

  /// The runs that are not there, of `size` bytes.
  public func missing(of size: UInt64) -> [Range<UInt64>] {
    var missing: [Range<UInt64>] = []
    var start: UInt64 = 0
    for run in runs where run.lowerBound < size {
      if run.lowerBound > start { missing.append(start..<run.lowerBound) }
      start = run.upperBound
    }
    if start < size { missing.append(start..<size) }
    return missing
  }
}
