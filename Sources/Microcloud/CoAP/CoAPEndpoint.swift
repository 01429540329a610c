import Basics

/// CoAP over datagrams (RFC 7252 section 4): both roles, on one socket.
///
/// It does nothing itself: each call returns effects, to be carried out in order. It never reads a clock: callers pass
/// `now`, and call `tick` at `nextDeadline`.
///
/// Between this and the resources stands OSCORE (`SecureCoAPEndpoint`). What `request` effects and `response` effects carry is
/// unprotected there, what `respond`, `request` and `notify` take is protected there. The endpoint looks at the outer code, token and Observe option only. Block-wise transfer and observation (`CoAPBlock…`,
/// `CoAPObservers`) work on messages and know nothing of datagrams, so that they work inside of OSCORE and on streams alike. A
/// layer that has verified who asks tells it by `prove`.
public struct CoAPEndpoint {
  let limits: CoAPLimits
  let digest: KeyedDigest
  var random: SeededRandom
  var peers: RecencyTable<SocketAddress, CoAPPeer>
  var strangerCount = 0
  var strangerRate = RateLimit()
  /// What the peers' memories are charged with together.
  var rememberedBytes = 0
  var lastExchangeID: UInt64 = 0
  var exchanges: [CoAPExchange] = []
  /// In the order in which they were begun.
  var deliveries: [CoAPDelivery] = []
  var pendingAcknowledgements: [CoAPPendingAcknowledgement] = []
  var delayedAnswers: [CoAPDelayedAnswer] = []
  var effects: [CoAPEffect] = []

  /// - Parameter digest: keyed by random bits of this process's own: tokens and Echo values come from it.
  public init(limits: CoAPLimits = CoAPLimits(), digest: @escaping KeyedDigest) {
    self.limits = limits
    self.digest = digest
    random = SeededRandom(seed: digest([]))
    peers = RecencyTable(capacity: limits.peers)
  }

  /// When `tick` must next be called; nil: not before something else happens.
  public var nextDeadline: Instant? {
    var earliest: Instant?
    func consider(_ instant: Instant?) {
      guard let instant else { return }
      if earliest.map({ instant < $0 }) ?? true { earliest = instant }
    }
    for pending in pendingAcknowledgements { consider(pending.deadline) }
    for delivery in deliveries { consider(delivery.deadline) }
    for exchange in exchanges { consider(exchange.deadline) }
    for answer in delayedAnswers { consider(answer.deadline) }
    return earliest
  }

  /// Does what is due at `now`.
  public mutating func tick(now: Instant) -> [CoAPEffect] {
    acknowledgeDue(now: now)
    retransmitDue(now: now)
    for exchange in exchanges where exchange.deadline.map({ $0 <= now }) ?? false {
      end(exchange.id, .timedOut, now: now)
    }
    for answer in delayedAnswers where answer.deadline <= now {
      send(answer.bytes, to: answer.peer)
    }
    delayedAnswers.removeAll { $0.deadline <= now }
    return takeEffects()
  }

  /// Takes a datagram that came. `isMulticast`: it was sent to a group.
  public mutating func receive(
    _ bytes: [UInt8], from source: SocketAddress, isMulticast: Bool = false, now: Instant
  ) -> [CoAPEffect] {
    guard let place = admit(source, bytes: bytes.count, now: now) else { return [] }
    do throws(CoAPDatagramError) {
      let datagram = try CoAPDatagram(decoding: bytes)
      if isMulticast {
        // Only requests go to groups, and none that would have to be acknowledged (section 8.1).
        guard datagram.type == .nonConfirmable, datagram.message.code.isRequest else { return takeEffects() }
      }
      handle(datagram, from: source, at: place, isMulticast: isMulticast, now: now)
    } catch {
      if let id = error.resetID, !isMulticast { sendEmpty(.reset, messageID: id, at: place) }
    }
    return takeEffects()
  }

  /// What is sent to this address is read there: OSCORE has verified what came from it, or the network is known to
  /// let nobody lie about addresses.
  public mutating func prove(_ address: SocketAddress, now: Instant) {
    if let place = peers.place(of: address) ?? insert(address, isChosen: false, now: now) { prove(place) }
  }

  private mutating func handle(
    _ datagram: CoAPDatagram, from source: SocketAddress, at place: Int, isMulticast: Bool, now: Instant
  ) {
    switch datagram.type {
    case .acknowledgement: handleAcknowledgement(datagram, from: source, at: place, now: now)
    case .reset: handleReset(datagram.messageID, from: source, now: now)
    case .confirmable, .nonConfirmable:
      if let index = peers[place].remembers(datagram.messageID, now: now) {
        let reply = peers[place].remembered[index].reply
        if !reply.isEmpty { send(reply, at: place) }
      } else if datagram.message.code.isRequest {
        handleRequest(datagram, from: source, at: place, isMulticast: isMulticast, now: now)
      } else if datagram.message.code == .empty {
        sendEmpty(.reset, messageID: datagram.messageID, at: place)
      } else {
        handleResponse(datagram, from: source, at: place, now: now)
      }
    }
  }

  // MARK: Sending

  mutating func takeEffects() -> [CoAPEffect] {
    defer { effects = [] }
    return effects
  }

  mutating func sendEmpty(_ type: CoAPMessageType, messageID: UInt16, at place: Int) {
    send(Self.empty(type, messageID: messageID), at: place)
  }

  static func empty(_ type: CoAPMessageType, messageID: UInt16) -> [UInt8] {
    [1 << 6 | type.rawValue << 4, 0, UInt8(messageID >> 8), UInt8(truncatingIfNeeded: messageID)]
  }

  /// Everything that is sent in answer to something goes through here: to an address that is not proven nothing is sent
  /// beyond its allowance.
  mutating func send(_ bytes: [UInt8], to peer: SocketAddress) {
    if let place = peers.place(of: peer) { send(bytes, at: place) }
  }

  mutating func send(_ bytes: [UInt8], at place: Int) {
    if !peers[place].isProven {
      guard UInt64(bytes.count) <= allowance(place) else { return }
      peers[place].sentBytes += UInt64(bytes.count)
    }
    effects.append(.send(bytes, to: peers.key(at: place)))
  }

  /// How many bytes may go to an address that is not proven.
  func allowance(_ place: Int) -> UInt64 {
    let peer = peers[place]
    let (earned, overflow) = peer.receivedBytes.multipliedReportingOverflow(by: limits.amplification)
    return overflow ? .max : earned - min(earned, peer.sentBytes)
  }
}
