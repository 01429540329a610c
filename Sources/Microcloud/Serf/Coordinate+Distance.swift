import Basics

extension Coordinate {
  /// Farther from where everybody starts, in any direction, is no place on a network: a lie, or a peer that has lost its
  /// way. It also keeps what we compute finite.
  static let maximumSeconds = 60.0

  /// Whether it may be reckoned with.
  var isPlausible: Bool {
    isValid && (vector + [height, adjustment]).allSatisfy { abs($0) <= Self.maximumSeconds } && height >= 0
      && error >= 0
  }

  /// The round trip between members at two coordinates.
  func seconds(to other: Coordinate) -> Double {
    let distance = rawSeconds(to: other)
    let adjusted = distance + adjustment + other.adjustment
    return adjusted > 0 ? adjusted : distance
  }

  /// The same without the adjustments that the members have found.
  func rawSeconds(to other: Coordinate) -> Double {
    Self.length(difference(to: other)) + height + other.height
  }

  /// Moves away from another member by a force, towards it by a negative one. Members at the same point are moved apart in
  /// a direction that `random` chooses.
  mutating func apply(force: Double, from other: Coordinate, random: inout SeededRandom) {
    var direction = difference(to: other)
    let distance = Self.length(direction)
    let isApart = distance > Self.negligible
    if !isApart { direction = (0..<Self.dimensions).map { _ in random.signedFraction() } }
    let length = isApart ? distance : max(Self.length(direction), Self.negligible)
    for index in 0..<Self.dimensions { vector[index] += direction[index] / length * force }
    if isApart { height = max((height + other.height) * force / distance + height, Self.minimumHeight) }
  }

  /// From another one to here.
  private func difference(to other: Coordinate) -> [Double] {
    (0..<Self.dimensions).map { vector[$0] - other.vector[$0] }
  }

  private static func length(_ vector: [Double]) -> Double {
    vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
  }

  /// Seconds below which a distance is none.
  static let negligible = 1e-6
  /// No member is nearer to its network than that.
  static let minimumHeight = 1e-5
}

extension SeededRandom {
  /// From -0.5 up to below 0.5.
  fileprivate mutating func signedFraction() -> Double {
    Double(next() >> 11) / Double(UInt64(1) << 53) - 0.5
  }
}
