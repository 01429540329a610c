import Basics
import Testing

@testable import Microcloud

struct CoordinateTests {
  private func place(_ vector: [Double], _ error: Double, _ height: Double, _ adjustment: Double) -> Coordinate {
    Coordinate(vector: vector, error: error, height: height, adjustment: adjustment)
  }

  /// What a separate program for the same rules finds, to nine digits: the last ones may differ between processors.
  @Test func movesAsTheRulesSay() {
    let others = [
      place([0.02, 0, 0, 0, 0, 0, 0, 0], 0.9, 2e-3, 1e-3),
      place([0, -0.05, 0.01, 0, 0, 0, 0.003, 0], 0.4, 1e-5, -2e-3),
      place([-0.01, 0.02, 0, 0, 0.004, 0, 0, 0], 1.5, 5e-3, 0),
    ]
    let measured = [
      (0, 0.040), (1, 0.090), (0, 0.300), (0, 0.044), (1, 0.100), (2, 0.010), (1, 0.090), (2, 0.012), (0, 0.041),
      (1, 0.095),
    ]
    var client = CoordinateClient(seed: 1)
    var trips = [RoundTrips](repeating: RoundTrips(), count: 3)
    for (other, seconds) in measured {
      client.update(from: others[other], roundTripSeconds: trips[other].median(adding: seconds))
    }
    let expected = [
      -0.029177118068963177, 0.021793758090915178, -0.003554899026026139, 0, 0.0008038525921568976, 0,
      -0.0010664697078078419, 0,
    ]
    for (component, other) in zip(client.coordinate.vector, expected) { #expect(abs(component - other) < 1e-8) }
    #expect(abs(client.coordinate.error - 0.8237564355309523) < 1e-6)
    #expect(abs(client.coordinate.height - 0.0017406164289783873) < 1e-8)
    #expect(abs(client.coordinate.adjustment - 0.006145704937613601) < 1e-8)
  }

  @Test func oneSlowPacketIsNoDistance() {
    var trips = RoundTrips()
    #expect([5, 1, 9, 2, 3, 8, 8].map { trips.median(adding: $0) } == [5, 5, 5, 2, 3, 3, 8])
  }

  @Test func membersAtOnePointMoveApart() {
    var client = CoordinateClient(seed: 1)
    client.update(from: .origin, roundTripSeconds: 0.1)
    let distance = client.coordinate.rawSeconds(to: .origin)
    #expect(distance > 0.01 && distance < 0.1)
  }

  @Test func aPeersPlaceIsKeptInSteps() {
    let kept = place([0.05, -0.0123, 1.5, 0, 0, -1.9, 3, -3], 0.3, 0.004, -0.002)
    let told = PeerCoordinate(kept).coordinate
    for (component, other) in zip(told.vector, [0.05, -0.0123, 1.5, 0, 0, -1.9, 2, -2]) {
      #expect(abs(component - other) <= 1.0 / 16_384)
    }
    #expect(abs(told.height - 0.004) < 1e-4 && abs(told.adjustment + 0.002) < 1e-4)
    #expect(MemoryLayout<PeerCoordinate>.size == 20)
  }

  // MARK: In a cluster

  /// Sites at 10, 50 and 110 ms from one another, and 1 ms between members of the same.
  @Test func estimatesComeNearTheTruth() throws {
    func site(_ index: Int) -> Int { index % 3 }
    let between: [[UInt64]] = [[1, 10, 50], [10, 1, 55], [50, 55, 1]]
    let cluster = SerfCluster(9) { between[site($0)][site($1)] }
    cluster.run(milliseconds: 400_000)
    var errors: [Double] = []
    for asked in [0, 4, 8] {
      for left in 0..<9 {
        for right in 0..<9 where left != right {
          let truth = Double(2 * between[site(left)][site(right)]) * 1000
          let names = [left, right].map { NodeName("n\($0)".utf8) }
          let estimate = cluster.nodes[asked].estimatedRoundTripMicroseconds(between: names[0], and: names[1])
          errors.append(abs(Double(try #require(estimate)) - truth) / max(truth, 20_000))
        }
      }
    }
    errors.sort()
    #expect(errors[errors.count / 2] < 0.12)
    #expect(errors[errors.count * 9 / 10] < 0.35)
    let near = cluster.nodes[0].estimatedRoundTripMicroseconds(to: "n3")!
    let far = cluster.nodes[0].estimatedRoundTripMicroseconds(to: "n2")!
    #expect(near < far / 4)
    #expect(cluster.nodes[0].coordinate.error < 0.5)
    #expect(cluster.nodes[0].membership.ackPayload == cluster.nodes[0].coordinate.encoded)
  }

  /// The first ack of the capture in which a real agent has not yet measured anything.
  @Test func aNewMemberSaysWhereAllStart() throws {
    let serf = SerfMembership(
      name: "n0", address: SocketAddress(.loopbackV4, port: 5000), tags: [:], profile: .lan, seed: 1,
      now: Instant(nanoseconds: 0))
    let acks = try GossipVectors.captured.packets.flatMap { try MemberlistPacket.decode($0[...]).messages }
    let payloads = acks.compactMap { if case .ack(_, let payload) = $0 { payload } else { nil } }
    #expect(payloads.contains(serf.membership.ackPayload))
  }

  @Test func onlyMeasurementsThatMakeSenseMoveUs() {
    let good = place([0.01, 0, 0, 0, 0, 0, 0, 0], 0.5, 1e-3, 0)
    var wrong: [[UInt8]] = [[], [1], [2] + good.encoded.dropFirst(), Array(good.encoded.dropLast())]
    for value in [Double.nan, .infinity, -.infinity, 1e300, -100] {
      wrong.append(place([value, 0, 0, 0, 0, 0, 0, 0], 0.5, 1e-3, 0).encoded)
      wrong.append(place(good.vector, value == -100 ? -1 : value, 1e-3, value).encoded)
      wrong.append(place(good.vector, 0.5, value, 0).encoded)
    }
    wrong.append(place([0.01, 0, 0, 0, 0, 0, 0], 0.5, 1e-3, 0).encoded)
    var serf = SerfCluster(2).nodes[0]
    let before = serf.coordinate
    for payload in wrong { serf.measure("n1", roundTripNanoseconds: 20_000_000, payload: payload) }
    serf.measure("n1", roundTripNanoseconds: 10_000_000_001, payload: good.encoded)
    serf.measure("stranger", roundTripNanoseconds: 20_000_000, payload: good.encoded)
    #expect(serf.coordinate == before)
    serf.measure("n1", roundTripNanoseconds: 20_000_000, payload: good.encoded)
    #expect(serf.coordinate != before)
    #expect(serf.estimatedRoundTripMicroseconds(to: "stranger") == nil)
  }
}
