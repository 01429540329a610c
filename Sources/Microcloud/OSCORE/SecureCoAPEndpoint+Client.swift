import Basics

// The client's role under OSCORE (RFC 8613 sections 8.1 and 8.4).
extension SecureCoAPEndpoint {
  /// See `CoAPEndpoint.request`.
  ///
  /// - Parameters:
  ///   - context: what to protect it with, as `OSCOREContexts.number(of:)` says; nil: it goes in plain. To a group requests go
  ///     in plain.
  ///   - message3: with the first protected request, EDHOC's last message, which makes the context at the server (RFC 9668);
  ///     empty: it has it.
  public mutating func request(
    _ message: CoAPMessage, to peer: SocketAddress, context: UInt64? = nil, message3: [UInt8] = [],
    isConfirmable: Bool = true, isMulticast: Bool = false, timeoutMilliseconds: UInt64? = nil, now: Instant
  ) throws(CoAPError) -> (id: CoAPExchangeID, effects: [CoAPEffect]) {
    guard let context else {
      return try endpoint.request(
        message, to: peer, isConfirmable: isConfirmable, isMulticast: isMulticast,
        timeoutMilliseconds: timeoutMilliseconds, now: now)
    }
    if isMulticast { throw .notProtectable }
    let timeout = timeoutMilliseconds ?? endpoint.limits.responseMilliseconds
    var (outer, partialIV) = try protect(message, context)
    if !message3.isEmpty {
      outer.options.add(CoAPOption(.edhoc, []))
      outer.payload = message3 + outer.payload
    }
    let (id, effects) = try endpoint.request(
      outer, to: peer, isConfirmable: isConfirmable, timeoutMilliseconds: timeout, now: now)
    contexts.context(context)?.uses += 1
    exchanges.append(
      SecureCoAPExchange(
        id: id, outer: id, peer: peer, context: context, request: message, partialIV: partialIV,
        isConfirmable: isConfirmable, deadline: now.advanced(milliseconds: timeout)))
    return (id, refine(effects, now: now))
  }

  /// See `CoAPEndpoint.cancel`.
  public mutating func cancel(_ id: CoAPExchangeID, now: Instant) -> [CoAPEffect] {
    guard let index = exchanges.firstIndex(where: { $0.id == id }) else {
      return refine(endpoint.cancel(id, now: now), now: now)
    }
    return refine(endpoint.cancel(remove(index).outer, now: now), now: now)
  }

  private mutating func protect(
    _ message: CoAPMessage, _ number: UInt64
  ) throws(CoAPError) -> (message: CoAPMessage, partialIV: UInt64) {
    guard let context = contexts.context(number) else { throw .noSecurityContext }
    contexts.prepare(context)
    contexts.touch(context)
    do throws(OSCOREError) {
      return try context.protect(request: message)
    } catch {
      throw CoAPError(error)
    }
  }

  // MARK: What comes

  /// Takes what came in answer to a protected request.
  mutating func verify(
    _ message: CoAPMessage, _ index: Int, from source: SocketAddress, now: Instant
  ) -> [CoAPEffect] {
    let exchange = exchanges[index]
    // What does not count ends an observation only if the endpoint has taken it for the end.
    let isOver = !endpoint.exchanges.contains { $0.id == exchange.outer }
    guard message.options[.oscore] != nil else {
      let isError = message.code.codeClass == 4 || message.code.codeClass == 5
      return isOver ? [.ended(remove(index).id, isError ? .refused(message.code) : .notAuthentic)] : []
    }
    guard let context = contexts.context(exchange.context) else { return end(index, .notAuthentic, now: now) }
    contexts.prepare(context)
    do throws(OSCOREError) {
      let (response, partialIV) = try context.unprotect(response: message, to: exchange.partialIV)
      contexts.touch(context)
      return take(response, partialIV, index, isOver: isOver, from: source, now: now)
    } catch {
      return isOver ? [.ended(remove(index).id, .notAuthentic)] : []
    }
  }

  /// Takes a response that the peer made for this request.
  private mutating func take(
    _ response: CoAPMessage, _ partialIV: UInt64?, _ index: Int, isOver: Bool, from source: SocketAddress, now: Instant
  ) -> [CoAPEffect] {
    if response.options.notUnderstood(among: criticalOptions) != nil { return end(index, .notUnderstood, now: now) }
    let hasObserve = response.options[.observe] != nil
    if hasObserve, !exchanges[index].observes { return end(index, .notUnderstood, now: now) }
    let isNotification = hasObserve && response.code.isSuccess
    if isNotification, !exchanges[index].notifications.take(partialIV) {
      return isOver ? [.ended(remove(index).id, .notAuthentic)] : []
    }
    if let effects = repeatRequest(index, challengedBy: response, now: now) { return effects }
    var response = response
    response.options.remove(.observe)
    // The outer Observe option is not protected: where it was taken away, this is the last that is heard.
    if isNotification, !isOver {
      response.options.add(
        CoAPOption(.observe, exchanges[index].notifications.count & UInt64(CoAPObservers.sequenceMask)))
      exchanges[index].deadline = nil
      return [.response(exchanges[index].id, response, from: source)]
    }
    let exchange = remove(index)
    return refine(endpoint.cancel(exchange.outer, now: now), now: now) + [
      .response(exchange.id, response, from: source)
    ]
  }

  /// Shows that we ask now (RFC 9175 section 2.3), as the endpoint does it in plain. Nil: it was no challenge, or one too many.
  private mutating func repeatRequest(
    _ index: Int, challengedBy response: CoAPMessage, now: Instant
  ) -> [CoAPEffect]? {
    let exchange = exchanges[index]
    guard response.code == .unauthorized, let echo = response.options[.echo], let deadline = exchange.deadline,
      exchange.echoes < CoAPLimits.maximumEchoes
    else { return nil }
    var request = exchange.request
    request.options.remove(.echo)
    request.options.add(echo)
    do throws(CoAPError) {
      let (message, partialIV) = try protect(request, exchange.context)
      let (outer, effects) = try endpoint.request(
        message, to: exchange.peer, isConfirmable: exchange.isConfirmable,
        timeoutMilliseconds: deadline.milliseconds(since: now), now: now)
      exchanges[index].outer = outer
      exchanges[index].partialIV = partialIV
      exchanges[index].echoes += 1
      return refine(effects + endpoint.cancel(exchange.outer, now: now), now: now)
    } catch {
      return nil
    }
  }

  // MARK: Ends

  mutating func remove(_ index: Int) -> SecureCoAPExchange {
    let exchange = exchanges.remove(at: index)
    contexts.context(exchange.context)?.uses -= 1
    return exchange
  }

  /// Ends an exchange, at the endpoint too.
  mutating func end(_ index: Int, _ reason: CoAPEnd, now: Instant) -> [CoAPEffect] {
    let exchange = remove(index)
    return refine(endpoint.cancel(exchange.outer, now: now), now: now) + [.ended(exchange.id, reason)]
  }
}
