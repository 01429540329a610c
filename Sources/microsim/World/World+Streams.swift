import Basics

/// A stream (TCP) between two nodes: each side says one thing, which arrives as a whole.
struct SimulatedStream {
  struct End {
    let node: Int
    /// The life of the node in which it was opened.
    let life: Int
  }

  let dialler: End
  let address: SocketAddress
  /// Nil until somebody has accepted it.
  var acceptor: End?
}

/// Something on its way along a stream.
struct StreamTrip {
  enum Cargo {
    case bytes([UInt8])
    /// The other side has closed it, or does not know it.
    case end
  }

  let stream: StreamNumber
  let isTowardsDialler: Bool
  let cargo: Cargo
  var attempt = 0
}

// Streams: nothing on them is lost, but it comes late, and not at all where the way stays broken.
extension World {
  /// The first time after which something lost is sent again; it doubles.
  private static let retransmissionMicroseconds: UInt64 = 250_000
  /// After so many attempts, whoever waits has long given up.
  private static let mostAttempts = 8
  /// The trips of a handshake.
  private static let handshakeTrips = 2

  func dial(_ bytes: [UInt8], from node: SimulatedNode, port: UInt16, to address: SocketAddress) -> StreamNumber {
    lastStream += 1
    streams[lastStream] = SimulatedStream(dialler: .init(node: node.index, life: node.life), address: address)
    count(streamBytes: bytes.count)
    let trip = StreamTrip(stream: lastStream, isTowardsDialler: false, cargo: .bytes(bytes))
    if let peer = owner(of: address) {
      set(out: trip, from: node.index, to: peer.index, trips: 1 + Self.handshakeTrips)
    }
    return lastStream
  }

  /// Says this on a stream that was accepted, and closes it when it has arrived.
  func answer(_ bytes: [UInt8], on number: StreamNumber, by node: SimulatedNode) {
    guard let stream = streams[number] else { return }
    count(streamBytes: bytes.count)
    let trip = StreamTrip(stream: number, isTowardsDialler: true, cargo: .bytes(bytes))
    set(out: trip, from: node.index, to: stream.dialler.node, trips: 1)
  }

  /// Closes a stream; the other side hears of it.
  func close(_ number: StreamNumber, by node: SimulatedNode) {
    guard let stream = streams.removeValue(forKey: number), let acceptor = stream.acceptor else { return }
    let isDialler = stream.dialler.node == node.index
    tellEnd(of: number, to: isDialler ? acceptor : stream.dialler, from: node.index)
  }

  private func tellEnd(of number: StreamNumber, to end: SimulatedStream.End, from node: Int) {
    guard network.isOpen(from: node, to: end.node) else { return }
    let delay = network.latency(from: node, to: end.node)
    at(Instant(nanoseconds: now.nanoseconds + delay * 1000)) { [unowned self] in
      self.end(number, at: end)
    }
  }

  private func end(_ number: StreamNumber, at end: SimulatedStream.End) {
    let node = nodes[end.node]
    guard node.life == end.life else { return }
    letRun(node) { [unowned self] in
      for part in node.parts { part.streamEnded(number, now: node.clock.local(now)) }
    }
  }

  /// Sends something on its way: each loss costs a retransmission, and a broken way lets it wait.
  private func set(out trip: StreamTrip, from sender: Int, to receiver: Int, trips: Int) {
    var microseconds: UInt64 = 0
    var pause = Self.retransmissionMicroseconds << UInt64(trip.attempt)
    for _ in 0..<trips {
      var tries = 0
      while tries < Self.mostAttempts, network.isOpen(from: sender, to: receiver),
        network.arrivals(from: sender, to: receiver).first == nil
      {
        microseconds += pause
        pause *= 2
        tries += 1
      }
      microseconds += network.latency(from: sender, to: receiver)
    }
    add(.stream(trip), afterMicroseconds: microseconds)
  }

  func arrive(_ trip: StreamTrip) {
    guard let stream = streams[trip.stream] else { return }
    if trip.isTowardsDialler {
      guard let acceptor = stream.acceptor else { return }
      if isHeldUp(trip, from: acceptor.node, to: stream.dialler.node) { return }
      take(trip, stream, by: acceptor)
    } else {
      guard let receiver = owner(of: stream.address) else { return }
      if isHeldUp(trip, from: stream.dialler.node, to: receiver.index) { return }
      offer(trip, stream, to: receiver)
    }
  }

  /// Where the way is broken in either direction, nothing gets through; it is tried again.
  private func isHeldUp(_ trip: StreamTrip, from sender: Int, to receiver: Int) -> Bool {
    if network.isOpen(from: sender, to: receiver) && network.isOpen(from: receiver, to: sender) { return false }
    var again = trip
    again.attempt += 1
    if again.attempt < Self.mostAttempts {
      add(.stream(again), afterMicroseconds: Self.retransmissionMicroseconds << UInt64(again.attempt))
    }
    return true
  }

  /// What the dialler says reaches the machine, which accepts the stream, refuses it, or is off and says nothing.
  private func offer(_ trip: StreamTrip, _ stream: SimulatedStream, to receiver: SimulatedNode) {
    guard receiver.isOn, case .bytes(let bytes) = trip.cargo else { return }
    digest.add(bytes)
    letRun(receiver) { [unowned self] in
      guard streams[trip.stream] != nil else { return }
      let now = receiver.clock.local(now)
      guard let part = receiver.part(at: stream.address.port), part.accept(trip.stream, now: now) else {
        streams[trip.stream] = nil
        return tellEnd(of: trip.stream, to: stream.dialler, from: receiver.index)
      }
      streams[trip.stream]?.acceptor = .init(node: receiver.index, life: receiver.life)
      part.read(bytes, on: trip.stream, now: now)
    }
  }

  /// An answer reaches the dialler; then both sides are through with the stream.
  private func take(_ trip: StreamTrip, _ stream: SimulatedStream, by acceptor: SimulatedStream.End) {
    let node = nodes[stream.dialler.node]
    guard node.life == stream.dialler.life, node.isOn, case .bytes(let bytes) = trip.cargo else { return }
    digest.add(bytes)
    letRun(node) { [unowned self] in
      for part in node.parts { part.read(bytes, on: trip.stream, now: node.clock.local(now)) }
    }
    tellEnd(of: trip.stream, to: acceptor, from: node.index)
  }
}
