import Basics
import EventLoop
import LinuxSystem
import Microcloud

/// Does what a `MulticastDNS` wants done, on all interfaces that it is told of: packets from and to port 5353, which other
/// responders on this machine may share, by a socket for each interface and kind of address; deadlines by one timer. It
/// decides nothing.
///
/// Set `onNews`, tell it of the `interfaces`, then give commands by `perform`. It works until `close()`.
public final class MulticastDNSTransport {
  /// What a socket is for.
  private struct Link: Hashable {
    let interface: UInt32
    let family: IPFamily
  }

  private let loop: EventLoop
  private var machine: MulticastDNS
  private var sockets: [Link: UDPSocket] = [:]
  private var alarm: Alarm?
  private var used: [UInt32: [InterfaceAddress]] = [:]
  private var waiting: [MDNSEffect] = []
  private var isBusy = false

  /// Is told each effect that is not for the network: services found, changed and lost, and names that had to change. It
  /// may give commands.
  public var onNews: ((MDNSEffect) -> Void)?

  /// - Parameter seed: see `MulticastDNS`.
  public init(on loop: EventLoop, seed: UInt64) throws(SystemError) {
    self.loop = loop
    machine = MulticastDNS(seed: seed)
    alarm = try Alarm(on: loop) { [unowned(unsafe) self] in perform { $0.tick(now: $1) } }
  }

  deinit { close() }

  /// The state machine as it is now.
  public var state: MulticastDNS { machine }

  /// Uses those of these interfaces that are connected and carry multicast, and no others any more.
  public func setInterfaces(_ interfaces: [NetworkInterface]) {
    let usable = interfaces.filter { $0.flags.isSuperset(of: [.up, .running, .multicast]) }
    for index in used.keys.sorted() where !usable.contains(where: { $0.index == index }) { set(index, []) }
    for interface in usable {
      let addresses = interface.addresses.filter { $0.isUsable }
      set(interface.index, addresses.map { InterfaceAddress($0.address, prefixBits: $0.prefixBits) })
    }
  }

  private func set(_ index: UInt32, _ addresses: [InterfaceAddress]) {
    if addresses == used[index] ?? [] { return }
    used[index] = addresses.isEmpty ? nil : addresses
    for family in [IPFamily.v4, .v6] {
      let isUsed = addresses.contains { IPFamily($0.address) == family }
      setSocket(Link(interface: index, family: family), isUsed: isUsed)
    }
    perform { $0.setInterface(index, addresses: addresses, now: $1) }
  }

  /// An interface that a socket cannot be made for has just gone: there is nobody to talk to.
  private func setSocket(_ link: Link, isUsed: Bool) {
    if !isUsed { sockets.removeValue(forKey: link)?.close() }
    guard isUsed, sockets[link] == nil else { return }
    let group = link.family == .v4 ? MDNS.groupV4 : MDNS.groupV6
    sockets[link] = try? UDPSocket(
      on: loop, group: SocketAddress(group, port: MDNS.port, scope: link.interface), interface: link.interface
    ) { [unowned(unsafe) self] in receive($0, on: link.interface) }
  }

  /// Gives a command, or several, and does what comes of it.
  public func perform(_ command: (inout MulticastDNS, Instant) -> [MDNSEffect]) {
    if alarm == nil { return }
    waiting += command(&machine, loop.now)
    if isBusy { return }
    isBusy = true
    while !waiting.isEmpty {
      let effects = waiting
      waiting = []
      for effect in effects { carryOut(effect) }
    }
    isBusy = false
    alarm?.set(machine.nextDeadline)
  }

  /// Ends at once, without a goodbye; `MulticastDNS.withdrawAll` says it.
  public func close() {
    alarm?.close()
    for socket in sockets.values { socket.close() }
    (alarm, sockets, waiting, onNews) = (nil, [:], [], nil)
  }

  /// What the kernel does not take is as good as lost on the way.
  private func carryOut(_ effect: MDNSEffect) {
    guard case .send(let bytes, let interface, let destination) = effect else {
      let call = onNews
      call?(effect)
      return
    }
    let link = Link(interface: interface, family: IPFamily(destination.address))
    try? sockets[link]?.send(bytes, to: destination)
  }

  /// What is no DNS message needs no answer, nor anybody's attention.
  private func receive(_ datagram: Datagram, on interface: UInt32) {
    perform { machine, now in
      do throws(DNSError) {
        return try machine.receive(
          datagram.bytes, from: datagram.source, interface: interface, isMulticast: datagram.isMulticast, now: now)
      } catch {
        return []
      }
    }
  }
}
