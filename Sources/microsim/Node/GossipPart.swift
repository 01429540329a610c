import Basics
import Microcloud
import NodeSecurity

/// A node's membership as it ships: a `Registration` that finds somebody to join, and the `SerfMembership` that it wants.
/// It carries out what they decide in the world, as the daemon's `ClusterMember` and `GossipTransport` do on a board.
final class GossipPart: NodePart {
  static let defaultPort: UInt16 = 7946

  /// What all nodes of a world have in common.
  struct Settings {
    var profile: MembershipProfile = .lan
    var limits = MembershipLimits()
    /// Nil: the microcloud is open.
    var keyring: Keyring?
    /// A push/pull is compressed as it ships; off where only its size in memory matters.
    var compresses = true

    var registration: RegistrationProfile {
      var registration = RegistrationProfile.microcloud
      registration.membership = profile
      registration.port = GossipPart.defaultPort
      return registration
    }
  }

  /// One stream of the membership's.
  private struct OpenStream {
    let number: StreamNumber
    let id: MembershipStreamID
    var decoder: GossipStreamDecoder
  }

  private unowned let node: SimulatedNode
  private unowned let world: World
  private let settings: Settings
  private let cipher: GossipCipher?
  private(set) var registration: Registration
  private(set) var membership: SerfMembership?
  private var streams: [OpenStream] = []
  /// What is to be done still; while something is being done, the rest waits here.
  private var todo: [SerfEffect] = []
  private var isBusy = false
  /// How many memberships there were: what an earlier one still wanted done is not done.
  private var beginnings = 0

  let port = GossipPart.defaultPort

  init(_ node: SimulatedNode, in world: World, _ settings: Settings) {
    self.node = node
    self.world = world
    self.settings = settings
    cipher = settings.keyring.flatMap { GossipCipher(keys: $0.keys, aead: GossipAESGCM()) }
    let naming = NodeNaming(hostName: node.hostName, fingerprint: "", number: node.store.nameNumber)
    registration = Registration(profile: settings.registration, naming: naming, seed: node.random.next())
  }

  var name: NodeName { registration.naming.name }

  var nextDeadline: Instant? {
    guard let membership = membership?.nextDeadline else { return registration.nextDeadline }
    return registration.nextDeadline.map { min($0, membership) } ?? membership
  }

  // MARK: Commands

  func start(contacts: [SocketAddress], now: Instant) {
    let remembered = node.store.record?.peers ?? []
    act { $0.setContacts(remembered: remembered, now: now) }
    act { $0.setContacts(configured: contacts, now: now) }
    move(now: now)
  }

  /// Its address is another one.
  func move(now: Instant) {
    act { $0.setNetwork(node.address, own: [node.address.address], now: now) }
  }

  func setContacts(_ contacts: [SocketAddress], now: Instant) {
    act { $0.setContacts(configured: contacts, now: now) }
  }

  func leave(now: Instant) { act { $0.leave(now: now) } }

  func updateTags(now: Instant) {
    perform { [node] in $0.update(tags: node.tags, now: now) }
  }

  /// Starts as a member that has been there for long.
  func start(settledBeside other: SerfMembership, now: Instant) {
    move(now: now)
    membership = SerfMembership(name, settledBeside: other, seed: node.random.next(), now: now)
  }

  // MARK: What comes

  func tick(now: Instant) {
    act { $0.tick(now: now) }
    perform { $0.tick(now: now) }
  }

  func receive(_ packet: [UInt8], from source: SocketAddress, now: Instant) {
    guard membership != nil, let packet = try? MemberlistPacket.decode(packet[...], cipher: cipher) else { return }
    for message in packet.messages {
      world.observer?.heard(message, at: node)
      tell(RegistrationEvidence(message, name: name), now)
    }
    for message in packet.messages { perform { $0.receive(message, from: source, now: now) } }
  }

  func accept(_ stream: StreamNumber, now: Instant) -> Bool {
    guard let id = membership?.acceptStream(now: now) else { return false }
    streams.append(OpenStream(number: stream, id: id, decoder: GossipStreamDecoder(cipher: cipher)))
    return true
  }

  func read(_ bytes: [UInt8], on stream: StreamNumber, now: Instant) {
    var rest = bytes[...]
    while let index = streams.firstIndex(where: { $0.number == stream }) {
      let id = streams[index].id
      do throws(GossipError) {
        guard let event = try streams[index].decoder.next(from: &rest) else { return }
        if let address = membership?.address { tell(RegistrationEvidence(event, name: name, address: address), now) }
        perform { $0.receive(event, on: id, now: now) }
      } catch {
        return end(stream, now: now)
      }
    }
  }

  func streamEnded(_ stream: StreamNumber, now: Instant) {
    // One who has said all may still be listening: the membership closes it when it has what it wanted.
    end(stream, now: now)
  }

  private func end(_ stream: StreamNumber, now: Instant) {
    guard let index = streams.firstIndex(where: { $0.number == stream }) else { return }
    let id = streams.remove(at: index).id
    world.close(stream, by: node)
    perform { $0.streamEnded(id, now: now) }
  }

  // MARK: The registration's wishes

  private func act(_ command: (inout Registration) -> [RegistrationEffect]) {
    for effect in command(&registration) { carryOut(effect) }
  }

  private func carryOut(_ effect: RegistrationEffect) {
    let now = node.clock.local(world.now)
    switch effect {
    case .start(let name, let address): begin(name, address, now: now)
    case .join(let address): perform { $0.join([address], now: now) }
    case .leave: perform { $0.leave(now: now) }
    case .storeNameNumber(let number): node.store.nameNumber = number
    }
  }

  private func begin(_ name: NodeName, _ address: SocketAddress, now: Instant) {
    for stream in streams { world.close(stream.number, by: node) }
    (streams, todo) = ([], [])
    beginnings += 1
    membership = SerfMembership(
      name: name, address: address, tags: node.tags, profile: settings.profile, limits: settings.limits,
      keyring: settings.keyring, record: node.store.record ?? SerfRecord(), seed: node.random.next(), now: now)
    world.observer?.isCalled(name, node)
  }

  private func tell(_ evidence: RegistrationEvidence?, _ now: Instant) {
    if let evidence { act { $0.take(.heard(evidence), now: now) } }
  }

  // MARK: The membership's wishes

  private func perform(_ command: (inout SerfMembership) -> [SerfEffect]) {
    guard membership != nil else { return }
    todo += command(&membership!)
    if isBusy { return }
    isBusy = true
    while !todo.isEmpty {
      let effects = todo
      todo = []
      let beginnings = beginnings
      for effect in effects where self.beginnings == beginnings { carryOut(effect) }
    }
    isBusy = false
  }

  private func carryOut(_ effect: SerfEffect) {
    let now = node.clock.local(world.now)
    switch effect {
    case .send(let bytes, let address):
      world.send(sealed(bytes) { $0.sealPacket(bytes, nonce: $1) }, from: node, port: port, to: address)
    case .openStream(let id, let address, let content):
      let number = world.dial(said(content), from: node, port: port, to: address)
      streams.append(OpenStream(number: number, id: id, decoder: GossipStreamDecoder(cipher: cipher)))
    case .answer(let id, let content):
      guard let stream = streams.first(where: { $0.id == id }) else { return }
      world.answer(said(content), on: stream.number, by: node)
    case .closeStream(let id):
      guard let index = streams.firstIndex(where: { $0.id == id }) else { return }
      world.close(streams.remove(at: index).number, by: node)
    case .recordChanged: if let membership { node.store.save(membership.record) }
    case .joined(let address, let isSuccess): act { $0.take(.joined(address, isSuccess: isSuccess), now: now) }
    case .member(let peer, let change): memberChanged(peer, change, now)
    case .hasLeft:
      act { $0.take(.hasLeft, now: now) }
      world.hasLeft(node)
    case .conflict, .nameLost: tell(RegistrationEvidence(effect, name: name), now)
    case .userEvent, .query, .queryResponse, .queryEnded, .keyringChanged, .keysAnswered: break
    }
  }

  private func memberChanged(_ peer: NodeName, _ change: SerfMemberChange, _ now: Instant) {
    world.observer?.sees(change, of: peer, node)
    guard change == .joined || change == .failed || change == .left, let membership,
      let member = membership.membership.node(named: peer)
    else { return }
    let isThere = change == .joined
    act { $0.take(.member(member.address, isThere: isThere, peers: membership.peerCount), now: now) }
  }

  // MARK: Bytes

  private func said(_ content: MembershipStreamContent) -> [UInt8] {
    switch content {
    case .message(let bytes): return sealed(bytes) { $0.sealStream(bytes, nonce: $1) }
    case .pushPull(let isJoin):
      guard let membership else { return [] }
      let whole = settings.compresses ? membership.pushPull(isJoin: isJoin).compressed() : nil
      if let whole { return sealed(whole) { $0.sealStream(whole, nonce: $1) } }
      var writer = membership.pushPull(isJoin: isJoin)
      let plain = writer.next(atLeast: .max) ?? []
      return sealed(plain) { $0.sealStream(plain, nonce: $1) }
    }
  }

  private func sealed(_ bytes: [UInt8], by seal: (GossipCipher, [UInt8]) -> [UInt8]) -> [UInt8] {
    guard let cipher else { return bytes }
    return seal(cipher, (0..<GossipCipher.nonceBytes).map { _ in UInt8(truncatingIfNeeded: node.random.next()) })
  }
}
