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

  /// What a person should know about it.
  var notices: [String] { endpoint?.problem.map { [$0] } ?? [] }
}
