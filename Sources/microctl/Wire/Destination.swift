import Basics
import MicroAgent
import Microcloud

/// Whom microctl talks to.
enum Destination: CustomStringConvertible {
  /// The agent on this machine, at its socket.
  case local(path: String)
  case node(RemoteNode)

  var isLocal: Bool { if case .local = self { true } else { false } }

  var description: String {
    switch self {
    case .local(let path): path
    case .node(let node): "node \(node.name)"
    }
  }
}

/// An agent on another machine.
struct RemoteNode {
  /// As it was asked for: a node's name, or its address.
  let name: String
  let address: SocketAddress
  /// The beginning of its key's fingerprint, as gossip tells it; nil: nobody told.
  let fingerprint: String?
  /// Where it is a member, as gossip tells it; nil: nobody told.
  let microcloud: String?

  /// Where agents are asked if they do not say otherwise (RFC 7252).
  private static let usualPort: UInt16 = 5683

  /// Finds a node by its address, or by its name among those that the agent on this machine knows.
  static func find(_ text: String, askedAt socket: String) throws(Failure) -> RemoteNode {
    if let node = RemoteNode(at: text) { return node }
    let answer: CBORValue
    do throws(Failure) {
      answer = try Client(.local(path: socket)).fetch(["nodes"])
    } catch {
      throw Failure(
        error.kind, "node \(text): where it is, the agent here would know: \(error.line); or give its address")
    }
    for node in answer[.nodes]?.arrayValue ?? [] where node[.name]?.textValue == text {
      guard let found = RemoteNode(node) else {
        throw Failure(.refused, "node \(text): it is no agent, and cannot be asked")
      }
      return found
    }
    throw Failure(.refused, "node \(text): none of that name is there: `microctl nodes` lists them")
  }
}

extension RemoteNode {
  /// The one at an address; nil: it is none.
  init?(at text: String) {
    guard let address = SocketAddress(text) ?? IPAddress(text).map({ SocketAddress($0, port: Self.usualPort) }) else {
      return nil
    }
    self.init(name: "\(address)", address: address, fingerprint: nil, microcloud: nil)
  }

  /// Reads an item of the answer to GET /nodes; nil where that is no agent.
  init?(_ node: CBORValue) {
    guard let name = node[.name]?.textValue, let address = node[.address]?.textValue.flatMap({ IPAddress($0) }),
      let port = node[.coapPort]?.unsignedValue.flatMap({ UInt16(exactly: $0) })
    else { return nil }
    self.init(
      name: name, address: SocketAddress(address, port: port), fingerprint: node[.fingerprint]?.textValue,
      microcloud: node[.microcloud]?.textValue)
  }
}
