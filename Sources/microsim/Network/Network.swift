import Basics

/// The ways between nodes as they are now: which of them are broken, and what becomes of a packet.
struct Network {
  /// What there is on top of each way's own faults.
  struct Weather: Equatable {
    var lostPerMillion: UInt64 = 0
    var delayedPerMillion: UInt64 = 0
  }

  let topology: Topology
  private(set) var cuts: [Cut] = []
  var weather = Weather()
  private var random: SeededRandom

  init(_ topology: Topology, seed: UInt64) {
    self.topology = topology
    random = SeededRandom(seed: seed)
  }

  mutating func add(_ cut: Cut) { cuts.append(cut) }

  /// Mends one such cut.
  mutating func remove(_ cut: Cut) {
    if let index = cuts.firstIndex(of: cut) { cuts.remove(at: index) }
  }

  func isOpen(from sender: Int, to receiver: Int) -> Bool {
    !cuts.contains { $0.blocks(from: sender, to: receiver, in: topology) }
  }

  /// After how many microseconds copies of a packet arrive: mostly one, none if it is lost.
  mutating func arrivals(from sender: Int, to receiver: Int) -> (first: UInt64?, second: UInt64?) {
    guard isOpen(from: sender, to: receiver) else { return (nil, nil) }
    let link = topology.link(from: sender, to: receiver)
    guard !happens(link.lostPerMillion + weather.lostPerMillion) else { return (nil, nil) }
    let first = latency(link)
    return (first, happens(link.doubledPerMillion) ? latency(link) : nil)
  }

  /// How long one trip takes that is not lost.
  mutating func latency(from sender: Int, to receiver: Int) -> UInt64 {
    latency(topology.link(from: sender, to: receiver))
  }

  private mutating func latency(_ link: Link) -> UInt64 {
    let usual = link.latencyMicroseconds + random.below(link.jitterMicroseconds + 1)
    let isDelayed = happens(link.delayedPerMillion + weather.delayedPerMillion)
    return isDelayed ? usual + random.below(link.delayMicroseconds) : usual
  }

  private mutating func happens(_ perMillion: UInt64) -> Bool {
    random.below(1_000_000) < perMillion
  }
}
