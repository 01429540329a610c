import Basics

/// What a node's registration in a microcloud wants done, in this order.
public enum MicrocloudEffect: Equatable, Sendable {
  case registration(RegistrationEffect)
  /// Store the name, to be `kept` at the next start.
  case storeMicrocloud(String)
  /// The microcloud or our name in it is another one: announce and browse for what it asks for.
  case changed
}

/// A node's way into a microcloud: which one it is, and the registration there. What multicast DNS finds of it becomes
/// contacts.
///
/// As with `Registration`, each call returns effects, and `tick` is to be called at `nextDeadline`.
public struct MicrocloudRegistration: Sendable {
  public private(set) var choice: MicrocloudChoice
  /// Nil until a microcloud was chosen.
  public private(set) var registration: Registration?
  private let profile: RegistrationProfile
  private let isKeyed: Bool
  private var naming: NodeNaming
  private var configuredContacts: [SocketAddress]
  private let stored: (microcloud: String, peers: [SocketAddress])?
  private var sightings: [MicrocloudSighting] = []
  private var address: SocketAddress?
  private var ownAddresses: [IPAddress] = []
  /// The registration leaves one microcloud, and another one is to follow.
  private var isTurning = false
  private var told: (announced: NodeAnnouncement.Microcloud?, name: String)
  private var random: SeededRandom
  private var effects: [MicrocloudEffect] = []

  /// - Parameters:
  ///   - configured: the microcloud that the configuration names, and whether it gives a key for it.
  ///   - kept: what `storeMicrocloud` stored.
  ///   - contacts: from the configuration.
  ///   - stored: the peers of the last `SerfRecord`, and of which microcloud they are: to ask those of another one to take
  ///     us in would make the two one.
  ///   - seed: random; nothing secret depends on it.
  public init(
    profile: RegistrationProfile, naming: NodeNaming, configured: String?, isKeyed: Bool, kept: String?,
    contacts: [SocketAddress], stored: (microcloud: String, peers: [SocketAddress])?, seed: UInt64
  ) {
    self.profile = profile
    self.naming = naming
    self.isKeyed = isKeyed
    configuredContacts = contacts
    self.stored = stored
    told = (nil, naming.text)
    random = SeededRandom(seed: seed)
    choice = MicrocloudChoice(configured: configured, kept: kept, seed: random.next())
  }

  /// What the node is called here.
  public var name: String { (registration?.naming ?? naming).text }

  /// What to announce of it; nil: nothing was chosen yet.
  public var announced: NodeAnnouncement.Microcloud? {
    choice.name.map { NodeAnnouncement.Microcloud(name: $0, isKeyed: isKeyed, gossipPort: profile.port) }
  }

  public var nextDeadline: Instant? {
    Instant.earlier(choice.nextDeadline, registration?.nextDeadline)
  }

  /// Two lines for people: which microcloud, and how it stands there.
  public func status(now: Instant) -> [String] {
    [choice.status(now: now)] + (registration.map { [$0.status(now: now)] } ?? [])
  }

  // MARK: Input

  /// See `Registration.setNetwork`.
  public mutating func setNetwork(_ address: SocketAddress?, own: [IPAddress], now: Instant) -> [MicrocloudEffect] {
    self.address = address
    ownAddresses = own
    take(choice.setNetwork(address != nil, now: now), now)
    take(registration?.setNetwork(address, own: own, now: now))
    return finish(now)
  }

  /// Everything that multicast DNS finds now: to be called whenever that changes.
  public mutating func see(_ services: [DiscoveredService], now: Instant) -> [MicrocloudEffect] {
    sightings = services.compactMap { MicrocloudSighting($0) }
    take(choice.see(sightings, now: now), now)
    setDiscovered(now)
    return finish(now)
  }

  /// The configured contacts, where host names among them have been resolved.
  public mutating func setContacts(_ addresses: [SocketAddress], now: Instant) -> [MicrocloudEffect] {
    configuredContacts = addresses
    take(registration?.setContacts(configured: addresses, now: now))
    return finish(now)
  }

  /// See `Registration.take`.
  public mutating func take(_ news: RegistrationNews, now: Instant) -> [MicrocloudEffect] {
    take(registration?.take(news, now: now))
    return finish(now)
  }

  /// Leaves for good, as when the node is switched off.
  public mutating func leave(now: Instant) -> [MicrocloudEffect] {
    take(registration?.leave(now: now))
    return finish(now)
  }

  public mutating func tick(now: Instant) -> [MicrocloudEffect] {
    take(choice.tick(now: now), now)
    take(registration?.tick(now: now))
    return finish(now)
  }

  // MARK: What follows

  /// Those found members that we can be with are contacts.
  private mutating func setDiscovered(_ now: Instant) {
    let usable = sightings.filter { $0.microcloud == choice.name && ($0.isKeyed ?? isKeyed) == isKeyed }
    take(registration?.setContacts(discovered: usable.flatMap { $0.contacts }, now: now))
  }

  private mutating func take(_ choices: [MicrocloudChoiceEffect], _ now: Instant) {
    for choice in choices {
      switch choice {
      case .choose:
        if registration == nil {
          begin(now)
        } else {
          isTurning = true
          take(registration?.leave(now: now))
        }
      case .store(let name): effects.append(.storeMicrocloud(name))
      }
    }
  }

  private mutating func take(_ registrationEffects: [RegistrationEffect]?) {
    for effect in registrationEffects ?? [] { effects.append(.registration(effect)) }
  }

  private mutating func begin(_ now: Instant) {
    isTurning = false
    if let registration { naming = registration.naming }
    registration = Registration(profile: profile, naming: naming, seed: random.next())
    take(registration?.setContacts(configured: configuredContacts, now: now))
    if let stored, stored.microcloud == choice.name {
      take(registration?.setContacts(remembered: stored.peers, now: now))
    }
    setDiscovered(now)
    take(registration?.setNetwork(address, own: ownAddresses, now: now))
  }

  private mutating func finish(_ now: Instant) -> [MicrocloudEffect] {
    if isTurning, registration?.state == .ended { begin(now) }
    take(choice.setMember(registration?.isIn == true && !isTurning, now: now), now)
    if told != (announced, name) {
      told = (announced, name)
      effects.append(.changed)
    }
    defer { effects = [] }
    return effects
  }
}
