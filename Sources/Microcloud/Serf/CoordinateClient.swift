import Basics

/// Finds our own place in the space of round trips (Vivaldi), as Serf's agents do: each measured round trip to a member
/// whose place is known pulls or pushes us a little.
struct CoordinateClient {
  /// How far one measurement may move us and change how sure we are.
  private static let tuning = 0.25
  private static let maximumError = 1.5
  /// Over how many measurements the adjustment is averaged: what a space of so few dimensions cannot say.
  private static let adjustmentWindow = 20
  /// Pulls the cluster back to where all start, by the square of the distance in this unit.
  private static let gravity = 150.0
  /// Longer round trips are no measurements.
  static let maximumRoundTripNanoseconds: UInt64 = 10_000_000_000

  private(set) var coordinate = Coordinate.origin
  private var adjustments: [Double] = []
  private var adjustmentPosition = 0
  private var random: SeededRandom

  init(seed: UInt64) {
    random = SeededRandom(seed: seed)
  }

  /// Takes a round trip, smoothed, to a member at a plausible coordinate.
  mutating func update(from other: Coordinate, roundTripSeconds: Double) {
    approach(other, max(roundTripSeconds, Coordinate.negligible))
    adjust(other, roundTripSeconds)
    pullBack()
    if !coordinate.isPlausible { coordinate = .origin }
  }

  private mutating func approach(_ other: Coordinate, _ roundTrip: Double) {
    let distance = coordinate.seconds(to: other)
    let wrongness = abs(distance - roundTrip) / roundTrip
    let weight = coordinate.error / max(coordinate.error + other.error, Coordinate.negligible)
    let share = Self.tuning * weight
    coordinate.error = min(share * wrongness + coordinate.error * (1 - share), Self.maximumError)
    coordinate.apply(force: share * (roundTrip - distance), from: other, random: &random)
  }

  private mutating func adjust(_ other: Coordinate, _ roundTrip: Double) {
    if adjustments.isEmpty { adjustments = Array(repeating: 0, count: Self.adjustmentWindow) }
    adjustments[adjustmentPosition] = roundTrip - coordinate.rawSeconds(to: other)
    adjustmentPosition = (adjustmentPosition + 1) % Self.adjustmentWindow
    coordinate.adjustment = adjustments.reduce(0, +) / Double(2 * Self.adjustmentWindow)
  }

  private mutating func pullBack() {
    let distance = Coordinate.origin.seconds(to: coordinate)
    let force = -(distance / Self.gravity) * (distance / Self.gravity)
    coordinate.apply(force: force, from: .origin, random: &random)
  }
}
