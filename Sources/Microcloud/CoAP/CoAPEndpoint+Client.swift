import Basics

// The client's role: requests go out, responses come in.
extension CoAPEndpoint {
  /// Sends a request as soon as `CoAPLimits.outstandingPerPeer` allows. The token is filled in. Exactly one `response` or
  /// `ended` follows; of a request that observes more responses may follow until it is ended or cancelled, and one to a group
  /// brings any number of responses before it is ended. An Echo challenge is answered here.
  ///
  /// - Parameters:
  ///   - isMulticast: `peer` is a group; the request is then not confirmable, whatever is said.
  ///   - timeoutMilliseconds: how long to wait for the (first) response, the waiting for others included.
  public mutating func request(
    _ message: CoAPMessage, to peer: SocketAddress, isConfirmable: Bool = true, isMulticast: Bool = false,
    timeoutMilliseconds: UInt64? = nil, now: Instant
  ) throws(CoAPError) -> (id: CoAPExchangeID, effects: [CoAPEffect]) {
    let exchange = CoAPExchange(
      id: nextExchangeID(), peer: peer, request: message, token: token(lastExchangeID),
      isConfirmable: isConfirmable && !isMulticast, isMulticast: isMulticast,
      deadline: now.advanced(milliseconds: timeoutMilliseconds ?? limits.responseMilliseconds))
    try begin(exchange, now: now)
    return (exchange.id, takeEffects())
  }

  /// Asks a peer whether it is there: `ended` with `reset` says yes.
  public mutating func ping(
    _ peer: SocketAddress, now: Instant
  ) throws(CoAPError) -> (id: CoAPExchangeID, effects: [CoAPEffect]) {
    let exchange = CoAPExchange(
      id: nextExchangeID(), peer: peer, request: CoAPMessage(code: .empty), token: [], isConfirmable: true,
      isMulticast: false, deadline: now.advanced(milliseconds: limits.responseMilliseconds))
    try begin(exchange, now: now)
    return (exchange.id, takeEffects())
  }

  /// Ends a request, an observation or a notification without a word; a notification or response that still comes is reset.
  public mutating func cancel(_ id: CoAPExchangeID, now: Instant) -> [CoAPEffect] {
    exchanges.removeAll { $0.id == id }
    endDeliveries(now: now) { $0.purpose == .request(id) || $0.purpose == .notification(id) }
    return takeEffects()
  }

  mutating func nextExchangeID() -> CoAPExchangeID {
    lastExchangeID += 1
    return CoAPExchangeID(rawValue: lastExchangeID)
  }

  private mutating func begin(_ exchange: CoAPExchange, now: Instant) throws(CoAPError) {
    guard exchanges.count < limits.requests, deliveries.count < limits.deliveries,
      let place = choose(exchange.peer, now: now)
    else { throw .tooMuchUnderWay }
    try dispatch(exchange, options: exchange.request.options, at: place, now: now)
    exchanges.append(exchange)
  }

  private mutating func dispatch(
    _ exchange: CoAPExchange, options: CoAPOptions, at place: Int, now: Instant
  ) throws(CoAPError) {
    var message = exchange.request
    message.token = exchange.token
    message.options = options
    let messageID = peers[place].takeMessageID()
    let type: CoAPMessageType = exchange.isConfirmable ? .confirmable : .nonConfirmable
    let bytes = try CoAPDatagram(type, messageID: messageID, message).encoded()
    if exchange.isMulticast { return effects.append(.send(bytes, to: exchange.peer)) }
    deliver(
      bytes, messageID, to: exchange.peer, .request(exchange.id), isConfirmable: exchange.isConfirmable, now: now)
  }

  // MARK: What comes

  mutating func handleAcknowledgement(
    _ datagram: CoAPDatagram, from source: SocketAddress, at place: Int, now: Instant
  ) {
    let index = deliveries.firstIndex {
      $0.messageID == datagram.messageID && $0.peer == source && $0.isConfirmable && $0.deadline != nil
    }
    guard let index else { return }
    let purpose = deliveries[index].purpose
    guard datagram.message.code != .empty else {
      deliveries.remove(at: index)
      if case .notification(let id) = purpose { effects.append(.delivered(id)) }
      return startWaiting(for: source, now: now)
    }
    // A piggybacked response is one only to a request, and with its token.
    guard case .request(let id) = purpose, let exchange = exchanges.firstIndex(where: { $0.id == id }),
      exchanges[exchange].token == datagram.message.token, !exchanges[exchange].isPing
    else { return }
    take(datagram.message, exchange, from: source, at: place, now: now)
  }

  /// A response in a message of its own: separate, not confirmable, or a notification.
  mutating func handleResponse(_ datagram: CoAPDatagram, from source: SocketAddress, at place: Int, now: Instant) {
    let isConfirmable = datagram.type == .confirmable
    let index = exchanges.firstIndex {
      $0.token == datagram.message.token && !$0.isPing && ($0.isMulticast || $0.peer == source)
    }
    guard let index else { return sendEmpty(.reset, messageID: datagram.messageID, at: place) }
    if datagram.message.options.notUnderstood(among: limits.criticalOptions) != nil {
      sendEmpty(.reset, messageID: datagram.messageID, at: place)
      if !exchanges[index].isMulticast { end(exchanges[index].id, .notUnderstood, now: now) }
      return
    }
    let reply = isConfirmable ? Self.empty(.acknowledgement, messageID: datagram.messageID) : []
    let isNew = remember(
      datagram.messageID, at: place, isConfirmable: isConfirmable, isOpen: false, isUnsafe: false, reply: reply,
      now: now)
    // Not acknowledged, it comes again when there is room.
    if !isNew { return }
    if isConfirmable { send(reply, at: place) }
    take(datagram.message, index, from: source, at: place, now: now)
  }

  private mutating func take(
    _ response: CoAPMessage, _ index: Int, from source: SocketAddress, at place: Int, now: Instant
  ) {
    let exchange = exchanges[index]
    if exchange.isMulticast { return effects.append(.response(exchange.id, response, from: source)) }
    // Whoever repeats a token that cannot be guessed has read it.
    prove(place)
    if response.options.notUnderstood(among: limits.criticalOptions) != nil {
      return end(exchange.id, .notUnderstood, now: now)
    }
    if response.code == .unauthorized, let echo = response.options[.echo], exchange.echoes < CoAPLimits.maximumEchoes,
      repeatRequest(index, echo: echo, at: place, now: now)
    {
      return
    }
    if exchange.observes, response.code.isSuccess, response.options[.observe] != nil {
      exchanges[index].deadline = nil
    } else {
      exchanges.remove(at: index)
    }
    effects.append(.response(exchange.id, response, from: source))
    endDeliveries(now: now) { $0.purpose == .request(exchange.id) }
  }

  /// Shows that we are where we say and ask now (RFC 9175 section 2.3).
  private mutating func repeatRequest(_ index: Int, echo: CoAPOption, at place: Int, now: Instant) -> Bool {
    let exchange = exchanges[index]
    exchanges[index].echoes += 1
    endDeliveries(now: now) { $0.purpose == .request(exchange.id) }
    var options = exchange.request.options
    options.remove(.echo)
    options.add(echo)
    do throws(CoAPError) {
      try dispatch(exchange, options: options, at: place, now: now)
      return true
    } catch {
      return false
    }
  }

  mutating func handleReset(_ messageID: UInt16, from source: SocketAddress, now: Instant) {
    let index = deliveries.firstIndex { $0.messageID == messageID && $0.peer == source && $0.deadline != nil }
    guard let index else { return }
    fail(index, .reset, now: now)
  }

  /// Tells of the end of an exchange and of all that is under way for it.
  mutating func end(_ id: CoAPExchangeID, _ reason: CoAPEnd, now: Instant) {
    exchanges.removeAll { $0.id == id }
    effects.append(.ended(id, reason))
    endDeliveries(now: now) { $0.purpose == .request(id) }
  }
}
