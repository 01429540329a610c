import Basics
import Crypto

extension APIRequest {
  /// What the audit trail calls it; nil: it changes nothing.
  ///
  /// - Parameter made: the name or number of what came into being by it, where something did.
  public func deed(made: String?) -> String? {
    switch self {
    case .run(let wish):
      "run \(made ?? wish.name) \(wish.manifest.isEmpty ? wish.root : wish.image)"
        + (wish.lease.map { " in lease \($0)" } ?? "")
    case .remove(let name, _): "remove \(name)"
    case .start(let name): "start \(name)"
    case .pause(let name): "pause \(name)"
    case .resume(let name): "resume \(name)"
    case .stop(let name, _): "stop \(name)"
    case .kill(let name, let signal): "kill \(name) with signal \(signal)"
    case .update(let name, let change): "update \(name)" + change.deed
    case .exec(let name, _, let wish): "exec \(name) \(wish.command.joined(separator: " "))"
    case .attend(let name, let number, .hangUp): "hang up exec \(number) in \(name)"
    case .publish(let publication): "publish \(publication.name)"
    case .unpublish(let name): "unpublish \(name)"
    case .lease: "lease" + (made.map { " \($0)" } ?? "")
    case .changeLease(let id, let change):
      change.durationSeconds.map { "renew lease \(id) for \($0) s" } ?? "confirm lease \(id)"
    case .releaseLease(let id, _): "release lease \(id)"
    case .revoke: "revoke credentials"
    case .changeSettings(let change): change.deed
    case .drain(let isOn): isOn ? "drain" : "end draining"
    case .own(let key): "give the board to \(Hexadecimal.text(key.compressed))"
    case .disown: "give the board back to whom its configuration names"
    case .openClaim(let seconds): "let anybody claim the board for \(seconds) s"
    case .closeClaim: "let nobody claim the board"
    case .makeImage(let name, _): "push image \(name)"
    case .removeImage(let name): "remove image \(name)"
    case .list, .inspect, .top, .logs, .inspectExec, .attend, .usage, .metrics, .plan, .info, .nodes, .search,
      .searchNode,
      .publications, .offer,
      .leases, .inspectLease, .revocations, .events, .settings, .owner, .audit, .resets, .blob, .putBlob, .images,
      .inspectImage:
      nil
    }
  }
}
