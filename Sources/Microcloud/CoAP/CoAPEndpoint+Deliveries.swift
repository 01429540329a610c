import Basics

// Messages of ours until they are acknowledged: retransmission and congestion control (RFC 7252 sections 4.2 and 4.7).
extension CoAPEndpoint {
  /// Sends a notification (RFC 7641) to an observer, with the token and Observe option that it has. `delivered` says that the
  /// next may be sent; `ended`, that the observer is gone.
  public mutating func notify(
    _ message: CoAPMessage, to peer: SocketAddress, isConfirmable: Bool, now: Instant
  ) throws(CoAPError) -> (id: CoAPExchangeID, effects: [CoAPEffect]) {
    guard deliveries.count < limits.deliveries, let place = choose(peer, now: now) else { throw .tooMuchUnderWay }
    let messageID = peers[place].takeMessageID()
    let type: CoAPMessageType = isConfirmable ? .confirmable : .nonConfirmable
    let bytes = try CoAPDatagram(type, messageID: messageID, message).encoded()
    let id = nextExchangeID()
    deliver(bytes, messageID, to: peer, .notification(id), isConfirmable: isConfirmable, now: now)
    return (id, takeEffects())
  }

  /// Sends a message at once, or after others to the same peer.
  mutating func deliver(
    _ bytes: [UInt8], _ messageID: UInt16, to peer: SocketAddress, _ purpose: CoAPDelivery.Purpose, isConfirmable: Bool,
    now: Instant
  ) {
    deliveries.append(
      CoAPDelivery(peer: peer, messageID: messageID, bytes: bytes, purpose: purpose, isConfirmable: isConfirmable))
    startWaiting(for: peer, now: now)
  }

  /// Starts the messages to a peer that may go now, those first that wait longest.
  mutating func startWaiting(for peer: SocketAddress, now: Instant) {
    var outstanding = 0
    for delivery in deliveries where delivery.deadline != nil && delivery.peer == peer { outstanding += 1 }
    for index in deliveries.indices where deliveries[index].deadline == nil && deliveries[index].peer == peer {
      if outstanding >= limits.outstandingPerPeer { return }
      start(index, now: now)
      outstanding += 1
    }
  }

  private mutating func start(_ index: Int, now: Instant) {
    let delivery = deliveries[index]
    let timeout: UInt64
    switch (delivery.isConfirmable, delivery.purpose) {
    case (true, _):
      timeout = limits.acknowledgeMilliseconds + random.below(limits.acknowledgeMilliseconds / 2 + 1)
    case (false, .notification): timeout = limits.notificationMilliseconds
    case (false, _): timeout = UInt64(delivery.bytes.count) * 1000 / max(limits.probingBytesPerSecond, 1)
    }
    deliveries[index].timeoutMilliseconds = timeout
    deliveries[index].deadline = now.advanced(milliseconds: timeout)
    transmit(delivery)
  }

  private mutating func transmit(_ delivery: CoAPDelivery) {
    if delivery.purpose == .response { return send(delivery.bytes, to: delivery.peer) }
    // Whom we talk to on our own account is our choice, and slow by `outstandingPerPeer`.
    effects.append(.send(delivery.bytes, to: delivery.peer))
  }

  mutating func retransmitDue(now: Instant) {
    var index = 0
    while index < deliveries.count {
      guard let deadline = deliveries[index].deadline, deadline <= now else {
        index += 1
        continue
      }
      if !deliveries[index].isConfirmable {
        // Nothing was said against it.
        let delivery = deliveries.remove(at: index)
        if case .notification(let id) = delivery.purpose { effects.append(.delivered(id)) }
        startWaiting(for: delivery.peer, now: now)
      } else if deliveries[index].retransmissions >= limits.retransmissions {
        fail(index, .timedOut, now: now)
      } else {
        deliveries[index].retransmissions += 1
        deliveries[index].timeoutMilliseconds *= 2
        deliveries[index].deadline = now.advanced(milliseconds: deliveries[index].timeoutMilliseconds)
        transmit(deliveries[index])
        index += 1
      }
    }
  }

  /// A message of ours did not arrive, or meant nothing there.
  mutating func fail(_ index: Int, _ reason: CoAPEnd, now: Instant) {
    let delivery = deliveries.remove(at: index)
    switch delivery.purpose {
    case .request(let id):
      exchanges.removeAll { $0.id == id }
      effects.append(.ended(id, reason))
    case .notification(let id): effects.append(.ended(id, reason))
    case .response: break
    }
    startWaiting(for: delivery.peer, now: now)
  }

  mutating func endDeliveries(now: Instant, _ isMeant: (CoAPDelivery) -> Bool) {
    guard let index = deliveries.firstIndex(where: isMeant) else { return }
    let delivery = deliveries.remove(at: index)
    startWaiting(for: delivery.peer, now: now)
  }
}
