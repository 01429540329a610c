/// Another member's coordinate as it is kept: a quarter of the size, as there may be thousands, and without the error,
/// which only measurements need. It is told in steps of 2^-14 s = 61 µs, up to 2 s.
struct PeerCoordinate {
  private static let stepsPerSecond = 16_384.0

  /// The dimensions, and after them the height and the adjustment.
  private var steps = InlineArray<10, Int16>(repeating: 0)

  init(_ coordinate: Coordinate) {
    for index in 0..<Coordinate.dimensions { steps[index] = Self.steps(coordinate.vector[index]) }
    steps[Coordinate.dimensions] = Self.steps(coordinate.height)
    steps[Coordinate.dimensions + 1] = Self.steps(coordinate.adjustment)
  }

  var coordinate: Coordinate {
    func seconds(_ index: Int) -> Double { Double(steps[index]) / Self.stepsPerSecond }
    return Coordinate(
      vector: (0..<Coordinate.dimensions).map { seconds($0) }, error: 0, height: seconds(Coordinate.dimensions),
      adjustment: seconds(Coordinate.dimensions + 1))
  }

  private static func steps(_ seconds: Double) -> Int16 {
    let steps = seconds * stepsPerSecond
    if steps >= Double(Int16.max) { return .max }
    if steps <= Double(Int16.min) { return .min }
    return Int16(steps < 0 ? steps - 0.5 : steps + 0.5)
  }
}

/// The last round trips to a member, of which the median is what counts: one packet that waited is no distance.
struct RoundTrips {
  /// The last two, in seconds, the later one first; negative where there is none.
  private var earlier: (Float, Float) = (-1, -1)

  /// Takes one; the median of the last three, or the higher one of the first two.
  mutating func median(adding seconds: Double) -> Double {
    let (last, lastButOne) = earlier
    earlier = (Float(seconds), last)
    if last < 0 { return seconds }
    if lastButOne < 0 { return max(seconds, Double(last)) }
    let (low, high) = (min(Double(last), Double(lastButOne)), max(Double(last), Double(lastButOne)))
    return min(max(seconds, low), high)
  }
}
