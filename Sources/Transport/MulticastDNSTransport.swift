import Basics
import EventLoop
import LinuxSystem
import Microcloud

/// Does what a `MulticastDNS` wants done, on all interfaces that it is told of: packets from and to port 5353, which other
/// responders on this machine may share, and deadlines by one timer. It decides nothing.
///
/// Set `onNews`, tell it of the `interfaces`, then give commands by `perform`. It works until `close()`.
public final class MulticastDNSTransport {
  private let loop: EventLoop
  private var machine: MulticastDNS
  private var socketV4: MulticastSocket?
  private var socketV6: MulticastSocket?
  private var alarm: Alarm?
  private var used: [UInt32: [InterfaceAddress]] = [:]
  private var waiting: [MDNSEffect] = []
  private var isBusy = false

  /// Is told each effect that is not for the network: services found, changed and lost, and names that had to change. It
  /// may give commands.
  public var onNews: ((MDNSEffect) -> Void)?

  /// Binds the port for IPv4, and for IPv6 where the kernel has that.
  ///
  /// - Parameter seed: see `MulticastDNS`.
  public init(on loop: EventLoop, seed: UInt64) throws(SystemError) {
    self.loop = loop
    machine = MulticastDNS(seed: seed)
    let onReceive = { [unowned(unsafe) self] in receive($0) } as (MulticastSocket.Datagram) -> Void
    socketV4 = try MulticastSocket(on: loop, .v4, port: MDNS.port, onReceive: onReceive)
    socketV6 = try? MulticastSocket(on: loop, .v6, port: MDNS.port, onReceive: onReceive)
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
    let before = used[index] ?? []
    if addresses == before { return }
    used[index] = addresses.isEmpty ? nil : addresses
    changeGroups(of: index, from: before, to: addresses)
    perform { $0.setInterface(index, addresses: addresses, now: $1) }
  }

  /// A group that cannot be joined, as the interface has just gone, is one that nobody is in.
  private func changeGroups(of index: UInt32, from before: [InterfaceAddress], to after: [InterfaceAddress]) {
    for (socket, group) in [(socketV4, MDNS.groupV4), (socketV6, MDNS.groupV6)] {
      let isOfGroup = { (address: InterfaceAddress) in IPFamily(address.address) == IPFamily(group) }
      let (wasIn, isIn) = (before.contains(where: isOfGroup), after.contains(where: isOfGroup))
      if isIn && !wasIn { try? socket?.join(group, interface: index) }
      if wasIn && !isIn { try? socket?.leave(group, interface: index) }
    }
  }

  /// Gives a command, or several, and does what comes of it.
  public func perform(_ command: (inout MulticastDNS, Instant) -> [MDNSEffect]) {
    if socketV4 == nil { return }
    waiting += command(&machine, loop.now)
    if isBusy { return }
    isBusy = true
    while !waiting.isEmpty {
      let effects = waiting
      waiting = []
      for effect in effects { carryOut(effect) }
    }
    isBusy = false
    alarm?.set(socketV4 == nil ? nil : machine.nextDeadline)
  }

  /// Ends at once, without a goodbye; `MulticastDNS.withdrawAll` says it.
  public func close() {
    alarm?.close()
    socketV4?.close()
    socketV6?.close()
    (alarm, socketV4, socketV6, waiting, onNews) = (nil, nil, nil, [], nil)
  }

  /// What the kernel does not take is as good as lost on the way.
  private func carryOut(_ effect: MDNSEffect) {
    guard case .send(let bytes, let interface, let destination) = effect else {
      let call = onNews
      call?(effect)
      return
    }
    let socket = IPFamily(destination.address) == .v4 ? socketV4 : socketV6
    try? socket?.send(bytes, to: destination, interface: interface)
  }

  /// What is no DNS message needs no answer, nor anybody's attention.
  private func receive(_ datagram: MulticastSocket.Datagram) {
    perform { machine, now in
      do throws(DNSError) {
        return try machine.receive(
          datagram.bytes, from: datagram.source, interface: datagram.interface, isMulticast: datagram.isMulticast,
          now: now)
      } catch {
        return []
      }
    }
  }
}
