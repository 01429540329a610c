import Basics

/// One of a node's memberships, from knowing nothing to being in: finds somebody to join, proves that it was taken in, and
/// begins again when everybody is lost or the network changes.
///
/// It does nothing itself: each call returns effects, to be carried out in order. It never reads a clock: callers pass
/// `now`, and call `tick` at `nextDeadline`. `state` and `status` say how it stands.
public struct Registration: Sendable {
  enum Phase: Equatable {
    /// There is no membership: we have no address yet.
    case waiting
    case running
    /// The membership takes its leave, until then at most.
    case leaving(until: Instant)
    /// Left for good.
    case ended
  }

  /// A peer that took us in, and when we look whether others know of it.
  struct Proof {
    var at: Instant
    var pauseMilliseconds: UInt64
  }

  /// A leave takes at most six seconds.
  static let leaveMilliseconds: UInt64 = 8000
  /// So many probe intervals after a join, others have probed us; if not, we ask again who is there. In half intervals.
  static let proofHalfIntervals: UInt64 = 3
  /// A name is changed at most once in this time: whoever lies about it does not make us rush through all of them.
  static let renameMilliseconds: UInt64 = 60_000

  public let profile: RegistrationProfile
  public private(set) var naming: NodeNaming
  public private(set) var reachability: Reachability
  /// Where we are to be reached; nil: there is no network.
  public private(set) var address: SocketAddress?
  /// Where the membership says that we are.
  public private(set) var advertised: SocketAddress?
  /// How many other members are there.
  public private(set) var peers = 0
  /// Who took us in last.
  public private(set) var through: SocketAddress?
  /// Whether somebody has us among its members.
  public private(set) var isProven = false
  private(set) var phase = Phase.waiting
  private(set) var contacts: ContactBook
  private var ownAddresses: [IPAddress] = []
  private var isLeavingForGood = false
  private var proof: Proof?
  private var renamedAt: Instant?
  private var effects: [RegistrationEffect] = []

  /// - Parameter seed: random; nothing secret depends on it.
  public init(profile: RegistrationProfile, naming: NodeNaming, seed: UInt64) {
    self.profile = profile
    self.naming = naming
    reachability = Reachability(profile: profile.membership)
    contacts = ContactBook(maximumBackoffMilliseconds: profile.maximumBackoffMilliseconds, seed: seed)
  }

  /// Whether we are a member and others know it.
  public var isIn: Bool { phase == .running && address != nil && isProven && peers > 0 }

  /// When `tick` must next be called; nil: not before something else happens.
  public var nextDeadline: Instant? {
    switch phase {
    case .waiting, .ended: return nil
    case .leaving(let until): return until
    case .running where address == nil: return nil
    case .running:
      let attempt = contacts.nextDeadline(membersToo: reachability.isUnreachable)
      return [attempt, proof?.at, reachability.nextDeadline].compactMap { $0 }.min()
    }
  }

  // MARK: Commands

  /// Where others may be found, now: these and no others are configured, discovered or remembered. What is of no use to
  /// this membership is passed over.
  public mutating func setContacts(
    configured addresses: [SocketAddress], now: Instant
  ) -> [RegistrationEffect] {
    set(addresses, from: .configured, now: now)
  }

  public mutating func setContacts(
    discovered addresses: [SocketAddress], now: Instant
  ) -> [RegistrationEffect] {
    set(addresses, from: .discovered, now: now)
  }

  /// Those of the `SerfRecord` from before the start.
  public mutating func setContacts(
    remembered addresses: [SocketAddress], now: Instant
  ) -> [RegistrationEffect] {
    set(addresses, from: .remembered, now: now)
  }

  private mutating func set(
    _ addresses: [SocketAddress], from source: ContactBook.Sources, now: Instant
  ) -> [RegistrationEffect] {
    let usable = addresses.filter { IPFamily($0.address) == profile.family && $0.port != 0 }
    contacts.set(usable, from: source, isUrgent: !isIn, now: now)
    return finish(now)
  }

  /// The network came, went or changed.
  ///
  /// - Parameters:
  ///   - address: the one to advertise, with the port; nil: none will do.
  ///   - own: all addresses of this machine, none of which is a contact.
  public mutating func setNetwork(
    _ address: SocketAddress?, own: [IPAddress], now: Instant
  ) -> [RegistrationEffect] {
    let wasThere = self.address != nil
    self.address = address
    ownAddresses = own + (address.map { [$0.address] } ?? [])
    contacts.ownAddresses = ownAddresses.map { SocketAddress($0, port: profile.port) }
    if let address, phase == .waiting || phase == .running {
      if advertised != address {
        move(now)
      } else if !wasThere {
        isProven = false
        contacts.retryAll(now: now)
        if peers > 0 { beginProof(now) }
      }
    }
    return finish(now)
  }

  /// Leaves for good, as when the node is switched off or turns to another microcloud.
  public mutating func leave(now: Instant) -> [RegistrationEffect] {
    isLeavingForGood = true
    switch phase {
    case .waiting: phase = .ended
    case .running: beginLeave(now)
    case .leaving, .ended: break
    }
    return finish(now)
  }

  // MARK: Input

  public mutating func take(_ news: RegistrationNews, now: Instant) -> [RegistrationEffect] {
    switch news {
    case .hasLeft: if case .leaving = phase { endLeave(now) }
    case .joined(let address, let isSuccess): joined(address, isSuccess, now)
    case .member(let address, let isThere, let peers): memberChanged(address, isThere, peers, now)
    case .heard(let evidence): heard(evidence, now)
    }
    return finish(now)
  }

  private mutating func joined(_ address: SocketAddress, _ isSuccess: Bool, _ now: Instant) {
    guard phase == .running, self.address != nil else { return }
    let isOfUse = isSuccess && !reachability.isUnreachable
    contacts.tried(address, isSuccess: isOfUse, now: now)
    guard isSuccess else { return }
    // That one takes us in does not help if nobody can reach us: neither will the others.
    if !isOfUse { contacts.failAll(now: now) }
    reachability.joined(now: now)
    if !isProven { through = address }
    beginProof(now)
  }

  private mutating func memberChanged(_ address: SocketAddress, _ isThere: Bool, _ peers: Int, _ now: Instant) {
    guard phase == .running else { return }
    let hadPeers = self.peers > 0
    self.peers = peers
    if isThere {
      contacts.note(member: address, now: now)
      // It may have come to us of its own accord.
      if through == nil { through = address }
      beginProof(now)
    } else {
      contacts.forget(member: address, now: now)
      if hadPeers && peers == 0 { loseAll(now) }
    }
  }

  private mutating func heard(_ evidence: RegistrationEvidence, _ now: Instant) {
    guard phase == .running, address != nil else { return }
    switch evidence {
    case .listed: prove()
    case .probed:
      prove()
      reachability.probed()
    // Once others have us, they decide among themselves.
    case .elsewhere: if !isProven { rename(now) }
    case .nameLost: rename(now)
    case .seenAs(let address): reachability.seen(as: address, own: ownAddresses)
    }
  }

  /// Does what is due at `now`.
  public mutating func tick(now: Instant) -> [RegistrationEffect] {
    if case .leaving(let until) = phase, until <= now { endLeave(now) }
    return finish(now)
  }

  // MARK: Beginning and ending

  /// The address is another one: under the same name others will not believe it unless we leave first.
  private mutating func move(_ now: Instant) {
    if peers > 0 { beginLeave(now) } else { begin(now) }
  }

  private mutating func begin(_ now: Instant) {
    guard let address else {
      phase = .waiting
      return
    }
    phase = .running
    advertised = address
    peers = 0
    through = nil
    isProven = false
    proof = nil
    reachability = Reachability(profile: profile.membership)
    contacts.forgetMembers()
    contacts.retryAll(now: now)
    effects.append(.start(naming.name, address))
  }

  private mutating func beginLeave(_ now: Instant) {
    phase = .leaving(until: now.advanced(milliseconds: Self.leaveMilliseconds))
    effects.append(.leave)
  }

  private mutating func endLeave(_ now: Instant) {
    advertised = nil
    peers = 0
    if isLeavingForGood { phase = .ended } else { begin(now) }
  }

  private mutating func rename(_ now: Instant) {
    if let renamedAt, now < renamedAt.advanced(milliseconds: Self.renameMilliseconds) { return }
    renamedAt = now
    naming.takeNext()
    effects.append(.storeNameNumber(naming.number))
    begin(now)
  }

  /// Everybody is gone. Where others did reach us, they are sought at once; where nobody ever did, it would be the same
  /// again in a few seconds.
  private mutating func loseAll(_ now: Instant) {
    isProven = false
    through = nil
    proof = nil
    contacts.forgetMembers()
    if reachability.state == .confirmed { contacts.retryAll(now: now) } else { contacts.failAll(now: now) }
  }

  // MARK: Proof

  /// Others probe us soon, or name us to those who ask.
  private mutating func beginProof(_ now: Instant) {
    if isProven || proof != nil { return }
    let pause = profile.membership.probeIntervalMilliseconds * Self.proofHalfIntervals / 2
    proof = Proof(at: now.advanced(milliseconds: pause), pauseMilliseconds: pause)
  }

  private mutating func prove() {
    isProven = true
    proof = nil
  }

  private mutating func seekProof(_ now: Instant) {
    guard var due = proof, due.at <= now else { return }
    due.pauseMilliseconds = min(2 * due.pauseMilliseconds, profile.maximumBackoffMilliseconds)
    due.at = now.advanced(milliseconds: due.pauseMilliseconds)
    proof = due
    if let through { effects.append(.join(through)) }
  }

  // MARK: What is due

  private mutating func finish(_ now: Instant) -> [RegistrationEffect] {
    if phase == .running && address != nil {
      reachability.tick(now: now)
      seekProof(now)
      let due = contacts.takeDue(now: now, membersToo: reachability.isUnreachable)
      effects += due.map { .join($0) }
    }
    defer { effects = [] }
    return effects
  }
}
