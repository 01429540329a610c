import Basics
import Microcloud

/// Nodes on a network, in virtual time. Everything that happens follows from the seed: time, the network, chance and what
/// the disks hold are the world's.
final class World {
  enum Event {
    case wake(node: Int)
    /// A node that did not get to run does.
    case resume(node: Int)
    case packet([UInt8], from: SocketAddress, to: SocketAddress)
    case stream(StreamTrip)
    /// Something that the scenario or a check wants.
    case call(() -> Void)
  }

  /// What there was to carry.
  struct Traffic {
    var packets = 0
    var packetBytes = 0
    var streams = 0
    var streamBytes = 0

    var bytes: Int { packetBytes + streamBytes }
  }

  private static let firstAddress: UInt32 = 0x0A00_0001

  private(set) var now = Instant(nanoseconds: 0)
  private(set) var nodes: [SimulatedNode] = []
  var network: Network
  let settings: GossipPart.Settings
  weak var observer: (any WorldObserver)?
  /// How many of the nodes, from the first one on, have containers run elsewhere; if none, nobody is asked for any.
  let tenants: Int
  /// From then on they wish for nothing more.
  var tenantsRestAt = Instant(nanoseconds: .max)
  var leaseJudge: LeaseJudge?
  /// Is told when a board has said that a container runs.
  var onPromise: ((SimulatedNode) -> Void)?
  let tape: Tape
  private(set) var traffic = Traffic()
  var digest = HistoryDigest()
  private(set) var eventCount = 0
  /// Whose each address is.
  private var owners: [Int] = []
  private var queue = EventQueue<Event>()
  private var random: SeededRandom
  var streams: [StreamNumber: SimulatedStream] = [:]
  var lastStream: StreamNumber = 0
  /// The nodes that all others know from their configuration.
  private let contactCount: Int

  init(
    _ topology: Topology, nodes count: Int, contacts: Int = 3, tenants: Int = 0, settings: GossipPart.Settings,
    seed: UInt64
  ) {
    random = SeededRandom(seed: seed)
    network = Network(topology, seed: random.next())
    tape = Tape(seed: ~seed)
    self.tenants = tenants
    self.settings = settings
    contactCount = contacts
    for _ in 0..<count { addNode() }
  }

  @discardableResult
  func addNode() -> SimulatedNode {
    let index = nodes.count
    let node = SimulatedNode(index: index, address: newAddress(of: index), now: now, seed: random.next())
    nodes.append(node)
    return node
  }

  // MARK: Time

  /// Lets so much time go by, or less if something asks to `stop`.
  func run(milliseconds: UInt64) {
    run(until: now.advanced(milliseconds: milliseconds))
  }

  func run(until end: Instant) {
    isStopping = false
    while !isStopping, let (at, event) = queue.popFirst(until: end) {
      now = at
      handle(event)
    }
    if !isStopping { now = max(now, end) }
  }

  private var isStopping = false

  func stop() { isStopping = true }

  func at(_ instant: Instant, _ body: @escaping () -> Void) {
    queue.add(.call(body), at: max(now, instant))
  }

  func after(milliseconds: UInt64, _ body: @escaping () -> Void) {
    at(now.advanced(milliseconds: milliseconds), body)
  }

  func add(_ event: Event, afterMicroseconds delay: UInt64) {
    queue.add(event, at: Instant(nanoseconds: now.nanoseconds + delay * 1000))
  }

  private func handle(_ event: Event) {
    eventCount += 1
    digest.add(now.nanoseconds)
    switch event {
    case .wake(let index):
      let node = nodes[index]
      // An earlier time was set after this one, or it was switched off.
      guard node.wakesAt == now else { return }
      node.wakesAt = nil
      countWake(node)
      letRun(node) { [unowned self] in tick(node) }
    case .resume(let index): resume(nodes[index])
    case .packet(let bytes, let source, let destination): deliver(bytes, from: source, to: destination)
    case .stream(let trip): arrive(trip)
    case .call(let body): body()
    }
  }

  /// A node whose deadlines do not go by would keep its processor busy, and time would stand still here.
  private func countWake(_ node: SimulatedNode) {
    node.wakesInARow = node.lastWake == now ? node.wakesInARow + 1 : 0
    node.lastWake = now
    if node.wakesInARow == SimulatedNode.mostWakesInARow { observer?.spins(node) }
  }

  private func tick(_ node: SimulatedNode) {
    let now = node.clock.local(now)
    for part in node.parts {
      if let deadline = part.nextDeadline, deadline <= now { part.tick(now: now) }
    }
  }

  // MARK: Nodes at work

  /// Lets a node do something, at once or when it gets to run; then it sleeps until its next deadline.
  func letRun(_ node: SimulatedNode, _ body: @escaping () -> Void) {
    guard node.isOn else { return }
    if node.stalledUntil != nil {
      if node.waiting.count < SimulatedNode.mostWaiting { node.waiting.append(body) }
      return
    }
    digest.add(UInt64(node.index))
    body()
    schedule(node)
  }

  func schedule(_ node: SimulatedNode) {
    guard node.isOn, node.stalledUntil == nil, let deadline = node.nextDeadline else { return }
    let due = max(now, node.clock.world(deadline))
    if let wakesAt = node.wakesAt, wakesAt <= due { return }
    node.wakesAt = due
    queue.add(.wake(node: node.index), at: due)
  }

  /// Keeps a node from running for so long: something else has the processor.
  func stall(_ node: SimulatedNode, milliseconds: UInt64) {
    guard node.isOn else { return }
    let end = now.advanced(milliseconds: milliseconds)
    if let stalledUntil = node.stalledUntil, stalledUntil >= end { return }
    node.stalledUntil = end
    queue.add(.resume(node: node.index), at: end)
  }

  /// Its timers first, as a loop does, then what waits in its sockets.
  private func resume(_ node: SimulatedNode) {
    guard node.stalledUntil == now else { return }
    node.stalledUntil = nil
    guard node.isOn else { return }
    let waiting = node.waiting
    node.waiting = []
    tick(node)
    for body in waiting { letRun(node, body) }
    schedule(node)
  }

  // MARK: Addresses

  private func newAddress(of node: Int) -> SocketAddress {
    owners.append(node)
    return SocketAddress(.v4(Self.firstAddress + UInt32(owners.count - 1)), port: GossipPart.defaultPort)
  }

  /// Gives a node an address that nobody had.
  func renumber(_ node: SimulatedNode) {
    if case .v4(let number) = node.address.address { owners[Int(number - Self.firstAddress)] = -1 }
    node.address = newAddress(of: node.index)
  }

  func owner(of address: SocketAddress) -> SimulatedNode? {
    guard case .v4(let number) = address.address, number >= Self.firstAddress else { return nil }
    let index = Int(number - Self.firstAddress)
    guard index < owners.count, owners[index] >= 0 else { return nil }
    return nodes[owners[index]]
  }

  /// Who calls itself so, or called itself so with another number.
  func node(called name: NodeName) -> SimulatedNode? {
    let text = String(decoding: name.bytes, as: UTF8.self)
    let digits = text.dropFirst().prefix { $0 != "-" }
    guard text.first == "n", let index = Int(digits), nodes.indices.contains(index) else { return nil }
    return nodes[index]
  }

  /// Where somebody may be found, as a configuration or an announcement says it: never oneself.
  func contacts(of node: SimulatedNode) -> [SocketAddress] {
    nodes.prefix(contactCount).filter { $0.index != node.index }.map(\.address)
  }

  // MARK: Packets

  func send(_ bytes: [UInt8], from node: SimulatedNode, port: UInt16, to address: SocketAddress) {
    observer?.sends(bytes, node)
    sendUnseen(bytes, from: node, port: port, to: address)
  }

  /// As `send`, of those who are no members.
  func sendUnseen(_ bytes: [UInt8], from node: SimulatedNode, port: UInt16, to address: SocketAddress) {
    traffic.packets += 1
    traffic.packetBytes += bytes.count
    guard let receiver = owner(of: address) else { return }
    let source = SocketAddress(node.address.address, port: port)
    let arrivals = network.arrivals(from: node.index, to: receiver.index)
    for delay in [arrivals.first, arrivals.second] {
      if let delay { add(.packet(bytes, from: source, to: address), afterMicroseconds: delay) }
    }
  }

  private func deliver(_ bytes: [UInt8], from source: SocketAddress, to address: SocketAddress) {
    guard let node = owner(of: address), node.isOn else { return }
    digest.add(bytes)
    letRun(node) { [unowned self] in
      node.part(at: address.port)?.receive(bytes, from: source, now: node.clock.local(now))
    }
  }

  func count(streamBytes: Int) {
    traffic.streams += 1
    traffic.streamBytes += streamBytes
  }
}
