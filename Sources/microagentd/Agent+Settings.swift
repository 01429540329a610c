import MicroAgent
import Microcloud

/// How the node is set up, and set up otherwise by its owner.
extension Agent {
  func answerSettings(_ request: ControlRequest) {
    respond(withState(Responses.content(settings.value, token: request.token)), to: request)
  }

  /// What can count at once does; all of it is kept for the next start.
  func changeSettings(_ request: ControlRequest, _ change: SettingsChange) throws(RequestError) {
    let configuration = try settings.change(change)
    goBy(configuration.offer)
    network.memory.save(.settings, settings.kept) { [self] problem in
      if problem != nil { return written(request, name: "settings", problem) }
      var map = CBORMap()
      map[.pending] = .array(settings.pending.map { .text($0) })
      respond(withState(CoAPMessage(code: .changed, token: request.token, cbor: .map(map))), to: request)
    }
  }

  private func withState(_ message: CoAPMessage) -> CoAPMessage {
    var message = message
    message.options.add(CoAPOption(.etag, settings.etag))
    return message
  }

  /// What others are given from now on. No lease that was given is taken back.
  private func goBy(_ terms: OfferSettings) {
    offer = Offer(terms, of: capacity, standing: configuration.node.standing, abilities: offer.abilities)
    supervisor.set(limits: offer.limits(of: capacity), policy: offer.policy)
    tellNetwork()
  }
}
