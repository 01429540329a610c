import Basics
import TestSupport

@testable import Microcloud

/// Boards on a network in virtual time, each with its registration, a real Serf membership and multicast DNS. Everything
/// goes the same way for the same seed.
final class RegistrationWorld {
  /// One board, and what its flash remembers when it loses power.
  final class Board {
    let host: String
    let fingerprint: String
    /// From the configuration.
    var configured: String?
    var isKeyed = false
    var contacts: [SocketAddress] = []
    /// Stored.
    var nameNumber = 1
    var kept: String?
    var stored: (microcloud: String, peers: [SocketAddress])?
    /// Nil: it has no address.
    var address: IPAddress?
    /// Boards of the same island reach one another, those on the same link of it by multicast, too.
    var island = 0
    var link = 0
    /// Behind a router that lets nothing in.
    var isBehindNAT = false
    var power: Power?
    var names: [String] = []
    var joinAttempts: [Instant] = []

    init(host: String, fingerprint: String) {
      self.host = host
      self.fingerprint = fingerprint
    }

    var socketAddress: SocketAddress? { address.map { SocketAddress($0, port: RegistrationProfile.microcloud.port) } }
    var state: RegistrationState? { power?.node.registration?.state }
    var microcloud: String? { power?.node.choice.name }
    var isIn: Bool { state == .isIn }
  }

  /// What lives in a board's RAM.
  struct Power {
    var node: MicrocloudRegistration
    var mdns: MulticastDNS
    var serf: SerfMembership?
    /// Counts memberships, so that streams of a former one end nowhere.
    var era = 0
    var browsed: [DNSName] = []
    var published: [UInt32] = []
    var wakesAt: Instant?
  }

  private struct StreamEnd: Hashable {
    let board: Int
    let era: Int
    let id: MembershipStreamID
  }

  private enum Event {
    case wake(Int)
    case packet([UInt8], from: SocketAddress, to: Int)
    case multicast([UInt8], from: SocketAddress, to: Int, isToGroup: Bool)
    case dial([UInt8], from: StreamEnd, to: Int)
    case stream([UInt8], to: StreamEnd)
    case streamEnd(StreamEnd)
  }

  static let interface: UInt32 = 2

  private(set) var now = Instant(nanoseconds: 1_000_000_000)
  private(set) var boards: [Board] = []
  var latencyMilliseconds: ClosedRange<UInt64> = 1...5
  var lostPerThousand = 0
  var random: SeededGenerator
  private var events = EventHeap<Event>()
  private var dialers: [StreamEnd: StreamEnd] = [:]

  init(seed: UInt64) {
    random = SeededGenerator(seed: seed)
  }

  // MARK: What a test does

  /// A board without power at 10.0.0.n, with the same host name as all others.
  func add(_ change: (Board) -> Void = { _ in }) -> Int {
    let number = boards.count
    let board = Board(host: "alix.guifi.local", fingerprint: "\(100_000 + number)abcdef")
    board.address = .v4(0x0A00_0001 + UInt32(number))
    change(board)
    boards.append(board)
    return number
  }

  func switchOn(_ index: Int) {
    let board = boards[index]
    let naming = NodeNaming(hostName: board.host, fingerprint: board.fingerprint, number: board.nameNumber)
    let node = MicrocloudRegistration(
      profile: .microcloud, naming: naming, configured: board.configured, isKeyed: board.isKeyed, kept: board.kept,
      contacts: board.contacts, stored: board.stored, seed: random.next())
    board.power = Power(node: node, mdns: MulticastDNS(seed: random.next()))
    announce(index)
    act(index) { $0.node.tick(now: now) }
    tellNetwork(index)
  }

  /// The plug is pulled.
  func switchOff(_ index: Int) { boards[index].power = nil }

  /// The board's interface has another address, or none.
  func setAddress(_ index: Int, _ address: IPAddress?) {
    boards[index].address = address
    if boards[index].power != nil { tellNetwork(index) }
  }

  private func tellNetwork(_ index: Int) {
    let board = boards[index]
    let own = board.address.map { [$0] } ?? []
    let link = own.map { InterfaceAddress($0, prefixBits: 16) }
    perform(board.power!.mdns.setInterface(Self.interface, addresses: link, now: now), of: index)
    act(index) { $0.node.setNetwork(board.socketAddress, own: own, now: now) }
  }

  func run(milliseconds: UInt64) {
    let end = now.advanced(milliseconds: milliseconds)
    while let (at, event) = events.popFirst(until: end) {
      now = at
      handle(event)
    }
    now = end
  }

  /// Lets time pass until something is so; after how many milliseconds, or nil if it is not in time.
  func run(upTo milliseconds: UInt64, until isSo: () -> Bool) -> UInt64? {
    let start = now
    while now.milliseconds(since: start) < milliseconds {
      if isSo() { return now.milliseconds(since: start) }
      run(milliseconds: 100)
    }
    return isSo() ? milliseconds : nil
  }

  // MARK: What a test sees

  /// Whether each of these boards has exactly these as members that are there, and knows that it is in.
  func areTogether(_ group: some Sequence<Int>) -> Bool {
    let group = Array(group)
    let expected = Set(group.compactMap { boards[$0].power?.node.name })
    return group.allSatisfy { boards[$0].isIn && names(seenBy: $0) == expected }
  }

  func names(seenBy index: Int) -> Set<String> {
    guard let serf = boards[index].power?.serf else { return [] }
    return Set(serf.membership.nodes.filter { !$0.isGone }.map { $0.name.description })
  }

  /// What a person would see at each board.
  var report: String {
    boards.indices.map { index in
      guard let node = boards[index].power?.node else { return "\(index): off" }
      return "\(index): \(node.name): " + node.status(now: now).joined(separator: " | ")
        + " sees \(names(seenBy: index).count)"
    }.joined(separator: "\n")
  }

  // MARK: Time

  private func schedule(_ index: Int) {
    guard let power = boards[index].power else { return }
    let deadlines = [power.node.nextDeadline, power.mdns.nextDeadline, power.serf?.nextDeadline]
    guard let deadline = deadlines.compactMap({ $0 }).min().map({ max(now, $0) }) else { return }
    if let wakesAt = power.wakesAt, wakesAt <= deadline { return }
    boards[index].power!.wakesAt = deadline
    events.add(.wake(index), at: deadline)
  }

  private func wake(_ index: Int) {
    // An earlier one has come in between.
    guard boards[index].power?.wakesAt == now else { return }
    boards[index].power!.wakesAt = nil
    func isDue(_ deadline: Instant?) -> Bool { deadline.map { $0 <= now } ?? false }
    if isDue(boards[index].power?.mdns.nextDeadline) {
      perform(boards[index].power!.mdns.tick(now: now), of: index)
    }
    if isDue(boards[index].power?.serf?.nextDeadline) { actSerf(index) { $0.tick(now: now) } }
    if isDue(boards[index].power?.node.nextDeadline) {
      act(index) { $0.node.tick(now: now) }
      precondition(!isDue(boards[index].power!.node.nextDeadline), "what was due is still due")
    }
    schedule(index)
  }

  private func handle(_ event: Event) {
    switch event {
    case .wake(let index): wake(index)
    case .packet(let bytes, let source, let index): receive(bytes, from: source, at: index)
    case .multicast(let bytes, let source, let index, let isToGroup):
      guard boards[index].power != nil, boards[index].address != nil else { return }
      let effects = try! boards[index].power!.mdns.receive(
        bytes, from: source, interface: Self.interface, isMulticast: isToGroup, now: now)
      perform(effects, of: index)
    case .dial(let bytes, let dialer, let index): accept(bytes, from: dialer, at: index)
    case .stream(let bytes, let end): if isOpen(end) { read(bytes, at: end) }
    case .streamEnd(let end):
      if isOpen(end) { actSerf(end.board) { $0.streamEnded(end.id, now: now) } }
    }
  }

  // MARK: The board's input and output, as the agent's loop has them

  private func act(_ index: Int, _ body: (inout Power) -> [MicrocloudEffect]) {
    guard boards[index].power != nil else { return }
    for effect in body(&boards[index].power!) { perform(effect, of: index) }
    schedule(index)
  }

  private func actSerf(_ index: Int, _ body: (inout SerfMembership) -> [SerfEffect]) {
    guard var serf = boards[index].power?.serf else { return }
    // Held once, so that it is changed in place.
    boards[index].power!.serf = nil
    let effects = body(&serf)
    boards[index].power!.serf = serf
    for effect in effects { perform(effect, of: index) }
    schedule(index)
  }

  private func perform(_ effect: MicrocloudEffect, of index: Int) {
    let board = boards[index]
    switch effect {
    case .registration(.start(let name, let address)):
      board.names.append(name.description)
      board.power!.era += 1
      board.power!.serf = SerfMembership(
        name: name, address: address, tags: [:], profile: .lan, seed: random.next(), now: now)
    case .registration(.join(let address)):
      board.joinAttempts.append(now)
      actSerf(index) { $0.join([address], now: now) }
    case .registration(.leave): actSerf(index) { $0.leave(now: now) }
    case .registration(.storeNameNumber(let number)): board.nameNumber = number
    case .storeMicrocloud(let name): board.kept = name
    case .changed: announce(index)
    }
  }

  private func announce(_ index: Int) {
    let node = boards[index].power!.node
    let announcement = NodeAnnouncement(
      name: node.name, version: "1.0", fingerprint: boards[index].fingerprint, coapPort: 5683, standing: .unclaimed,
      microcloud: node.announced)
    let publications = try! announcement.publications()
    for id in boards[index].power!.published where !publications.contains(where: { $0.id == id }) {
      perform(boards[index].power!.mdns.withdraw(id, now: now), of: index)
    }
    for publication in publications { perform(boards[index].power!.mdns.publish(publication, now: now), of: index) }
    boards[index].power!.published = publications.map { $0.id }
    let types = try! NodeAnnouncement.typesToBrowse(microcloud: node.announced?.name)
    for type in boards[index].power!.browsed where !types.contains(type) {
      boards[index].power!.mdns.stopBrowsing(type)
    }
    for type in types { perform(boards[index].power!.mdns.browse(type, now: now), of: index) }
    boards[index].power!.browsed = types
  }

  private func perform(_ effects: [MDNSEffect], of index: Int) {
    var isOther = false
    for effect in effects {
      switch effect {
      case .send(let bytes, _, let destination): multicast(bytes, from: index, to: destination)
      case .found, .changed, .lost: isOther = true
      case .renamed: break
      }
    }
    if isOther { act(index) { $0.node.see($0.mdns.services, now: now) } }
    schedule(index)
  }

  private func perform(_ effect: SerfEffect, of index: Int) {
    guard let power = boards[index].power, let serf = power.serf else { return }
    if let evidence = RegistrationEvidence(effect, name: serf.name) { hear(evidence, at: index) }
    switch effect {
    case .send(let bytes, let address):
      guard let peer = reach(address, from: index), random.below(1000) >= lostPerThousand else { return }
      events.add(.packet(bytes, from: boards[index].socketAddress!, to: peer), at: arrival(1))
    case .openStream(let id, let address, let content):
      guard let peer = reach(address, from: index) else { return }
      let end = StreamEnd(board: index, era: power.era, id: id)
      events.add(.dial(encoded(content, serf), from: end, to: peer), at: arrival(3))
    case .answer(let id, let content):
      let end = StreamEnd(board: index, era: power.era, id: id)
      guard let dialer = dialers.removeValue(forKey: end), boards[dialer.board].island == boards[index].island else {
        return
      }
      events.add(.stream(encoded(content, serf), to: dialer), at: arrival(1))
    case .joined(let address, let isSuccess):
      act(index) { $0.node.take(.joined(address, isSuccess: isSuccess), now: now) }
    case .hasLeft: act(index) { $0.node.take(.hasLeft, now: now) }
    case .member(let name, let change):
      guard change == .joined || change == .failed || change == .left,
        let member = serf.membership.node(named: name)
      else { return }
      let peers = serf.membership.nodes.count { !$0.isGone && $0.name != serf.name }
      act(index) {
        $0.node.take(.member(member.address, isThere: change == .joined, peers: peers), now: now)
      }
    case .recordChanged: boards[index].stored = power.node.announced.map { ($0.name, serf.record.peers) }
    case .closeStream, .conflict, .nameLost, .userEvent, .query, .queryResponse, .queryEnded: break
    case .keyringChanged, .keysAnswered: break
    }
  }

  private func hear(_ evidence: RegistrationEvidence, at index: Int) {
    act(index) { $0.node.take(.heard(evidence), now: now) }
  }

  private func receive(_ bytes: [UInt8], from source: SocketAddress, at index: Int) {
    for message in try! MemberlistPacket.decode(bytes[...]).messages {
      guard let name = boards[index].power?.serf?.name else { return }
      if let evidence = RegistrationEvidence(message, name: name) { hear(evidence, at: index) }
      actSerf(index) { $0.receive(message, from: source, now: now) }
    }
  }

  private func accept(_ bytes: [UInt8], from dialer: StreamEnd, at index: Int) {
    guard let power = boards[index].power, let id = acceptStream(index) else {
      return events.add(.streamEnd(dialer), at: arrival(1))
    }
    let end = StreamEnd(board: index, era: power.era, id: id)
    dialers[end] = dialer
    read(bytes, at: end)
  }

  private func acceptStream(_ index: Int) -> MembershipStreamID? {
    boards[index].power?.serf?.acceptStream(now: now)
  }

  private func isOpen(_ end: StreamEnd) -> Bool { boards[end.board].power?.era == end.era }

  private func read(_ bytes: [UInt8], at end: StreamEnd) {
    var decoder = GossipStreamDecoder()
    var rest = bytes[...]
    while let event = try! decoder.next(from: &rest) {
      guard isOpen(end), let name = boards[end.board].power?.serf?.name,
        let own = boards[end.board].power?.node.registration?.advertised
      else { return }
      if let evidence = RegistrationEvidence(event, name: name, address: own) { hear(evidence, at: end.board) }
      actSerf(end.board) { $0.receive(event, on: end.id, now: now) }
    }
  }

  // MARK: The network

  private func arrival(_ trips: UInt64) -> Instant {
    let span = latencyMilliseconds.upperBound - latencyMilliseconds.lowerBound + 1
    return now.advanced(milliseconds: trips * (latencyMilliseconds.lowerBound + random.below(span)))
  }

  /// The board that answers at an address, if a packet of another one gets there.
  private func reach(_ address: SocketAddress, from index: Int) -> Int? {
    guard boards[index].address != nil else { return nil }
    return boards.indices.first {
      boards[$0].socketAddress == address && boards[$0].island == boards[index].island && !boards[$0].isBehindNAT
    }
  }

  private func multicast(_ bytes: [UInt8], from index: Int, to destination: SocketAddress) {
    guard let address = boards[index].address else { return }
    let isToGroup = destination.address == MDNS.groupV4
    let (island, link) = (boards[index].island, boards[index].link)
    for other in boards.indices where boards[other].island == island && boards[other].link == link {
      guard other == index || !boards[index].isBehindNAT && !boards[other].isBehindNAT else { continue }
      guard isToGroup || boards[other].address == destination.address else { continue }
      if other != index, random.below(1000) < lostPerThousand { continue }
      let source = SocketAddress(address, port: MDNS.port)
      events.add(.multicast(bytes, from: source, to: other, isToGroup: isToGroup), at: arrival(1))
    }
  }

  private func encoded(_ content: MembershipStreamContent, _ serf: SerfMembership) -> [UInt8] {
    switch content {
    case .message(let bytes): return bytes
    case .pushPull(let isJoin):
      var writer = serf.pushPull(isJoin: isJoin)
      return writer.next(atLeast: .max) ?? []
    }
  }
}

extension PushPullNode {
  fileprivate var isGone: Bool { state == .dead || state == .left }
}
