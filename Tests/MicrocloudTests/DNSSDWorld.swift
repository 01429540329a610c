import Basics
import TestSupport

@testable import Microcloud

/// Some nodes on one link under virtual time: what one multicasts, all hear (the sender too, as sockets do), later or, with
/// loss, not at all.
struct DNSSDWorld {
  struct Machine {
    var node: MulticastDNS
    var addresses: [IPAddress]
    var isConnected = true
    var events: [MDNSEffect] = []
  }

  struct Packet {
    let at: Instant
    let from: Int
    let bytes: [UInt8]
    let message: DNSMessage
    let destination: SocketAddress
  }

  static let interface: UInt32 = 3

  var now = Instant(nanoseconds: 1_000_000_000)
  var machines: [Machine] = []
  /// Everything that was sent, in order.
  var log: [Packet] = []
  /// How many of 100 packets no one but the sender hears; drawn for each listener on its own.
  var lossPercent = 0
  var random: SeededGenerator
  private var flying: [(at: Instant, to: Int, bytes: [UInt8], source: SocketAddress, isMulticast: Bool)] = []

  init(seed: UInt64 = 1) {
    random = SeededGenerator(seed: seed)
  }

  /// Seconds since the start, for comparing times.
  func seconds(_ instant: Instant) -> Double {
    Double(instant.nanoseconds - 1_000_000_000) / 1e9
  }

  /// A machine with the address 10.0.0.n, or with these.
  mutating func add(_ addresses: [IPAddress]? = nil) -> Int {
    let number = machines.count
    let addresses = addresses ?? [.v4(0x0A00_0001 + UInt32(number))]
    machines.append(Machine(node: MulticastDNS(seed: random.next()), addresses: addresses))
    connect(number)
    return number
  }

  /// Does something to a node, and what it wants done then.
  mutating func with(_ machine: Int, _ body: (inout MulticastDNS, Instant) -> [MDNSEffect]) {
    let effects = body(&machines[machine].node, now)
    perform(effects, machine)
  }

  mutating func connect(_ machine: Int) {
    machines[machine].isConnected = true
    let addresses = machines[machine].addresses.map {
      InterfaceAddress($0, prefixBits: IPFamily($0) == .v4 ? 24 : 64)
    }
    with(machine) { node, now in node.setInterface(Self.interface, addresses: addresses, now: now) }
  }

  /// The cable is pulled and the node hears of it.
  mutating func disconnect(_ machine: Int) {
    machines[machine].isConnected = false
    with(machine) { node, now in node.removeInterface(Self.interface, now: now) }
  }

  /// A host on this machine, and a service on it.
  mutating func publish(_ machine: Int, host: String, label: String? = nil, text: [String] = []) throws {
    let name = try DNSName(host)
    let hostPublication = try MDNSPublication.host(id: 1, name: name)
    with(machine) { node, now in node.publish(hostPublication, now: now) }
    guard let label else { return }
    let service = try MDNSPublication.service(
      id: 2, label: label, type: .microagentType, host: 1, port: 5683, text: DNSText(text))
    with(machine) { node, now in node.publish(service, now: now) }
  }

  private mutating func perform(_ effects: [MDNSEffect], _ machine: Int) {
    for effect in effects {
      guard case .send(let bytes, _, let destination) = effect else {
        machines[machine].events.append(effect)
        continue
      }
      guard let message = try? DNSDecoder.decode(bytes) else { preconditionFailure("what is sent cannot be read") }
      log.append(Packet(at: now, from: machine, bytes: bytes, message: message, destination: destination))
      let family = IPFamily(destination.address)
      guard machines[machine].isConnected,
        let address = machines[machine].addresses.first(where: { IPFamily($0) == family })
      else { continue }
      let isMulticast = destination.address == MDNS.groupV4 || destination.address == MDNS.groupV6
      for other in machines.indices where machines[other].addresses.contains(where: { IPFamily($0) == family }) {
        if !isMulticast, !machines[other].addresses.contains(destination.address) { continue }
        if other != machine, random.below(100) < lossPercent { continue }
        let delay = UInt64(100 + random.below(400)) * 1000
        flying.append(
          (
            Instant(nanoseconds: now.nanoseconds + delay), other, bytes, SocketAddress(address, port: 5353), isMulticast
          ))
      }
    }
  }

  /// A packet from outside, as all machines hear it.
  mutating func inject(_ bytes: [UInt8], from source: SocketAddress, isMulticast: Bool = true) throws {
    for machine in machines.indices where machines[machine].isConnected {
      let effects = try machines[machine].node.receive(
        bytes, from: source, interface: Self.interface, isMulticast: isMulticast, now: now)
      perform(effects, machine)
    }
  }

  mutating func inject(_ message: DNSMessage, from source: SocketAddress, isMulticast: Bool = true) throws {
    try inject(try message.encoded(), from: source, isMulticast: isMulticast)
  }

  /// Lets time pass: packets arrive and deadlines fall due, in order.
  mutating func run(milliseconds: UInt64) {
    let end = now.advanced(milliseconds: milliseconds)
    while true {
      let arrival = flying.indices.min { flying[$0].at < flying[$1].at }
      let alarm = machines.indices.filter { machines[$0].node.nextDeadline != nil }
        .min { machines[$0].node.nextDeadline! < machines[$1].node.nextDeadline! }
      let arrivalTime = arrival.map { flying[$0].at } ?? Instant(nanoseconds: .max)
      let alarmTime = alarm.map { machines[$0].node.nextDeadline! } ?? Instant(nanoseconds: .max)
      let next = min(arrivalTime, alarmTime)
      if next > end { break }
      now = max(now, next)
      if let arrival, arrivalTime <= alarmTime {
        deliver(flying.remove(at: arrival))
      } else if let alarm {
        with(alarm) { node, now in node.tick(now: now) }
        precondition(
          machines[alarm].node.nextDeadline.map { $0 > now } ?? true, "what was due is still due")
      }
    }
    now = end
  }

  private mutating func deliver(
    _ packet: (at: Instant, to: Int, bytes: [UInt8], source: SocketAddress, isMulticast: Bool)
  ) {
    guard machines[packet.to].isConnected else { return }
    let effects = try? machines[packet.to].node.receive(
      packet.bytes, from: packet.source, interface: Self.interface, isMulticast: packet.isMulticast, now: now)
    guard let effects else { preconditionFailure("what was sent cannot be read") }
    perform(effects, packet.to)
  }

  // MARK: Looking

  /// The names of the hosts that a machine's services are on.
  func hosts(seenBy machine: Int) -> [String] {
    machines[machine].node.services.map { $0.host.description }.sorted()
  }

  func labels(seenBy machine: Int) -> [String] {
    machines[machine].node.services.map { $0.name.firstLabel }.sorted()
  }

  func name(_ machine: Int, _ publication: UInt32) -> String? {
    machines[machine].node.name(of: publication)?.description
  }

  /// What a machine sent since a time.
  func sent(by machine: Int, since start: Instant? = nil) -> [Packet] {
    log.filter { $0.from == machine && (start == nil || $0.at >= start!) }
  }
}

/// A neighbour that no machine is.
let stranger = SocketAddress(.v4(0x0A00_00C8), port: 5353)
