import Basics

/// CoAP with OSCORE (RFC 8613) between a `CoAPEndpoint` and the resources. It is used as that is: each call returns effects, to
/// be carried out in order.
///
/// A request effect whose handle has a `protection` was made by that protection's principal, and came once; all others came
/// in plain, and whoever is above decides what anybody may. What is answered to a protected request, or notified on account of
/// one, is protected, or not sent. To a protected request of ours a response comes only if the peer made it for just this
/// request; the error that someone sends in plain instead becomes an end.
///
/// A request whose context is still to be made, of what its EDHOC option says comes with it (RFC 9668), is handed out as it
/// came, where `CoAPLimits.criticalOptions` holds that option; see `verify(_:ciphertext:from:now:)`.
///
/// Blocks and observations are the business of what is above, as without OSCORE; it passes the protection on to them.
public struct SecureCoAPEndpoint {
  var endpoint: CoAPEndpoint
  /// The contexts there are. They come from elsewhere, as from EDHOC.
  public var contexts: OSCOREContexts
  /// What is understood inside of OSCORE; outside it is OSCORE, too.
  let criticalOptions: [CoAPOptionNumber]
  /// The protected requests of ours.
  var exchanges: [SecureCoAPExchange] = []

  /// - Parameter limits: those of the `CoAPEndpoint`; OSCORE adds itself to the options that are understood.
  public init(
    limits: CoAPLimits = CoAPLimits(), contexts: OSCOREContexts = OSCOREContexts(), digest: @escaping KeyedDigest
  ) {
    var outer = limits
    outer.criticalOptions.append(.oscore)
    criticalOptions = limits.criticalOptions
    endpoint = CoAPEndpoint(limits: outer, digest: digest)
    self.contexts = contexts
  }

  /// When `tick` must next be called; nil: not before something else happens.
  public var nextDeadline: Instant? {
    var earliest = endpoint.nextDeadline
    for exchange in exchanges {
      guard let deadline = exchange.deadline else { continue }
      if earliest.map({ deadline < $0 }) ?? true { earliest = deadline }
    }
    return earliest
  }

  /// Does what is due at `now`.
  public mutating func tick(now: Instant) -> [CoAPEffect] {
    var effects = refine(endpoint.tick(now: now), now: now)
    // The endpoint has taken what came for the response; nothing of it was.
    while let index = exchanges.firstIndex(where: { $0.deadline.map { $0 <= now } ?? false }) {
      effects += refine(end(index, .timedOut, now: now), now: now)
    }
    return effects
  }

  /// Takes a datagram that came. `isMulticast`: it was sent to a group.
  public mutating func receive(
    _ bytes: [UInt8], from source: SocketAddress, isMulticast: Bool = false, now: Instant
  ) -> [CoAPEffect] {
    refine(endpoint.receive(bytes, from: source, isMulticast: isMulticast, now: now), now: now)
  }

  /// See `CoAPEndpoint.prove`.
  public mutating func prove(_ address: SocketAddress, now: Instant) {
    endpoint.prove(address, now: now)
  }

  /// See `CoAPEndpoint.ping`.
  public mutating func ping(
    _ peer: SocketAddress, now: Instant
  ) throws(CoAPError) -> (id: CoAPExchangeID, effects: [CoAPEffect]) {
    let (id, effects) = try endpoint.ping(peer, now: now)
    return (id, refine(effects, now: now))
  }

  /// Makes of the endpoint's effects those for what is above.
  mutating func refine(_ effects: [CoAPEffect], now: Instant) -> [CoAPEffect] {
    if effects.allSatisfy({ isFinal($0) }) { return effects }
    var refined: [CoAPEffect] = []
    for effect in effects {
      switch effect {
      case .request(let message, let handle) where message.isToBeVerified:
        refined += verify(message, handle, now: now)
      case .response(let id, let message, let source):
        if let index = exchanges.firstIndex(where: { $0.outer == id }) {
          refined += verify(message, index, from: source, now: now)
        } else {
          refined.append(effect)
        }
      case .ended(let id, let reason):
        if let index = exchanges.firstIndex(where: { $0.outer == id }) {
          refined.append(.ended(remove(index).id, reason))
        } else {
          refined.append(effect)
        }
      default: refined.append(effect)
      }
    }
    return refined
  }

  private func isFinal(_ effect: CoAPEffect) -> Bool {
    switch effect {
    case .send, .delivered: true
    case .request(let message, _): !message.isToBeVerified
    case .response, .ended: exchanges.isEmpty
    }
  }
}

extension CoAPMessage {
  /// Whether the context that it says it is protected with should be there.
  fileprivate var isToBeVerified: Bool { options[.oscore] != nil && options[.edhoc] == nil }
}
