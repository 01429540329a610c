import Basics
import EventLoop
import MicroAgent
import Microcloud

// Who is no member any more spreads from neighbour to neighbour: each asks one of the others now and then.
extension NodeNetwork {
  /// A list reaches a hundred nodes in about half an hour, and costs each of them a question in this time.
  private static let revocationsMilliseconds: UInt64 = 300_000
  /// While nobody is there who could be asked.
  private static let aloneMilliseconds: UInt64 = 15_000

  /// Asks one of the microcloud's agents, another one each time, for the list that it has.
  func askForRevocationsIfDue() {
    guard settings.microcloudKey != nil, loop.now >= revocationsDue else { return }
    guard let endpoint, let peer = someAgent() else {
      revocationsDue = loop.now.advanced(milliseconds: Self.aloneMilliseconds)
      return
    }
    revocationsDue = loop.now.advanced(milliseconds: Self.revocationsMilliseconds)
    endpoint.get(NodeResources.revocationsPath, from: peer, maximumBytes: RevocationList.maximumBytes) {
      [unowned(unsafe) self] result in
      // To look at a signature costs much more than to see that there is nothing new.
      guard case .success(let bytes) = result, bytes != revocations else { return }
      onRevocations?(bytes)
    }
  }

  /// Where some agent of the microcloud can be asked.
  private func someAgent() -> SocketAddress? {
    guard let state = clusters.first(where: { $0.kind == .microcloud })?.state else { return nil }
    let nodes = Array(state.membership.nodes)
    guard !nodes.isEmpty else { return nil }
    var random = SystemRandomNumberGenerator()
    let start = Int(random.next(upperBound: UInt32(nodes.count)))
    for offset in nodes.indices {
      let node = nodes[(start + offset) % nodes.count]
      guard node.state == .alive, node.name != state.name,
        let agent = ServiceDirectory.agent(of: member(node, .microcloud, state))
      else { continue }
      return SocketAddress(node.address.address, port: agent.entry.coapPort)
    }
    return nil
  }
}
