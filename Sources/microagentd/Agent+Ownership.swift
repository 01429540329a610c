import Basics
import Crypto
import EventLoop
import MicroAgent
import Microcloud

/// Whose the board is, and how it becomes somebody's.
extension Agent {
  func ownerAnswer() -> CBORValue {
    ownership.value(
      standing: configuration.node.standing, claimableSeconds: server.claimWindow.secondsLeft(now: loop.now))
  }

  /// Who is not the owner may make itself so while the board can be claimed, and nobody else.
  func checkClaim(of key: P256.PublicKey, by request: ControlRequest) throws(RequestError) {
    if request.principal.role == .owner { return }
    guard server.claimWindow.secondsLeft(now: loop.now) > 0 else {
      throw RequestError(.forbidden, "claim: only while the board is open for it: `microctl claim --open` on the board")
    }
    guard key == request.client.key else {
      throw RequestError(.forbidden, "claim: whoever claims a board claims it for itself")
    }
  }

  /// Gives the board to a key, or back to whom its configuration names. What it says of itself to others, and to whom it
  /// leases, depends on that in many places: the keeper starts a new agent, which says all of it anew. Containers go on.
  func give(to key: P256.PublicKey?, told: @escaping (String?) -> Void) {
    server.claimWindow.close()
    var given = ownership
    given.give(to: key)
    if given == ownership { return told(nil) }
    network.memory.save(.owner, given.kept) { [self] problem in
      if problem == nil { ownership = given }
      told(problem)
      if problem != nil { return }
      noteWantedEnd()
      end(AgentExit.restart, "the board has another owner: starting again")
    }
  }
}
