import Basics

/// Multicast DNS and DNS service discovery (RFC 6762, RFC 6763) of one node: what it publishes and what it looks for, on all
/// its interfaces.
///
/// It does nothing itself: each call returns effects, to be carried out in order. It never reads a clock: callers pass `now`,
/// and call `tick` at `nextDeadline`. Packets of strangers cost a bounded amount of memory, and what they say is a hint only.
public struct MulticastDNS: Sendable {
  private var responder: MDNSResponder
  private(set) var browser: MDNSBrowser
  private var echoes = MDNSEchoes()

  /// - Parameter seed: random, so that nodes that start together do not speak together; nothing secret depends on it.
  public init(seed: UInt64) {
    responder = MDNSResponder(seed: seed)
    browser = MDNSBrowser(seed: ~seed)
  }

  /// When `tick` must next be called; nil: not before something else happens.
  public var nextDeadline: Instant? {
    Instant.earlier(responder.nextDeadline, browser.nextDeadline)
  }

  /// Does what is due at `now`.
  public mutating func tick(now: Instant) -> [MDNSEffect] {
    finish([], now)
  }

  // MARK: Interfaces

  /// An interface can be used, or its addresses have changed. Without any address it is as good as gone.
  ///
  /// IPv4 and IPv6 are used as far as there are addresses; the groups are to be joined before.
  public mutating func setInterface(_ index: UInt32, addresses: [InterfaceAddress], now: Instant) -> [MDNSEffect] {
    if addresses.isEmpty { return removeInterface(index, now: now) }
    let interface = MDNSInterface(index: index, addresses: addresses)
    var effects: [MDNSEffect] = []
    responder.setInterface(interface, now: now, &effects)
    browser.setInterface(interface, now: now)
    return finish(effects, now)
  }

  /// An interface is gone: its services are lost.
  public mutating func removeInterface(_ index: UInt32, now: Instant) -> [MDNSEffect] {
    var effects: [MDNSEffect] = []
    responder.removeInterface(index)
    browser.removeInterface(index, &effects)
    return finish(effects, now)
  }

  // MARK: Publishing and browsing

  /// Publishes a host or a service on every interface, or changes what is published under its id. The name is probed for,
  /// then announced; a service is to be published after its host.
  public mutating func publish(_ publication: MDNSPublication, now: Instant) -> [MDNSEffect] {
    var effects: [MDNSEffect] = []
    responder.publish(publication, now: now, &effects)
    return finish(effects, now)
  }

  /// Takes back what was published; others forget it within a second.
  public mutating func withdraw(_ publication: UInt32, now: Instant) -> [MDNSEffect] {
    var effects: [MDNSEffect] = []
    responder.withdraw(publication, &effects)
    return finish(effects, now)
  }

  /// Takes back everything: what to send before the node goes.
  public mutating func withdrawAll(now: Instant) -> [MDNSEffect] {
    var effects: [MDNSEffect] = []
    for entry in responder.published.reversed() { responder.withdraw(entry.id, &effects) }
    return finish(effects, now)
  }

  /// The name that a publication has now; nil if there is no such publication.
  public func name(of publication: UInt32) -> DNSName? {
    responder.find(publication)?.name
  }

  /// Looks for all services of a type, such as `_microagent._udp.local`, until `stopBrowsing`. What this node publishes is
  /// not found.
  public mutating func browse(_ type: DNSName, now: Instant) -> [MDNSEffect] {
    browser.browse(type, now: now)
    return finish([], now)
  }

  /// Stops looking for a type and forgets its services, without telling them to be lost.
  public mutating func stopBrowsing(_ type: DNSName) {
    browser.stopBrowsing(type)
  }

  /// Every service that was found and is not lost.
  public var services: [DiscoveredService] {
    browser.instances.filter { $0.told != 0 }.compactMap { browser.service($0) }
  }

  // MARK: Packets

  /// Takes a packet that came to port 5353 of an interface.
  ///
  /// - Parameters:
  ///   - isMulticast: whether it was sent to one of the groups, and so by a neighbour. From others a unicast packet counts
  ///     only if its source can be a neighbour's (RFC 6762 section 11).
  /// - Throws: if it is no DNS message. It needs no answer; nothing has changed.
  public mutating func receive(
    _ bytes: [UInt8], from source: SocketAddress, interface: UInt32, isMulticast: Bool, now: Instant
  ) throws(DNSError) -> [MDNSEffect] {
    let message = try DNSDecoder.decode(bytes)
    guard let own = browser.interfaces.first(where: { $0.index == interface }), message.flags.isPlain,
      isMulticast || own.isOnLink(source.address), !isEcho(bytes, source, now)
    else { return tick(now: now) }
    var effects: [MDNSEffect] = []
    if !message.flags.isResponse {
      responder.receiveQuery(message, from: source, interface: interface, now: now, &effects)
      if isMulticast, source.port == MDNS.port {
        browser.receiveQuery(message, from: source.address, interface: interface, now: now)
      }
    } else if source.port == MDNS.port {
      responder.receiveResponse(message, from: source, interface: interface, now: now, &effects)
      // Serf agents answer by unicast only, whatever the question wanted.
      browser.receiveResponse(message, interface: interface, now: now, &effects)
    }
    return finish(effects, now)
  }

  /// Whether it is a packet of ours that comes back, from the socket itself or by another interface on the same network.
  private func isEcho(_ bytes: [UInt8], _ source: SocketAddress, _ now: Instant) -> Bool {
    let isOwnAddress = browser.interfaces.contains { $0.addresses.contains { $0.address == source.address } }
    return isOwnAddress && source.port == MDNS.port && echoes.contains(bytes, now: now)
  }

  /// What an input has brought about, and all that is due then.
  private mutating func finish(_ effects: [MDNSEffect], _ now: Instant) -> [MDNSEffect] {
    var effects = effects
    responder.run(now: now, &effects)
    browser.run(now: now, &effects)
    for case .send(let bytes, _, let destination) in effects where destination.port == MDNS.port {
      echoes.note(bytes, now: now)
    }
    return effects
  }
}

/// Digests of what was sent within the last second. A socket on a multicast group hears what it sends itself, and no address
/// tells that apart from another program's packets on the same machine.
private struct MDNSEchoes: Sendable {
  private static let maximumCount = 32
  private static let milliseconds: UInt64 = 1000

  private var sent: [(digest: UInt64, at: Instant)] = []

  mutating func note(_ bytes: [UInt8], now: Instant) {
    let digest = Checksum.of(bytes)
    sent.removeAll { $0.digest == digest || $0.at.advanced(milliseconds: Self.milliseconds) < now }
    if sent.count == Self.maximumCount { sent.removeFirst() }
    sent.append((digest, now))
  }

  func contains(_ bytes: [UInt8], now: Instant) -> Bool {
    let digest = Checksum.of(bytes)
    return sent.contains { $0.digest == digest && now <= $0.at.advanced(milliseconds: Self.milliseconds) }
  }
}
