import Basics
import EventLoop
import MicroAgent
import Microcloud

// What people ask of the node about its neighbours.
extension NodeNetwork {
  /// Every node that is seen, best first.
  func nodes() -> (nodes: [DirectoryNode], isCut: Bool) {
    var search = NodeSearch()
    forEachMember { search.add($0, in: directory) }
    return search.finish()
  }

  /// The services that have a text in them; with an empty one, all.
  func search(_ text: String) -> CBORValue {
    var search = ServiceSearch(text)
    forEachMember { search.add($0, in: directory) }
    let brokenTags = search.brokenTags
    return DirectoryAnswer.value(of: search.finish(), brokenTags: brokenTags)
  }

  private func forEachMember(_ body: (DirectoryMember) -> Void) {
    for cluster in clusters {
      guard let state = cluster.state else { continue }
      for node in state.membership.nodes { body(member(node, cluster.kind, state)) }
    }
  }

  func member(_ node: PushPullNode, _ kind: MembershipKind, _ state: SerfMembership) -> DirectoryMember {
    let isSelf = node.name == state.name
    let microseconds = isSelf ? 0 : state.estimatedRoundTripMicroseconds(to: node.name)
    return DirectoryMember(
      kind: kind, name: node.name, address: node.address.address, isAlive: !node.state.isGone, isSelf: isSelf,
      meta: node.meta, roundTripMilliseconds: microseconds.map { $0 / 1000 })
  }

  /// The member that is there under a name; where both memberships have one, the microcloud's counts.
  func member(named name: String) -> DirectoryMember? {
    var found: DirectoryMember?
    for cluster in clusters {
      guard let state = cluster.state, let node = state.membership.node(named: NodeName(name.utf8)), !node.state.isGone,
        found.map({ $0.kind.rawValue < cluster.kind.rawValue }) ?? true
      else { continue }
      found = member(node, cluster.kind, state)
    }
    return found
  }

  /// What this node offers, and where that is told.
  func publications(ofAll containers: [OwnServices.Entry]) -> [PublicationStatus] {
    let running = services.entries
    let others = containers.filter { !running.contains($0) }
    let dropped = self.dropped
    return running.indices.map { index in
      PublicationStatus(
        running[index].publication, container: running[index].container,
        standing: standing(isDropped: dropped.contains(index)))
    } + others.map { PublicationStatus($0.publication, container: $0.container, standing: .notRunning) }
  }

  private func standing(isDropped: Bool) -> PublicationStanding {
    if identity.standing == .unclaimed { return .unclaimed }
    if !clusters.contains(where: { $0.state != nil }) { return .onLink }
    return isDropped ? .noRoom : .announced
  }

  var status: NodeStatus {
    NodeStatus(
      name: microcloud?.name ?? publicCluster?.naming.text ?? identity.naming(number: 1).text,
      fingerprint: identity.fingerprint, standing: identity.standing,
      memberships: clusters.map { status(of: $0) })
  }

  private func status(of cluster: ClusterMember) -> MembershipStatus {
    let isPublic = cluster.kind == .public
    var lines = isPublic ? publicCluster.map { [$0.status(now: loop.now)] } : microcloud?.status(now: loop.now)
    if let problem = cluster.problem { lines?.append(problem) }
    return MembershipStatus(
      kind: cluster.kind, nodeName: (isPublic ? publicCluster?.naming.text : microcloud?.name) ?? "",
      members: UInt64(1 + (cluster.state?.peerCount ?? 0)), lines: lines ?? [])
  }
}
