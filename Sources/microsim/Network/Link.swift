/// What the way from one node to another does to packets.
struct Link {
  var latencyMicroseconds: UInt64
  /// How much longer a packet may take; packets overtake one another within it.
  var jitterMicroseconds: UInt64
  var lostPerMillion: UInt64
  var doubledPerMillion: UInt64 = 100
  /// Packets that are held up somewhere, for up to `delayMicroseconds` more.
  var delayedPerMillion: UInt64 = 100
  var delayMicroseconds: UInt64 = 300_000

  /// What becomes of a packet on links one after another.
  func followed(by other: Link, times: UInt64 = 1) -> Link {
    var link = self
    link.latencyMicroseconds += other.latencyMicroseconds * times
    link.jitterMicroseconds += other.jitterMicroseconds * times
    link.lostPerMillion += other.lostPerMillion * times
    return link
  }

  /// An Ethernet switch.
  static let cable = Link(latencyMicroseconds: 200, jitterMicroseconds: 400, lostPerMillion: 10)
  /// A wireless link between two roofs, with others on the same channel.
  static let wireless = Link(latencyMicroseconds: 1500, jitterMicroseconds: 4000, lostPerMillion: 4000)
  /// Between super nodes: long dishes or fibre.
  static let backbone = Link(latencyMicroseconds: 2000, jitterMicroseconds: 1000, lostPerMillion: 500)
  /// A tunnel over the Internet.
  static let tunnel = Link(latencyMicroseconds: 35_000, jitterMicroseconds: 15_000, lostPerMillion: 5000)
}
