import Basics
import Crypto
import Microcloud

/// A machine: it has power or not, an address, a clock, a store, and parts that run on it while it has power.
final class SimulatedNode {
  /// Of what comes while it does not get to look: what a socket's buffer holds.
  static let mostWaiting = 256
  /// At the same time.
  static let mostWakesInARow = 1000

  enum Power: Equatable {
    case off
    case on
    /// On, and about to say farewell.
    case leaving
  }

  let index: Int
  var power = Power.off
  /// Since when its power is as it is.
  var since: Instant
  /// Whether its last end was a farewell that was said in full.
  var hasLeft = false
  /// How often it was started: what was meant for an earlier life does not reach this one.
  var life = 0
  var address: SocketAddress
  var clock: NodeClock
  var store = NodeStore()
  var random: SeededRandom
  var parts: [any NodePart] = []
  /// The part that is in every node; nil without power.
  var gossip: GossipPart?
  /// The same, in worlds with tenants.
  var control: ControlPart?
  /// Until then nothing can be written.
  var diskIsFullUntil: Instant?
  /// Who it is to others; another one after it was flashed again.
  private(set) lazy var identity = newIdentity()
  /// Until then it does not get to run.
  var stalledUntil: Instant?
  /// What has come meanwhile.
  var waiting: [() -> Void] = []
  /// When it is to be woken next.
  var wakesAt: Instant?
  var lastWake: Instant?
  /// How often it was woken at that time.
  var wakesInARow = 0
  /// What it says of itself.
  var tags: Tags

  var isOn: Bool { power != .off }

  init(index: Int, address: SocketAddress, now: Instant, seed: UInt64) {
    self.index = index
    self.address = address
    random = SeededRandom(seed: seed)
    since = now
    let uptime = random.below(1000) + 1
    clock = NodeClock(startingAt: now, saying: Instant(nanoseconds: uptime * 1_000_000_000))
    tags = ["services": "microagent;v1;n\(index)"]
  }

  /// What it is called, before it has to take another name.
  var hostName: String { "n\(index)" }

  /// When one of its parts has something to do.
  var nextDeadline: Instant? {
    var earliest: Instant?
    for part in parts {
      if let deadline = part.nextDeadline { earliest = min(earliest ?? deadline, deadline) }
    }
    return earliest
  }

  func loseIdentity() { identity = newIdentity() }

  private func newIdentity() -> EDHOCIdentity {
    let key = newKey()
    return EDHOCIdentity(key: key, claimsSet: AuthenticationCredential(of: key.publicKey))
  }

  /// A key by this node's chance: hardly any number is none.
  func newKey() -> P256.PrivateKey {
    while true {
      let scalar = (0..<4).flatMap { _ in BigEndian.bytes(random.next()) }
      if let key = try? P256.PrivateKey(scalar: Secret(scalar)) { return key }
    }
  }

  func part(at port: UInt16) -> (any NodePart)? {
    parts.first { $0.port == port }
  }
}
