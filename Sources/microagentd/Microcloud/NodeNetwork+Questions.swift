import Basics
import MicroAgent
import Microcloud

// What neighbours are asked themselves, as gossip has no room for it.
extension NodeNetwork {
  /// Asks a node for what it offers that has a text in it; with an empty one, for all. `completion` is given the answer as
  /// `search(_:)` has it, or in one line why there is none.
  func search(
    _ text: String, at name: String, completion: @escaping (Result<CBORValue, RequestError>) -> Void
  ) throws(RequestError) {
    guard let member = member(named: name) else {
      throw RequestError(.notFound, "node \(name): none of that name is there: `microctl nodes` lists them")
    }
    guard let agent = ServiceDirectory.agent(of: member) else {
      throw RequestError(.notFound, "node \(name): it is no agent, and cannot be asked")
    }
    if member.isSelf {
      let own = OfferedPublications(services.offered(by: identity.standing))
      return completion(.success(found(text, own, member, agent.microcloud)))
    }
    guard let endpoint else { throw RequestError(.failed, "node \(name): this node is in no microcloud") }
    endpoint.get(
      ["publications"], from: SocketAddress(member.address, port: agent.entry.coapPort),
      maximumBytes: OfferedPublications.maximumBytes
    ) { [unowned(unsafe) self] result in
      completion(answer(result, name) { found(text, $0, member, agent.microcloud) })
    }
  }

  private func answer(
    _ result: Result<[UInt8], RequestError>, _ name: String, _ found: (OfferedPublications) -> CBORValue
  ) -> Result<CBORValue, RequestError> {
    switch result {
    case .success(let bytes):
      do throws(CBORError) {
        return .success(found(try OfferedPublications(encoded: bytes)))
      } catch {
        return .failure(RequestError(.failed, "node \(name): its answer cannot be read: \(error)"))
      }
    case .failure(let error): return .failure(RequestError(error.kind, "node \(name): \(error)"))
    }
  }

  private func found(
    _ text: String, _ offered: OfferedPublications, _ member: DirectoryMember, _ microcloud: String
  ) -> CBORValue {
    var search = ServiceSearch(text)
    search.add(offered.services(of: member, microcloud: microcloud), of: member, in: directory)
    return DirectoryAnswer.value(of: search.finish(), brokenTags: offered.isBroken ? 1 : 0)
  }

  /// Nobody reaches us: a neighbour that we reach can tell whether our address is translated on the way. One word of one
  /// neighbour is enough for what is only shown to people.
  func askHowWeAreSeen() {
    for cluster in clusters {
      guard let registration = registration(cluster.kind), case .unreachable = registration.reachability.state,
        registration.advertised != cluster.askedAbout, let endpoint, let peer = neighbourToAsk(in: cluster)
      else { continue }
      cluster.askedAbout = registration.advertised
      endpoint.get(NodeResources.sourcePath, from: peer, maximumBytes: Self.maximumSourceBytes) {
        [unowned(unsafe) self] result in
        guard case .success(let bytes) = result, let address = NodeResources.source(encoded: bytes) else {
          cluster.askedAbout = nil
          return
        }
        switch cluster.kind {
        case .microcloud: act { $0.take(.heard(.seenAs(address)), now: $1) }
        case .public: actInPublic { $0.take(.heard(.seenAs(address)), now: $1) }
        }
      }
    }
  }

  private static let maximumSourceBytes = 64

  private func registration(_ kind: MembershipKind) -> Registration? {
    kind == .public ? publicCluster : microcloud?.registration
  }

  /// Where one of the agents in a membership can be asked.
  private func neighbourToAsk(in cluster: ClusterMember) -> SocketAddress? {
    guard let state = cluster.state else { return nil }
    for node in state.membership.nodes where node.state == .alive && node.name != state.name {
      let agent = ServiceDirectory.agent(of: member(node, cluster.kind, state))
      if let agent { return SocketAddress(node.address.address, port: agent.entry.coapPort) }
    }
    return nil
  }

  /// What a person should know about it.
  var notices: [String] { endpoint?.problem.map { [$0] } ?? [] }
}
