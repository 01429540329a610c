import Basics
import MicroAgent
import Microcloud

/// Somebody who has containers run elsewhere, from one of the nodes: a `Placement` among those that this node's membership knows,
/// as `microctl run --any` makes it; then the lease is renewed for a while, and given back or forgotten.
final class Tenant {
  /// What somebody has who was told that it runs.
  private struct Placed {
    let wish: PlacementWish
    let peer: SimulatedNode
    let lease: UInt64
    var generation: UInt32?
    /// How often its board had lost what it knew, when this was learned.
    var losses: Int
    var renewals: UInt64
  }

  private static let patienceMilliseconds: UInt64 = 120_000
  private static let sizes: [UInt64] = [2 << 20, 4 << 20, 10 << 20, 14 << 20]
  private static let durations: [UInt64] = [20, 60, 200]

  private static let pauseMilliseconds: ClosedRange<UInt64> = 500...15_000

  private let number: Int
  private unowned let node: SimulatedNode
  private unowned let world: World
  private unowned let control: ControlPart
  private var placement: Placement?
  private var peers: [(peer: SimulatedNode, address: IPAddress)] = []
  private var talk: (peer: Int, talk: SecureTalk)?
  private var placed: Placed?
  private var count = 0

  init(number: Int, _ node: SimulatedNode, in world: World, _ control: ControlPart) {
    (self.number, self.node, self.world, self.control) = (number, node, world, control)
  }

  func start() {
    pause(Self.pauseMilliseconds) { $0.wishForSomething($1) }
  }

  private func pause(_ milliseconds: ClosedRange<UInt64>, _ body: @escaping (Tenant, Instant) -> Void) {
    control.after(milliseconds: node.random.number(in: milliseconds)) { [unowned self] in body(self, $0) }
  }

  // MARK: Placing

  private func wishForSomething(_ now: Instant) {
    guard world.now < world.tenantsRestAt else { return }
    count += 1
    var request = ContainerRequest()
    request.name = "t\(node.index)-\(node.life)-\(number)-\(count)"
    request.root = "\(LeasePolicy().rootsDirectory)/base"
    request.command = ["/bin/service"]
    request.restart = .always
    request.budget.memoryBytes = Self.sizes[node.random.index(below: Self.sizes.count)]
    request.budget.cpuMillis = 100
    let id = (0..<16).map { _ in UInt8(truncatingIfNeeded: node.random.next()) }
    let seconds = Self.durations[node.random.index(below: Self.durations.count)]
    let wish = PlacementWish(request, requestID: id, durationSeconds: seconds)
    findPeers()
    let order = PlacementOrder(peers.map { candidate($0.peer) }, for: wish)
    placement = Placement(wish, order, deadline: now.advanced(milliseconds: Self.patienceMilliseconds))
    if let step = placement?.begin(now: now) { perform(step) }
  }

  /// Those that the membership says are there.
  private func findPeers() {
    peers = []
    guard let membership = node.gossip?.membership?.membership else { return }
    for member in membership.nodes where member.state == .alive && member.name != membership.name {
      if let peer = world.node(called: member.name) { peers.append((peer, member.address.address)) }
    }
  }

  private func candidate(_ peer: SimulatedNode) -> PlacementCandidate {
    var candidate = PlacementCandidate(name: peer.hostName)
    candidate.freeMemoryBytes = node.random.below(Board.offer.memoryBytes)
    candidate.quality = node.random.below(101)
    return candidate
  }

  private func perform(_ step: Placement.Step) {
    guard let wish = placement?.wish else { return }
    switch step {
    case .lease(let peer): ask(peer, .post, ["leases"], wish.lease.value) { .init(lease: $0) }
    case .run(let peer, let lease):
      var request = wish.container
      request.lease = lease
      ask(peer, .post, ["containers"], request.value) { _ in .done }
    case .lookAtLease(let peer, let id): ask(peer, .get, ["leases", "\(id)"]) { .init(lease: $0) }
    case .lookAtContainer(let peer):
      ask(peer, .get, ["containers", wish.container.name]) { .init(container: $0) }
    case .remove(let peer):
      ask(peer, .delete, ["containers", wish.container.name], query: ["force"]) { _ in .done }
    case .release(let peer, let id): ask(peer, .delete, ["leases", "\(id)"]) { _ in .done }
    case .end(let outcome): take(outcome, wish)
    }
  }

  private func ask(
    _ peer: Int, _ code: CoAPCode, _ path: [String], _ payload: CBORValue? = nil, query: [String] = [],
    _ answer: @escaping (CBORValue) -> Placement.Answer
  ) {
    say(to: peers[peer].peer, at: peers[peer].address, code, path, payload, query: query) { [unowned self] outcome in
      let answer: Placement.Answer =
        switch outcome {
        case .response(let message) where message.code.isSuccess:
          answer((try? CBORDecoder.decode(message.payload)) ?? .null)
        case .response(let message): .refused(RequestError(RequestError.Kind(message.code), "\(message.code)"))
        case .unsent(let line): .unsent(line)
        case .lost(let line): .lost(line)
        }
      if let step = placement?.take(answer, now: node.clock.local(world.now)) { perform(step) }
    }
  }

  private func say(
    to peer: SimulatedNode, at address: IPAddress, _ code: CoAPCode, _ path: [String], _ payload: CBORValue? = nil,
    query: [String] = [], _ told: @escaping (SecureTalk.Answer) -> Void
  ) {
    if talk?.peer != peer.index {
      talk?.talk.close()
      talk = (peer.index, SecureTalk(node, control, to: peer, at: address))
    }
    var message = CoAPMessage(code: code, payload: payload?.encoded ?? [])
    message.path = path
    for part in query { message.options.add(CoAPOption(.uriQuery, part)) }
    if payload != nil { message.contentFormat = .cbor }
    talk?.talk.ask(message, told)
  }

  private func take(_ outcome: Placement.Outcome, _ wish: PlacementWish) {
    placement = nil
    guard case .placed(let index, let lease) = outcome else {
      world.leaseJudge?.count(isPlaced: false)
      return pause(Self.pauseMilliseconds) { $0.wishForSomething($1) }
    }
    world.leaseJudge?.count(isPlaced: true)
    let peer = peers[index].peer
    placed = Placed(
      wish: wish, peer: peer, lease: lease, generation: nil, losses: peer.store.board.losses,
      renewals: node.random.below(5))
    waitToRenew()
  }

  // MARK: Keeping

  private func waitToRenew() {
    let half = (placed?.wish.lease.durationSeconds ?? 60) * 500
    pause(half / 2...half) { tenant, _ in tenant.renew() }
  }

  private func renew() {
    guard var placed, placed.renewals > 0, world.now < world.tenantsRestAt else { return end() }
    placed.renewals -= 1
    self.placed = placed
    let change = LeaseChange(durationSeconds: placed.wish.lease.durationSeconds, generation: placed.generation)
    tell(.post, ["leases", "\(placed.lease)"], change.value) { [unowned self] answer in
      guard case .response(let message) = answer else { return waitToRenew() }
      if message.code == .conflict { return look() }
      guard message.code.isSuccess, let status = try? CBORDecoder.decode(message.payload) else { return forget() }
      if placed.generation != nil, placed.peer.store.board.losses != placed.losses {
        let what = "\(node.hostName) renews lease \(placed.lease) of \(placed.peer.hostName)"
        world.leaseJudge?.complain(.told, "\(what), which lost what it knew, and is not told")
      }
      learn(status)
      waitToRenew()
    }
  }

  /// The board was restarted, or went back: what is left?
  private func look() {
    guard let placed else { return }
    tell(.get, ["leases", "\(placed.lease)"]) { [unowned self] answer in
      guard case .response(let message) = answer, message.code.isSuccess,
        let status = try? CBORDecoder.decode(message.payload),
        status[.requestID]?.bytesValue == placed.wish.lease.requestID
      else { return forget() }
      learn(status)
      waitToRenew()
    }
  }

  private func learn(_ status: CBORValue) {
    placed?.generation = status[.generation]?.unsignedValue.flatMap { UInt32(exactly: $0) }
    if let peer = placed?.peer { placed?.losses = peer.store.board.losses }
  }

  /// Gives back what it has, or lets it run out.
  private func end() {
    guard let placed else { return }
    if node.random.below(3) == 0 { return forget() }
    tell(.delete, ["containers", placed.wish.container.name], query: ["force"]) { [unowned self] _ in
      tell(.delete, ["leases", "\(placed.lease)"]) { [unowned self] _ in forget() }
    }
  }

  private func forget() {
    placed = nil
    pause(Self.pauseMilliseconds) { $0.wishForSomething($1) }
  }

  private func tell(
    _ code: CoAPCode, _ path: [String], _ payload: CBORValue? = nil, query: [String] = [],
    _ told: @escaping (SecureTalk.Answer) -> Void
  ) {
    guard let peer = placed?.peer else { return }
    say(to: peer, at: peer.address.address, code, path, payload, query: query, told)
  }
}
