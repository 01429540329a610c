import Basics

/// Who may do what: one rule for each kind of request.
///
/// The owner may do everything, an observer may look at everything. A member may look at what there is and lease of it, and
/// within its own leases do with containers what it likes, but for what would let it out of them: host network, mounts,
/// root on the board, root file systems that were not put there for it. Anybody may read what is offered, and who is
/// no member any more, and bring a list of those: it says itself who signed it.
public enum Permission {
  /// Why a principal may not do this; nil: it may.
  ///
  /// - Parameters:
  ///   - holder: who holds the lease that the request is about, or that the container is in which it is about; nil:
  ///     nobody, or there is no such thing.
  ///   - policy: what the owner says about members.
  public static func refusal(
    of request: APIRequest, by principal: Principal, holder: [UInt8]?, policy: LeasePolicy
  ) -> RequestError? {
    switch principal.role {
    case .owner: nil
    case .observer: reads(request) || isOpen(request) ? nil : looksOnly(principal).map { refused($0) }
    case .member: memberRefusal(of: request, principal, holder, policy)
    case .public: isOpen(request) ? nil : looksOnly(principal).map { refused($0) }
    }
  }

  /// Why a principal may change nothing at all, whatever it asks for; nil: it may, perhaps.
  public static func looksOnly(_ principal: Principal) -> String? {
    switch principal.role {
    case .owner, .member: nil
    case .observer: "only root may change anything here: you may look"
    case .public: "only members of the microcloud may: show a credential"
    }
  }

  /// Whether lists show everything to a principal; otherwise they show what is its own.
  public static func seesAll(_ principal: Principal) -> Bool {
    principal.role == .owner || principal.role == .observer
  }

  /// What is no secret from anybody.
  private static func isOpen(_ request: APIRequest) -> Bool {
    switch request {
    // Whether the board can be claimed now, and by whom, is looked at where that is known.
    case .offer, .publications, .revocations, .revoke, .own: true
    default: false
    }
  }

  /// What changes nothing.
  private static func reads(_ request: APIRequest) -> Bool {
    switch request {
    case .list, .inspect, .top, .logs, .inspectExec, .usage, .metrics, .info, .nodes, .search, .searchNode,
      .publications,
      .offer, .leases, .inspectLease, .revocations, .events, .settings, .owner, .audit, .resets, .blob, .images,
      .inspectImage:
      true
    case .run, .start, .pause, .resume, .stop, .kill, .update, .remove, .exec, .attend,
      .plan, .publish, .unpublish, .lease,
      .changeLease,
      .releaseLease, .drain, .changeSettings, .revoke, .own, .disown, .openClaim, .closeClaim, .putBlob, .makeImage,
      .removeImage:
      false
    }
  }

  private static func memberRefusal(
    of request: APIRequest, _ principal: Principal, _ holder: [UInt8]?, _ policy: LeasePolicy
  ) -> RequestError? {
    switch request {
    case .run(let wish):
      guard let lease = wish.lease else { return refused("run: name a lease of yours that it is to be in") }
      guard holder == principal.holder else { return notYours("lease \(lease)") }
      return memberProblem(of: wish, policy).map { refused($0) }
    case .inspect(let name, _), .logs(let name, _, _, _), .start(let name), .pause(let name), .resume(let name),
      .stop(let name, _), .kill(let name, _), .update(let name, _), .top(let name), .remove(let name, _),
      .exec(let name, _, _), .inspectExec(let name, _, _), .attend(let name, _, _):
      return holder == principal.holder ? nil : notYours("container \(name)")
    case .inspectLease(let id, _), .changeLease(let id, _), .releaseLease(let id, _):
      return holder == principal.holder ? nil : notYours("lease \(id)")
    case .inspectImage(let name), .removeImage(let name):
      return holder == principal.holder ? nil : notYours("image \(name)")
    // How much of them, the disk of its leases says.
    case .blob, .putBlob, .images, .makeImage: return nil
    case .lease: return policy.refusal(of: principal).map { refused($0) }
    case .list, .usage, .metrics, .leases, .offer, .publications, .info, .nodes, .search, .searchNode, .revocations,
      .revoke, .events, .own:
      return nil
    case .plan, .publish, .unpublish, .drain, .settings, .changeSettings, .owner, .disown, .openClaim, .closeClaim,
      .audit, .resets:
      return refused("only the board's owner may do that")
    }
  }

  /// What of a container would let its owner reach what is not its own.
  private static func memberProblem(of wish: ContainerRequest, _ policy: LeasePolicy) -> String? {
    if wish.network == .host { return "network \"host\": only the board's owner may give it" }
    if wish.ports.contains(where: { $0.port < PublishedPort.firstFree }) {
      return "ports below \(PublishedPort.firstFree): only the board's owner may give them"
    }
    if !wish.userNamespace { return "root on the board: only its owner may give it" }
    if !wish.mounts.isEmpty { return "mounts: only the board's owner may show files of the board" }
    if !wish.publications.isEmpty { return "publications: only the board's owner may speak for it" }
    // Of images it may have those that it brought.
    if !wish.manifest.isEmpty { return nil }
    if wish.root.utf8.starts(with: "\(policy.rootsDirectory)/".utf8) { return nil }
    return "root file system \(wish.root): only those below \(policy.rootsDirectory) are for members"
  }

  private static func refused(_ line: String) -> RequestError { RequestError(.forbidden, line) }

  /// The same whether it is another's or nobody's: what others have is their own affair.
  private static func notYours(_ what: String) -> RequestError {
    RequestError(.notFound, "\(what): you have none of that name here")
  }
}
