import Basics

// How far members are from one another, in round trips.
extension SerfMembership {
  /// Our own place. Acks carry it.
  public var coordinate: Coordinate { coordinates.coordinate }

  /// How long a round trip between us and a member takes, by both coordinates; nil if its own is not known.
  public func estimatedRoundTripMicroseconds(to peer: NodeName) -> UInt32? {
    place(of: peer).map { Self.microseconds(coordinate, $0) }
  }

  /// The same between two members, of which one may be ourselves.
  public func estimatedRoundTripMicroseconds(between left: NodeName, and right: NodeName) -> UInt32? {
    guard let left = place(of: left), let right = place(of: right) else { return nil }
    return Self.microseconds(left, right)
  }

  private func place(of peer: NodeName) -> Coordinate? {
    guard let slot = presentSlot(of: peer) else { return nil }
    if slot == Membership.localSlot { return coordinate }
    return membership.table[slot].serf.coordinate?.coordinate
  }

  /// No two plausible coordinates are so far apart that it does not fit.
  private static func microseconds(_ left: Coordinate, _ right: Coordinate) -> UInt32 {
    UInt32(min(max(0, left.seconds(to: right) * 1e6), Double(UInt32.max)))
  }

  /// A member has answered a probe and, if it is no peer from before coordinates, said where it is.
  mutating func measure(_ peer: NodeName, roundTripNanoseconds: UInt64, payload: [UInt8]) {
    // Who still answers is not leaving, whoever said so: a departure is told by memberlist.
    if let slot = presentSlot(of: peer) { membership.table[slot].serf.isLeaving = false }
    guard roundTripNanoseconds <= CoordinateClient.maximumRoundTripNanoseconds, !payload.isEmpty else { return }
    let place: Coordinate
    do throws(GossipError) { place = try Coordinate(payload: payload) } catch { return }
    guard place.isPlausible, let slot = membership.table.slot(of: peer) else { return }
    let median = membership.table[slot].serf.roundTrips.median(adding: Double(roundTripNanoseconds) / 1e9)
    membership.table[slot].serf.coordinate = PeerCoordinate(place)
    coordinates.update(from: place, roundTripSeconds: median)
    membership.ackPayload = coordinate.encoded
  }
}
