import Basics

// The server's role: requests come in, answers go out.
extension CoAPEndpoint {
  /// Answers a request. The token is filled in. A response that no datagram holds becomes 5.00: use block-wise transfer. One
  /// that is too long for an address that is not proven becomes a challenge, after which the client asks again.
  public mutating func respond(
    _ response: CoAPMessage, to request: CoAPRequestHandle, now: Instant
  ) -> [CoAPEffect] {
    reply(response, to: request, now: now)
    return takeEffects()
  }

  private mutating func reply(_ response: CoAPMessage, to request: CoAPRequestHandle, now: Instant) {
    guard let place = peers.place(of: request.source), let index = peers[place].open(request.messageID) else { return }
    var response = response
    response.token = request.token
    // Of what is protected only the layer that did it knows what it says.
    let isUnwanted = request.protection == nil && request.isUnwanted(response)
    if request.isMulticast {
      peers[place].remembered[index].isOpen = false
      if response.code.isSuccess, !isUnwanted { answerLater(response, to: request, at: place, now: now) }
    } else if isUnwanted {
      settle(request, index, at: place)
    } else {
      answer(response, to: request, index, at: place, now: now)
    }
  }

  /// Answers a request of which nobody knows who made it, and forgets that it came: it takes no memory, and whose message has
  /// the same id is not taken for a copy of it.
  mutating func refuse(_ response: CoAPMessage, to request: CoAPRequestHandle) -> [CoAPEffect] {
    guard let place = peers.place(of: request.source), let index = peers[place].open(request.messageID) else {
      return []
    }
    let isPiggybacked = request.isConfirmable && !peers[place].remembered[index].isAcknowledged
    forgetAcknowledgement(request)
    forget(index, at: place)
    var response = response
    response.token = request.token
    let type: CoAPMessageType = isPiggybacked ? .acknowledgement : .nonConfirmable
    let messageID = isPiggybacked ? request.messageID : peers[place].takeMessageID()
    if let bytes = encoded(type, messageID, response) { send(bytes, at: place) }
    return takeEffects()
  }

  /// Ends a request without a response; a confirmable one is acknowledged.
  public mutating func settle(_ request: CoAPRequestHandle, now: Instant) -> [CoAPEffect] {
    guard let place = peers.place(of: request.source), let index = peers[place].open(request.messageID) else {
      return []
    }
    settle(request, index, at: place)
    return takeEffects()
  }

  /// Whether a request is still to be answered.
  func isOpen(_ request: CoAPRequestHandle) -> Bool {
    peers.place(of: request.source).map { peers[$0].open(request.messageID) != nil } ?? false
  }

  /// Answers a request with a challenge to show that it is new (RFC 9175): if its sender is there and means it, the request
  /// comes again, with `isFresh` and `isProven`.
  public mutating func challenge(_ request: CoAPRequestHandle, now: Instant) -> [CoAPEffect] {
    respond(challengeMessage(request.source, now: now), to: request, now: now)
  }

  // MARK: Requests

  mutating func handleRequest(
    _ datagram: CoAPDatagram, from source: SocketAddress, at place: Int, isMulticast: Bool, now: Instant
  ) {
    let message = datagram.message
    let isConfirmable = datagram.type == .confirmable
    let burst = max(limits.requestBurst, limits.requestsPerSecond / 10)
    guard peers[place].rate.take(perSecond: limits.requestsPerSecond, burst: burst, now: now) else {
      if isConfirmable { refuse(.tooManyRequests, datagram, at: place) }
      return
    }
    if isMulticast, message.code != .get || message.options[.observe] != nil { return }
    if message.options.notUnderstood(among: limits.criticalOptions) != nil {
      if isConfirmable { refuse(.badOption, datagram, at: place) }
      return
    }
    let isFresh = message.options[.echo].map { isFreshEcho($0.value, from: source, now: now) } ?? false
    if isFresh { prove(place) }
    let handle = CoAPRequestHandle(
      source: source, token: message.token, isMulticast: isMulticast, isProven: peers[place].isProven, isFresh: isFresh,
      blockExponent: isMulticast ? blockExponent(at: place) : CoAPBlock.maximumExponent,
      messageID: datagram.messageID, isConfirmable: isConfirmable,
      noResponse: message.noResponse)
    guard pendingAcknowledgements.count < limits.pendingRequests,
      remember(
        datagram.messageID, at: place, isConfirmable: isConfirmable, isOpen: true, isUnsafe: !message.code.isSafe,
        now: now)
    else {
      if isConfirmable { refuse(.tooManyRequests, datagram, at: place) }
      return
    }
    if isConfirmable {
      let deadline = now.advanced(milliseconds: limits.separateMilliseconds)
      pendingAcknowledgements.append(
        CoAPPendingAcknowledgement(deadline: deadline, peer: source, messageID: datagram.messageID))
    }
    if mustBeProven(message), !peers[place].isProven {
      reply(challengeMessage(source, now: now), to: handle, now: now)
    } else {
      effects.append(.request(message, handle))
    }
  }

  /// The largest block that an address may be sent which is not proven and cannot be challenged.
  private func blockExponent(at place: Int) -> UInt8 {
    if peers[place].isProven { return CoAPBlock.maximumExponent }
    let room = allowance(place)
    var exponent = CoAPBlock.maximumExponent
    while exponent > 0, UInt64(CoAPBlock.bytes(exponent)) + CoAPLimits.blockOverheadBytes > room { exponent -= 1 }
    return exponent
  }

  /// What changes something or has lasting consequences is not done for a forged address.
  private func mustBeProven(_ message: CoAPMessage) -> Bool {
    limits.challengesStrangers && message.options[.oscore] == nil
      && (!message.code.isSafe || message.options[.observe] != nil)
  }

  /// An answer without a trace: a copy of the request gets it again.
  private mutating func refuse(_ code: CoAPCode, _ datagram: CoAPDatagram, at place: Int) {
    var message = CoAPMessage(code: code, token: datagram.message.token)
    // When to try again; 60 s if it is not said (RFC 8516).
    if code == .tooManyRequests { message.options.add(CoAPOption(.maxAge, 1)) }
    if let bytes = encoded(.acknowledgement, datagram.messageID, message) { send(bytes, at: place) }
  }

  // MARK: Answers

  private mutating func answer(
    _ response: CoAPMessage, to request: CoAPRequestHandle, _ index: Int, at place: Int, now: Instant
  ) {
    let isPiggybacked = request.isConfirmable && !peers[place].remembered[index].isAcknowledged
    let type: CoAPMessageType =
      isPiggybacked ? .acknowledgement : request.isConfirmable ? .confirmable : .nonConfirmable
    let messageID = isPiggybacked ? request.messageID : peers[place].takeMessageID()
    guard let bytes = fitting(response, type, messageID, to: request, at: place, now: now) else { return }
    guard isPiggybacked else {
      peers[place].remembered[index].isOpen = false
      if type == .confirmable, deliveries.count < limits.deliveries {
        return deliver(bytes, messageID, to: request.source, .response, isConfirmable: true, now: now)
      }
      return send(bytes, at: place)
    }
    forgetAcknowledgement(request)
    remember(reply: bytes, index, at: place)
    send(bytes, at: place)
  }

  /// The response encoded, or what stands for it where it does not fit.
  private mutating func fitting(
    _ response: CoAPMessage, _ type: CoAPMessageType, _ messageID: UInt16, to request: CoAPRequestHandle, at place: Int,
    now: Instant
  ) -> [UInt8]? {
    let bytes =
      encoded(type, messageID, response)
      ?? encoded(type, messageID, CoAPMessage(code: .internalServerError, token: request.token))
    guard let bytes, !peers[place].isProven, UInt64(bytes.count) > allowance(place) else { return bytes }
    var challenge = challengeMessage(request.source, now: now)
    challenge.token = request.token
    return encoded(type, messageID, challenge)
  }

  func encoded(_ type: CoAPMessageType, _ messageID: UInt16, _ message: CoAPMessage) -> [UInt8]? {
    do throws(CoAPError) {
      return try CoAPDatagram(type, messageID: messageID, message).encoded()
    } catch {
      return nil
    }
  }

  private mutating func answerLater(
    _ response: CoAPMessage, to request: CoAPRequestHandle, at place: Int, now: Instant
  ) {
    guard delayedAnswers.count < limits.delayedAnswers,
      let bytes = encoded(.nonConfirmable, peers[place].takeMessageID(), response)
    else { return }
    let leisure = random.below(limits.leisureMilliseconds + 1)
    delayedAnswers.append(
      CoAPDelayedAnswer(deadline: now.advanced(milliseconds: leisure), peer: request.source, bytes: bytes))
  }

  /// Only says that a request came, as its client wants it.
  private mutating func settle(_ request: CoAPRequestHandle, _ index: Int, at place: Int) {
    peers[place].remembered[index].isOpen = false
    guard request.isConfirmable, !peers[place].remembered[index].isAcknowledged else { return }
    forgetAcknowledgement(request)
    let reply = Self.empty(.acknowledgement, messageID: request.messageID)
    remember(reply: reply, index, at: place)
    send(reply, at: place)
  }

  private mutating func forgetAcknowledgement(_ request: CoAPRequestHandle) {
    // The last one is usually it.
    let index = pendingAcknowledgements.lastIndex {
      $0.messageID == request.messageID && $0.peer == request.source
    }
    if let index { pendingAcknowledgements.remove(at: index) }
  }

  /// Tells those who wait for long that their request came; the response will be a message of its own.
  mutating func acknowledgeDue(now: Instant) {
    while let pending = pendingAcknowledgements.first, pending.deadline <= now {
      pendingAcknowledgements.removeFirst()
      guard let place = peers.place(of: pending.peer), let index = peers[place].open(pending.messageID) else {
        continue
      }
      let bytes = Self.empty(.acknowledgement, messageID: pending.messageID)
      remember(reply: bytes, index, at: place)
      peers[place].remembered[index].isOpen = true
      peers[place].remembered[index].isAcknowledged = true
      send(bytes, at: place)
    }
  }
}

extension CoAPCode {
  /// It only reads (RFC 7252 section 5.1, RFC 8132): asked twice, it does no harm.
  public var isSafe: Bool { self == .get || self == .fetch }
}
