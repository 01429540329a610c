import Basics

/// What a choice of microcloud wants done.
public enum MicrocloudChoiceEffect: Equatable, Sendable {
  /// Be in this microcloud; leave another one first.
  case choose(String)
  /// Store it, to be `kept` at the next start.
  case store(String)
}

/// A microcloud that is or was in reach, for people to see.
public struct SeenMicrocloud: Equatable, Sendable {
  public let name: String
  /// Nil: it was not said.
  public internal(set) var isKeyed: Bool?
  /// How many of its members are in reach now.
  public internal(set) var members: Int
  /// When it was last in reach.
  public internal(set) var seenAt: Instant
  /// When we last tried to be in it.
  var triedAt: Instant?
}

/// Which microcloud a board is in.
///
/// 1. The configured one, come what may.
/// 2. The kept one, stored when the board was first in it. It is given up only when it was out of reach for 24 hours
///    without a break while the board ran, and another one is in reach that takes anybody: boards are carried to other
///    places, and power cuts are shorter.
/// 3. The first one without a key that is seen. It is kept as soon as the board is in; if that takes longer than 30
///    seconds, the next one has its turn.
/// 4. Where none is seen in the first seconds, the board begins the customary one, and leaves it for any that appears as
///    long as nobody has joined.
///
/// What is seen is what strangers say: whoever wants to can lead a board without any setting into a microcloud of theirs.
/// That is why such a board is given no secrets, and why a microcloud with a key has to be configured.
public struct MicrocloudChoice: Sendable {
  public enum Origin: Equatable, Sendable {
    case configured
    case kept
    /// Seen, and not proven to take us in.
    case tried
    /// Begun by ourselves, and still without others.
    case founded
  }

  /// The most microclouds that are remembered.
  public static let maximumSeen = 16
  static let keepMilliseconds: UInt64 = 24 * 3600 * 1000
  static let tryMilliseconds: UInt64 = 30_000
  /// How long we look before we begin one: announcements of neighbours take up to a second.
  static let lookMilliseconds: ClosedRange<UInt64> = 2000...3000
  /// One that did not take us in is left alone for so long.
  static let tryAgainMilliseconds: UInt64 = 600_000
  /// Since when it is told that ours is not in reach.
  static let missedMilliseconds: UInt64 = 600_000

  /// Ours; nil while we still look.
  public private(set) var name: String?
  public private(set) var origin: Origin?
  /// All that were seen, ours too, those seen first at the beginning.
  public private(set) var seen: [SeenMicrocloud] = []
  private var hasNetwork = false
  private var isIn = false
  /// Since when there is a network and ours is not in reach.
  private var missedSince: Instant?
  private var deadline: Instant?
  private var random: SeededRandom
  private var effects: [MicrocloudChoiceEffect] = []

  /// - Parameters:
  ///   - configured: has a key or not, as the configuration says.
  ///   - kept: what was stored.
  ///   - seed: random; nothing secret depends on it.
  public init(configured: String?, kept: String?, seed: UInt64) {
    random = SeededRandom(seed: seed)
    if let configured {
      (name, origin) = (configured, .configured)
    } else if let kept, MicrocloudName.isValid(kept) {
      (name, origin) = (kept, .kept)
    }
    if let name { effects.append(.choose(name)) }
  }

  /// When `tick` must next be called; nil: not before something else happens.
  public var nextDeadline: Instant? { deadline }

  /// There is a network, or none: without one, nothing is missed.
  public mutating func setNetwork(_ isThere: Bool, now: Instant) -> [MicrocloudChoiceEffect] {
    if isThere == hasNetwork { return [] }
    hasNetwork = isThere
    missedSince = nil
    if origin == nil { deadline = now.advanced(milliseconds: random.number(in: Self.lookMilliseconds)) }
    if origin == .tried { deadline = now.advanced(milliseconds: Self.tryMilliseconds) }
    return decide(now)
  }

  /// All members of microclouds that are in reach now.
  public mutating func see(_ sightings: [MicrocloudSighting], now: Instant) -> [MicrocloudChoiceEffect] {
    note(sightings, now)
    return decide(now)
  }

  /// Whether we are a member, which others know.
  public mutating func setMember(_ isIn: Bool, now: Instant) -> [MicrocloudChoiceEffect] {
    self.isIn = isIn
    if isIn, let name, origin == .tried || origin == .founded {
      origin = .kept
      effects.append(.store(name))
    }
    return decide(now)
  }

  /// Does what is due at `now`.
  public mutating func tick(now: Instant) -> [MicrocloudChoiceEffect] {
    decide(now)
  }

  /// One line for people.
  public func status(now: Instant) -> String {
    guard let name, let origin else { return "looking for a microcloud" }
    let missed = missedSince.map { now.milliseconds(since: $0) } ?? 0
    let absence = missed >= Self.missedMilliseconds ? ", not in reach for \(missed / 60_000) min" : ""
    switch origin {
    case .configured: return "\(name): configured\(absence)"
    case .kept: return "\(name): chosen before\(absence)"
    case .tried: return "\(name): seen, not joined yet"
    case .founded: return "\(name): begun by this node, nobody else yet"
    }
  }

  // MARK: Deciding

  private mutating func decide(_ now: Instant) -> [MicrocloudChoiceEffect] {
    defer { effects = [] }
    guard hasNetwork else {
      deadline = nil
      return effects
    }
    let isInReach = isIn || seen.contains { $0.name == name && isUsable($0) }
    missedSince = isInReach ? nil : missedSince ?? now
    switch origin {
    case .configured: deadline = nil
    case .kept: giveUpIfMissed(now)
    case .tried: if isDue(now) { choose(candidate(now), now) }
    case .founded:
      if let other = candidate(now) { choose(other, now) } else { deadline = nextCandidateAt }
    case nil:
      let other = candidate(now)
      if other != nil || isDue(now) { choose(other, now) }
    }
    return effects
  }

  private func isDue(_ now: Instant) -> Bool { deadline.map { $0 <= now } ?? false }

  private mutating func giveUpIfMissed(_ now: Instant) {
    let end = missedSince?.advanced(milliseconds: Self.keepMilliseconds)
    if let end, end <= now {
      deadline = nil
      if let other = candidate(now) { choose(other, now) }
    } else {
      deadline = end
    }
  }

  /// Turns to one that was seen, or to the customary one.
  private mutating func choose(_ candidate: String?, _ now: Instant) {
    let former = name
    name = candidate ?? MicrocloudName.customary
    origin = candidate == nil ? .founded : .tried
    isIn = false
    missedSince = nil
    deadline = candidate == nil ? nextCandidateAt : now.advanced(milliseconds: Self.tryMilliseconds)
    if let index = seen.firstIndex(where: { $0.name == candidate }) { seen[index].triedAt = now }
    if let name, name != former { effects.append(.choose(name)) }
  }

  /// Another microcloud that is in reach now, takes anybody and has not just been tried: of these the one seen first.
  private func candidate(_ now: Instant) -> String? {
    seen.first { isCandidate($0) && ($0.mayBeTriedAt.map { $0 <= now } ?? true) }?.name
  }

  /// When one that was tried may be tried again.
  private var nextCandidateAt: Instant? {
    seen.filter { isCandidate($0) }.compactMap { $0.mayBeTriedAt }.min()
  }

  private func isCandidate(_ other: SeenMicrocloud) -> Bool {
    other.members > 0 && other.isKeyed == false && other.name != name
  }

  /// A microcloud of ours that was configured may have a key.
  private func isUsable(_ own: SeenMicrocloud) -> Bool {
    own.members > 0 && (origin == .configured || own.isKeyed != true)
  }

  // MARK: Seeing

  private mutating func note(_ sightings: [MicrocloudSighting], _ now: Instant) {
    for index in seen.indices { seen[index].members = 0 }
    for sighting in sightings {
      guard let index = place(of: sighting.microcloud, now) else { continue }
      // One that has members with and members without a key is two: the one without can be joined.
      let isOpen = sighting.isKeyed == false || seen[index].members > 0 && seen[index].isKeyed == false
      seen[index].isKeyed = isOpen ? false : sighting.isKeyed ?? seen[index].isKeyed
      seen[index].members += 1
      seen[index].seenAt = now
    }
  }

  /// Where it stands in the list. Where the list is full, the one that was not seen for longest makes room, but none that is
  /// in reach.
  private mutating func place(of name: String, _ now: Instant) -> Int? {
    if let index = seen.firstIndex(where: { $0.name == name }) { return index }
    if seen.count == Self.maximumSeen {
      let absent = seen.indices.filter { seen[$0].members == 0 }
      guard let oldest = absent.min(by: { seen[$0].seenAt < seen[$1].seenAt }) else { return nil }
      seen.remove(at: oldest)
    }
    seen.append(SeenMicrocloud(name: name, isKeyed: nil, members: 0, seenAt: now))
    return seen.count - 1
  }
}

extension SeenMicrocloud {
  fileprivate var mayBeTriedAt: Instant? {
    triedAt?.advanced(milliseconds: MicrocloudChoice.tryAgainMilliseconds)
  }
}
