import Basics
import EventLoop
import LinuxSystem
import Microcloud

/// Does what a `SecureCoAPEndpoint` wants done: its datagrams over the sockets that it was given, its deadlines by one timer. It
/// decides nothing.
///
/// Set `onEffect`, `bind`, then give commands. It works until `close()`.
public final class CoAPTransport {
  private let loop: EventLoop
  private var endpoint: SecureCoAPEndpoint
  /// Those that were bound, before those that hear a group.
  private var sockets: [(family: IPFamily, socket: UDPSocket)] = []
  private var boundCount = 0
  /// Which address of ours peers talk to, those heard last at the end.
  private var localAddresses: [(peer: SocketAddress, local: IPAddress)] = []
  private var alarm: Alarm?
  /// What is to be done still; while something is being done, the rest waits here.
  private var waiting: [CoAPEffect] = []
  private var isBusy = false

  /// To peers beyond these the kernel chooses the address.
  private static let maximumLocalAddresses = 128

  /// Is told each effect that is not for the network: requests of others, and what becomes of ours. It may give commands.
  public var onEffect: ((CoAPEffect) -> Void)?

  /// Hears nobody before `bind`.
  public init(on loop: EventLoop, endpoint: consuming SecureCoAPEndpoint) throws(SystemError) {
    self.loop = loop
    self.endpoint = endpoint
    alarm = try Alarm(on: loop) { [unowned(unsafe) self] in perform { $0.tick(now: $1) } }
  }

  deinit { close() }

  // MARK: Sockets

  /// Sends and receives at an address of this machine, or at any of it; once for IPv4 and once for IPv6.
  public func bind(to address: SocketAddress) throws(SystemError) {
    let socket = try UDPSocket(on: loop, boundTo: address) { [unowned(unsafe) self] in receive($0) }
    sockets.insert((IPFamily(address.address), socket), at: boundCount)
    boundCount += 1
  }

  /// Hears a group on an interface, and answers from there those whom no bound socket can answer.
  public func join(_ group: SocketAddress, interface: UInt32) throws(SystemError) {
    let socket = try UDPSocket(on: loop, group: group, interface: interface) { [unowned(unsafe) self] in receive($0) }
    sockets.append((IPFamily(group.address), socket))
  }

  /// Whether it was bound for a family.
  public func isBound(_ family: IPFamily) -> Bool { sockets.prefix(boundCount).contains { $0.family == family } }

  /// The port of the socket that was bound first; nil: there is none.
  public var port: UInt16? { boundCount == 0 ? nil : sockets[0].socket.localAddress?.port }

  /// Ends at once, without a word to anybody.
  public func close() {
    alarm?.close()
    for (_, socket) in sockets { socket.close() }
    (alarm, sockets, boundCount, localAddresses, waiting, onEffect) = (nil, [], 0, [], [], nil)
  }

  // MARK: Commands

  /// Gives a command, or several, and does what comes of it.
  public func perform(_ command: (inout SecureCoAPEndpoint, Instant) -> [CoAPEffect]) {
    if alarm == nil { return }
    carryOut(command(&endpoint, loop.now))
  }

  /// See `SecureCoAPEndpoint.request`. What becomes of it is told after this returns.
  public func request(
    _ message: CoAPMessage, to peer: SocketAddress, context: UInt64? = nil, isConfirmable: Bool = true,
    timeoutMilliseconds: UInt64? = nil
  ) throws(CoAPError) -> CoAPExchangeID {
    let (id, effects) = try endpoint.request(
      message, to: peer, context: context, isConfirmable: isConfirmable, timeoutMilliseconds: timeoutMilliseconds,
      now: loop.now)
    carryOut(effects)
    return id
  }

  /// Asks a group; whoever wants to answers within some seconds. What becomes of it is told after this returns.
  ///
  /// - Parameter local: the address of ours from which, and so the interface on which, it is asked.
  public func request(
    _ message: CoAPMessage, in group: SocketAddress, from local: IPAddress, timeoutMilliseconds: UInt64
  ) throws(CoAPError) -> CoAPExchangeID {
    note(local, askedBy: group)
    let (id, effects) = try endpoint.request(
      message, to: group, isMulticast: true, timeoutMilliseconds: timeoutMilliseconds, now: loop.now)
    carryOut(effects)
    return id
  }

  /// See `CoAPEndpoint.ping`.
  public func ping(_ peer: SocketAddress) throws(CoAPError) -> CoAPExchangeID {
    let (id, effects) = try endpoint.ping(peer, now: loop.now)
    carryOut(effects)
    return id
  }

  /// See `SecureCoAPEndpoint.notify`.
  public func notify(
    _ message: CoAPMessage, to peer: SocketAddress, protection: CoAPProtection?, isConfirmable: Bool
  ) throws(CoAPError) -> CoAPExchangeID {
    let (id, effects) = try endpoint.notify(
      message, to: peer, protection: protection, isConfirmable: isConfirmable, now: loop.now)
    carryOut(effects)
    return id
  }

  /// See `SecureCoAPEndpoint.respond`.
  public func respond(_ response: CoAPMessage, to request: CoAPRequestHandle) {
    perform { $0.respond(response, to: request, now: $1) }
  }

  // MARK: Effects

  private func receive(_ datagram: Datagram) {
    note(datagram.localAddress, askedBy: datagram.source)
    perform { $0.receive(datagram.bytes, from: datagram.source, isMulticast: datagram.isMulticast, now: $1) }
  }

  private func carryOut(_ new: [CoAPEffect]) {
    if waiting.isEmpty { waiting = new } else { waiting += new }
    if isBusy { return }
    isBusy = true
    while !waiting.isEmpty {
      let effects = waiting
      waiting = []
      for index in effects.indices { carryOut(effects[index]) }
    }
    isBusy = false
    alarm?.set(endpoint.nextDeadline)
  }

  private func carryOut(_ effect: CoAPEffect) {
    if case .send(let bytes, let peer) = effect { return send(bytes, to: peer) }
    let call = onEffect
    call?(effect)
  }

  /// What the kernel does not take is as good as lost on the way.
  private func send(_ bytes: [UInt8], to peer: SocketAddress) {
    let family = IPFamily(peer.address)
    guard let socket = sockets.first(where: { $0.family == family })?.socket else { return }
    if let index = localAddresses.lastIndex(where: { $0.peer == peer }) {
      do throws(SystemError) {
        return try socket.send(bytes, to: peer, from: localAddresses[index].local)
      } catch {
        // It may be an address of ours no more.
        localAddresses.remove(at: index)
      }
    }
    try? socket.send(bytes, to: peer)
  }

  /// A peer is answered from the address that it asked (RFC 7252 section 5.3.2): a host may have many, and the kernel would
  /// choose one by the route back.
  private func note(_ local: IPAddress?, askedBy peer: SocketAddress) {
    if let last = localAddresses.last, last.peer == peer, last.local == local { return }
    localAddresses.removeAll { $0.peer == peer }
    guard let local else { return }
    if localAddresses.count == Self.maximumLocalAddresses { localAddresses.removeFirst() }
    localAddresses.append((peer, local))
  }
}
