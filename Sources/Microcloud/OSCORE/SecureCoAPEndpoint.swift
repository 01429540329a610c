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
///
/// It is large, and nothing ever makes a copy of it.
public struct SecureCoAPEndpoint: ~Copyable {
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
    // There is hardly ever more than one.
    if effects.count == 1 { return refine(effects[0], now: now) ?? effects }
    var refined: [CoAPEffect] = []
    for effect in effects {
      if let others = refine(effect, now: now) { refined += others } else { refined.append(effect) }
    }
    return refined
  }

  /// What becomes of an effect; nil: it stays as it is.
  private mutating func refine(_ effect: CoAPEffect, now: Instant) -> [CoAPEffect]? {
    switch effect {
    case .request(let message, let handle):
      return message.isToBeVerified ? verify(message, handle, now: now) : nil
    case .response(let id, let message, let source):
      return index(of: id).map { verify(message, $0, from: source, now: now) }
    case .ended(let id, let reason):
      return index(of: id).map { [.ended(remove($0).id, reason)] }
    case .send, .delivered: return nil
    }
  }

  private func index(of outer: CoAPExchangeID) -> Int? {
    exchanges.firstIndex { $0.outer == outer }
  }
}

extension CoAPMessage {
  /// Whether the context that it says it is protected with should be there.
  fileprivate var isToBeVerified: Bool { options[.oscore] != nil && options[.edhoc] == nil }
}
