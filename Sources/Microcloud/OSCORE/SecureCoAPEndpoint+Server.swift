import Basics

// The server's role under OSCORE (RFC 8613 sections 8.2 and 8.3).
extension SecureCoAPEndpoint {
  /// More than this is not put into a response, or no datagram would hold it with all that comes around it.
  static let maximumPlaintextBytes = CoAPDatagram.maximumSentBytes - 48

  // MARK: Requests

  /// Goes on with a request that was handed out for its EDHOC option, now that its context is there.
  ///
  /// - Parameter ciphertext: what is left of its body without EDHOC's message.
  public mutating func verify(
    _ message: CoAPMessage, ciphertext: [UInt8], from handle: CoAPRequestHandle, now: Instant
  ) -> [CoAPEffect] {
    var message = message
    message.payload = ciphertext
    message.options.remove(.edhoc)
    return verify(message, handle, now: now)
  }

  /// Takes a request that says it is protected. Until that is verified, it costs and leaves behind as little as can be; what is
  /// wrong with it is said in plain.
  mutating func verify(_ message: CoAPMessage, _ handle: consuming CoAPRequestHandle, now: Instant) -> [CoAPEffect] {
    do throws(OSCOREError) {
      let option = try OSCOREOption(message.options[.oscore]?.value ?? [])
      let context = try contexts.context(for: option)
      contexts.prepare(context)
      let (request, partialIV) = try context.unprotect(request: message, option)
      contexts.touch(context)
      endpoint.prove(handle.source, now: now)
      context.uses += 1
      return take(request, partialIV, context, handle, now: now)
    } catch {
      if let response = error.response { return endpoint.refuse(response, to: handle) }
      return endpoint.settle(handle, now: now)
    }
  }

  /// Takes a request that is verified.
  private mutating func take(
    _ request: CoAPMessage, _ partialIV: UInt64, _ context: OSCOREContext, _ handle: consuming CoAPRequestHandle,
    now: Instant
  ) -> [CoAPEffect] {
    handle.isProven = true
    // Of what was said outside nothing counts.
    handle.isFresh =
      request.options[.echo].map { endpoint.isFreshEcho($0.value, from: handle.source, now: now) } ?? false
    handle.noResponse = request.noResponse
    handle.protection = CoAPProtection(context: context.number, request: partialIV, principal: context.principal)
    if request.options.notUnderstood(among: criticalOptions) != nil {
      return respond(CoAPMessage(code: .badOption), to: handle, now: now)
    }
    return [.request(request, handle)]
  }

  // MARK: Answers

  /// See `CoAPEndpoint.respond`. To a protected request the response is protected; if it cannot be, nothing is said but that the
  /// request came.
  public mutating func respond(
    _ response: CoAPMessage, to request: CoAPRequestHandle, now: Instant
  ) -> [CoAPEffect] {
    guard let protection = request.protection else { return endpoint.respond(response, to: request, now: now) }
    // Answered twice, it would use a nonce twice.
    guard endpoint.isOpen(request) else { return [] }
    guard let context = contexts.context(protection.context) else { return endpoint.settle(request, now: now) }
    context.uses -= 1
    if request.isUnwanted(response) { return endpoint.settle(request, now: now) }
    do throws(OSCOREError) {
      let message = try protect(response, protection, context, isNumbered: response.options[.observe] != nil)
      return endpoint.respond(message, to: request, now: now)
    } catch {
      return endpoint.settle(request, now: now)
    }
  }

  /// See `CoAPEndpoint.settle`.
  public mutating func settle(_ request: CoAPRequestHandle, now: Instant) -> [CoAPEffect] {
    if let protection = request.protection, endpoint.isOpen(request) {
      contexts.context(protection.context)?.uses -= 1
    }
    return endpoint.settle(request, now: now)
  }

  /// See `CoAPEndpoint.challenge`. With OSCORE only the one who asked can take the challenge up.
  public mutating func challenge(_ request: CoAPRequestHandle, now: Instant) -> [CoAPEffect] {
    respond(endpoint.challengeMessage(request.source, now: now), to: request, now: now)
  }

  /// See `CoAPEndpoint.notify`.
  ///
  /// - Parameter protection: that of the notice, as `CoAPObservers` has it from the registration.
  public mutating func notify(
    _ message: CoAPMessage, to peer: SocketAddress, protection: CoAPProtection?, isConfirmable: Bool, now: Instant
  ) throws(CoAPError) -> (id: CoAPExchangeID, effects: [CoAPEffect]) {
    guard let protection else {
      return try endpoint.notify(message, to: peer, isConfirmable: isConfirmable, now: now)
    }
    guard let context = contexts.context(protection.context) else { throw .noSecurityContext }
    let outer: CoAPMessage
    do throws(OSCOREError) {
      outer = try protect(message, protection, context, isNumbered: true)
    } catch {
      throw CoAPError(error)
    }
    return try endpoint.notify(outer, to: peer, isConfirmable: isConfirmable, now: now)
  }

  private mutating func protect(
    _ response: CoAPMessage, _ protection: CoAPProtection, _ context: OSCOREContext, isNumbered: Bool
  ) throws(OSCOREError) -> CoAPMessage {
    contexts.prepare(context)
    contexts.touch(context)
    let fits = response.options.byteEstimate + response.payload.count <= Self.maximumPlaintextBytes
    // As the endpoint does it, but not in plain: block-wise transfer should have been used.
    let message = fits ? response : CoAPMessage(code: .internalServerError, token: response.token)
    return try context.protect(response: message, to: protection.request, isNumbered: isNumbered)
  }
}

extension CoAPError {
  init(_ error: OSCOREError) {
    switch error {
    case .exhausted, .contextNotFound: self = .noSecurityContext
    default: self = .notProtectable
    }
  }
}
