import Basics
import MicroAgent
import Microcloud

/// An agent that can be talked to.
struct Neighbour {
  let candidate: PlacementCandidate
  let destination: Destination
  var name: String { candidate.name }
}

/// The agents that there are as one of them tells: itself, and those that gossip tells it of.
enum Neighbours {
  /// Itself is the first.
  static func ask(_ client: Client) throws(Failure) -> [Neighbour] {
    let info = try client.fetch(["info"])
    let fingerprint = info[.fingerprint]?.textValue
    var own = own(info)
    var others: [Neighbour] = []
    for node in try client.fetch(["nodes"])[.nodes]?.arrayValue ?? [] {
      guard let candidate = PlacementCandidate(node) else { continue }
      if node[.fingerprint]?.textValue == fingerprint {
        own.isa = candidate.isa
      } else if let remote = RemoteNode(node) {
        others.append(Neighbour(candidate: candidate, destination: .node(remote)))
      }
    }
    return [Neighbour(candidate: own, destination: client.destination)] + others
  }

  private static func own(_ info: CBORValue) -> PlacementCandidate {
    var own = PlacementCandidate(name: info[.node]?.textValue ?? info[.hostname]?.textValue ?? "this node")
    let (offered, reserved) = (info[.memoryOfferBytes]?.unsignedValue, info[.memoryReservedBytes]?.unsignedValue)
    own.isOwn = true
    own.isClaimed = info[.standing]?.textValue == "claimed"
    own.freeMemoryBytes = offered.map { $0 - min($0, reserved ?? 0) } ?? 0
    own.quality = 100
    return own
  }
}
