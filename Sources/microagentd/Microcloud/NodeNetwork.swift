import Basics
import EventLoop
import LinuxSystem
import MicroAgent
import Microcloud
import Transport

/// The node among its neighbours: it carries out what its registrations decide, says by gossip and multicast DNS what the
/// node is and offers, and knows whom it sees.
final class NodeNetwork {
  let identity: NodeIdentity
  let loop: EventLoop
  let settings: NodeSettings
  private let home: [String]
  let memory: NodeMemory

  // Nil: it is off.
  var microcloud: MicrocloudRegistration?
  var publicCluster: Registration?
  private(set) var clusters: [ClusterMember] = []
  private(set) var mdns: MulticastDNSTransport?
  private(set) var endpoint: NodeEndpoint?
  /// The node's entry in a resource directory; nil: it wants none.
  private var entry: DirectoryEntry?
  /// Serves those who prove who they are; nil: nobody may. Set before `start`.
  var datagrams: DatagramServer?
  /// Is told of members that come and go.
  var onMember: ((String, SerfMemberChange, MembershipKind) -> Void)?
  /// What the node gives of itself, as anybody may read it.
  var offer: () -> CBORValue = { .null }

  var directory: ServiceDirectory
  var services: OwnServices
  /// Told of all services of this node when they have changed.
  var onServices: (([OwnServices.Entry]) -> Void)?
  var schedule: TagSchedule
  var announced: [UInt32] = []
  var browsed: [DNSName] = []
  /// The newest list of revoked credentials that is known, as it was signed.
  var revocations: [UInt8]?
  /// Is given another one that a neighbour has, which anybody may have written.
  var onRevocations: (([UInt8]) -> Void)?
  /// When a neighbour is asked for it next.
  var revocationsDue = Instant(nanoseconds: 0)

  private(set) var interfaces: InterfaceWatcher?
  private var alarm: Alarm?
  private var effects: [NetworkEffect] = []
  private var isPerforming = false
  private var onEnd: (() -> Void)?
  private var endTimer: Timer?

  /// What a registration wants done, and where.
  private enum NetworkEffect {
    case registration(MembershipKind, RegistrationEffect)
    case storeMicrocloud(String)
    case changed
  }

  /// To take leave takes one or two seconds; nobody waits for a network that swallows everything.
  private static let leaveMilliseconds: UInt64 = 5000
  /// How many slots of `Availability` go by between two writes to the store: six hours.
  private static let slotsPerWrite = 60
  private var slotsSinceWrite = 0

  /// Joins nothing before `start`.
  ///
  /// - Parameter home: the interfaces whose addresses neighbours do not reach.
  init(
    _ settings: NodeSettings, home: [String], _ identity: NodeIdentity, _ memory: NodeMemory, freeMemoryBytes: UInt64,
    on loop: EventLoop
  ) throws(SystemError) {
    self.settings = settings
    self.home = home
    self.identity = identity
    self.memory = memory
    self.loop = loop
    var random = SystemRandomNumberGenerator()
    let remembered = memory.bytes(.availability).flatMap { Availability(encoded: $0) }
    directory = ServiceDirectory(availability: remembered ?? Availability(seed: random.next()))
    services = OwnServices(encodedBeside: memory.bytes(.publications) ?? [])
    schedule = TagSchedule(freeMemoryBytes: freeMemoryBytes, now: loop.now)
    if settings.microcloud.isOn { try addMicrocloud(seed: random.next()) }
    if settings.publicCluster.isOn { try addPublicCluster(seed: random.next()) }
  }

  private func addMicrocloud(seed: UInt64) throws(SystemError) {
    let kept = memory.bytes(.microcloud).map { ASCII.string($0) }.flatMap { MicrocloudName.isValid($0) ? $0 : nil }
    let name = settings.microcloudName ?? kept
    let peers = name.flatMap { name in
      memory.record(.microcloud, of: name).map { (microcloud: name, peers: $0.peers) }
    }
    microcloud = MicrocloudRegistration(
      profile: settings.microcloud.profile, naming: naming(.microcloud), configured: settings.microcloudName,
      isKeyed: settings.gossipKeys != nil, kept: kept, contacts: settings.microcloud.contacts, stored: peers, seed: seed
    )
    try add(.microcloud, settings.microcloud, memory.keyring)
    mdns = try MulticastDNSTransport(on: loop, seed: ~seed)
  }

  private func addPublicCluster(seed: UInt64) throws(SystemError) {
    publicCluster = Registration(profile: settings.publicCluster.profile, naming: naming(.public), seed: seed)
    try add(.public, settings.publicCluster, nil)
    clusters.last?.cluster = settings.publicCluster.profile.label
  }

  private func add(_ kind: MembershipKind, _ settings: MembershipSettings, _ keyring: Keyring?) throws(SystemError) {
    let member = try ClusterMember(kind, settings.profile, keyring: keyring, memory: memory, on: loop)
    member.onNews = { [unowned(unsafe) self] news in
      switch kind {
      case .microcloud: act { $0.take(news, now: $1) }
      case .public: actInPublic { $0.take(news, now: $1) }
      }
    }
    member.onMember = { [unowned(unsafe) self] in onMember?($0, $1, kind) }
    clusters.append(member)
  }

  private func naming(_ kind: MembershipKind) -> NodeNaming {
    identity.naming(number: memory.bytes(.nameNumber(kind))?.first.map { Int($0) } ?? 1)
  }

  // MARK: Life

  /// Looks for the microcloud from now on, and again whenever the network changes.
  func start() throws(SystemError) {
    if clusters.isEmpty { return }
    alarm = try Alarm(on: loop) { [unowned(unsafe) self] in tick() }
    mdns?.onNews = { [unowned(unsafe) self] in take($0) }
    endpoint = try NodeEndpoint(port: settings.coapPort, datagrams, on: loop) { [unowned(unsafe) self] in
      NodeResources(
        publications: services.offered(by: identity.standing), offer: offer, revocations: revocations)
    }
    makeEntry()
    announce()
    ProgramMemory.release()
    let names = settings.interfaces
    interfaces = try InterfaceWatcher(
      on: loop,
      isIncluded: { interface in
        if !names.isEmpty { return names.contains(interface.name) }
        return !interface.flags.contains(.loopback) && !AdvertiseAddress.isForContainers(interface.name)
      },
      onChange: { [unowned(unsafe) self] interfaces in
        mdns?.setInterfaces(interfaces)
        findAddresses()
      })
    if let publicCluster = settings.publicCluster.isOn ? settings.publicCluster : nil {
      actInPublic { $0.setContacts(configured: publicCluster.contacts, now: $1) }
      let peers = memory.record(.public, of: publicCluster.profile.label)?.peers ?? []
      actInPublic { $0.setContacts(remembered: peers, now: $1) }
    }
    ProgramMemory.release()
    tick()
  }

  private func makeEntry() {
    guard let place = settings.resourceDirectory, let endpoint else { return }
    entry = DirectoryEntry(
      place, endpoint, on: loop,
      interfaces: { [unowned(unsafe) self] in interfaces?.interfaces ?? [] },
      node: { [unowned(unsafe) self] in
        DirectoryEntry.Node(
          name: status.name, microcloud: microcloud?.announced?.name, links: NodeResources.encodedLinks)
      })
    entry?.onDeadline = { [unowned(unsafe) self] in setAlarm() }
  }

  /// Takes leave of everybody, then calls `done`.
  func leave(_ done: @escaping () -> Void) {
    guard !clusters.isEmpty, onEnd == nil else { return done() }
    onEnd = done
    memory.save(.availability, directory.availability.encoded)
    do throws(SystemError) {
      endTimer = try Timer(on: loop) { [unowned(unsafe) self] in end() }
      endTimer?.start(milliseconds: Self.leaveMilliseconds)
    } catch {
      return end()
    }
    mdns?.perform { $0.withdrawAll(now: $1) }
    entry?.leave()
    act { $0.leave(now: $1) }
    actInPublic { $0.leave(now: $1) }
  }

  private func endIfAllIsLeft() {
    guard onEnd != nil else { return }
    let isIn = [microcloud?.registration?.state, publicCluster?.state].contains { $0 != nil && $0 != .ended }
    if !isIn { end() }
  }

  private func end() {
    let call = onEnd
    (onEnd, endTimer) = (nil, nil)
    call?()
  }

  /// Ends at once, without a word to anybody.
  func close() {
    alarm?.close()
    interfaces?.close()
    mdns?.close()
    endpoint?.close()
    for cluster in clusters { cluster.close() }
    (alarm, interfaces, onEnd, endTimer) = (nil, nil, nil, nil)
  }

  // MARK: Registrations

  /// Gives the microcloud's registration a command, or several, and does what comes of it.
  func act(_ command: (inout MicrocloudRegistration, Instant) -> [MicrocloudEffect]) {
    guard microcloud != nil else { return }
    let effects = command(&microcloud!, loop.now)
    perform(
      effects.map { effect in
        switch effect {
        case .registration(let effect): .registration(.microcloud, effect)
        case .storeMicrocloud(let name): .storeMicrocloud(name)
        case .changed: .changed
        }
      })
  }

  func actInPublic(_ command: (inout Registration, Instant) -> [RegistrationEffect]) {
    guard publicCluster != nil else { return }
    perform(command(&publicCluster!, loop.now).map { .registration(.public, $0) })
  }

  private func perform(_ new: [NetworkEffect]) {
    effects += new
    if isPerforming { return }
    isPerforming = true
    while !effects.isEmpty { perform(effects.removeFirst()) }
    isPerforming = false
    setAlarm()
    endIfAllIsLeft()
  }

  private func perform(_ effect: NetworkEffect) {
    switch effect {
    case .registration(let kind, let effect):
      guard let cluster = clusters.first(where: { $0.kind == kind }) else { return }
      if case .start(let name, let address) = effect {
        if kind == .microcloud { cluster.cluster = microcloud?.choice.name }
        cluster.start(name, address, tags(name, address.address))
      } else {
        cluster.carryOut(effect)
      }
    case .storeMicrocloud(let name): memory.save(.microcloud, Array(name.utf8))
    case .changed: announce()
    }
  }

  // MARK: What happens

  private func take(_ news: MDNSEffect) {
    switch news {
    case .found, .changed, .lost:
      guard let mdns else { return }
      findAddresses()
      act { $0.see(mdns.state.services, now: $1) }
    case .renamed, .send: break
    }
  }

  /// Which addresses are advertised follows from the interfaces, the routes and the contacts.
  private func findAddresses() {
    guard let interfaces = interfaces?.interfaces else { return }
    let own = interfaces.flatMap { $0.addresses.map { $0.address } }
    let outside = interfaces.filter { !home.contains($0.name) }
    if let registration = microcloud {
      let found = mdns?.state.services.flatMap { $0.addresses } ?? []
      let address = address(settings.microcloud, found, registration.registration, outside)
      act { $0.setNetwork(address, own: own, now: $1) }
    }
    if let registration = publicCluster {
      let address = address(settings.publicCluster, [], registration, outside)
      actInPublic { $0.setNetwork(address, own: own, now: $1) }
    }
  }

  private func address(
    _ settings: MembershipSettings, _ found: [SocketAddress], _ registration: Registration?,
    _ interfaces: [NetworkInterface]
  ) -> SocketAddress? {
    let family = settings.profile.family
    let guess = AddressGuess(interfaces, family: family, contacts: settings.contacts + found)
    let chosen = AdvertiseAddress.choose(
      among: guess.candidates, family: family, configured: settings.advertised,
      current: registration?.address?.address, isConfirmed: registration?.reachability.state == .confirmed)
    return chosen.map { SocketAddress($0, port: settings.profile.port) }
  }

  private func tick() {
    act { $0.tick(now: $1) }
    actInPublic { $0.tick(now: $1) }
    sayTagIfDue()
    lookIfDue()
    askHowWeAreSeen()
    askForRevocationsIfDue()
    entry?.tick()
    setAlarm()
  }

  func setAlarm() {
    let deadlines = [
      microcloud?.nextDeadline, publicCluster?.nextDeadline, schedule.nextDeadline,
      directory.availability.nextDeadline, settings.microcloudKey == nil ? nil : revocationsDue,
      entry?.nextDeadline,
    ]
    alarm?.set(deadlines.compactMap { $0 }.min())
  }

  /// Counts who is there; see `Availability`.
  private func lookIfDue() {
    guard directory.availability.beginSlot(now: loop.now) else { return }
    for cluster in clusters {
      guard let state = cluster.state else { continue }
      let others = state.membership.nodes.lazy.filter { $0.name != state.name }
      directory.availability.observe(cluster.kind, others.map { ($0.name, !$0.state.isGone) })
    }
    slotsSinceWrite += 1
    guard slotsSinceWrite == Self.slotsPerWrite else { return }
    slotsSinceWrite = 0
    memory.save(.availability, directory.availability.encoded)
  }
}
