import Basics
import EventLoop
import LinuxSystem
import MicroAgent
import Microcloud

/// The node's entry in a resource directory (RFC 9176), where there is one: carries out what `DirectoryRegistration` decides.
final class DirectoryEntry {
  /// What the directory is to know of the node.
  struct Node: Equatable {
    let name: String
    /// Nil: it is in none.
    let microcloud: String?
    let links: [UInt8]
  }

  /// Is told when there may be another deadline.
  var onDeadline: (() -> Void)?

  private var machine: DirectoryRegistration
  private let endpoint: NodeEndpoint
  private let loop: EventLoop
  private let node: () -> Node
  /// Where to look for directories.
  private let interfaces: () -> [NetworkInterface]
  /// What the directory was told.
  private var told: Node?

  /// The groups of all CoAP nodes (RFC 7252 section 12.8).
  private static let groupV4 = IPAddress.v4(0xE000_01BB)
  private static let groupV6 = IPAddress.v6(high: 0xFF02 << 48, low: 0xFD)
  private static let port: UInt16 = 5683
  private static let corePath = [".well-known", "core"]

  init(
    _ place: DirectoryRegistration.Place, _ endpoint: NodeEndpoint, on loop: EventLoop,
    interfaces: @escaping () -> [NetworkInterface], node: @escaping () -> Node
  ) {
    var random = SystemRandomNumberGenerator()
    machine = DirectoryRegistration(place, seed: random.next(), now: loop.now)
    self.endpoint = endpoint
    self.loop = loop
    self.interfaces = interfaces
    self.node = node
    endpoint.onFound = { [unowned(unsafe) self] links, source in perform(machine.found(links, from: source)) }
  }

  var nextDeadline: Instant? { machine.nextDeadline }

  /// Does what is due. What has changed of the node is told in its time.
  func tick() {
    if let told, told != node() { perform(machine.changed(now: loop.now)) }
    perform(machine.tick(now: loop.now))
  }

  /// The node goes.
  func leave() { perform(machine.leave()) }

  private func perform(_ effects: [DirectoryRegistration.Effect]) {
    for effect in effects {
      switch effect {
      case .find(.anywhere): findAnywhere()
      case .find(.at(let address)): find(at: address)
      case .register(let path, let address): register(path, address)
      case .refresh(let path, let address):
        var message = CoAPMessage(code: .post)
        message.path = path
        ask(message, address)
      case .remove(let path, let address):
        told = nil
        var message = CoAPMessage(code: .delete)
        message.path = path
        endpoint.request(message, to: address) { _ in }
      }
    }
    onDeadline?()
  }

  private var question: CoAPMessage {
    var message = CoAPMessage(code: .get)
    message.path = Self.corePath
    message.query = ["rt=core.rd*"]
    return message
  }

  private func findAnywhere() {
    for interface in interfaces() where interface.flags.isSuperset(of: [.up, .running, .multicast]) {
      for family in [IPFamily.v4, .v6] {
        guard let own = interface.addresses.first(where: { $0.isUsable && IPFamily($0.address) == family }) else {
          continue
        }
        let group = family == .v4 ? Self.groupV4 : Self.groupV6
        let scope = family == .v4 ? 0 : interface.index
        endpoint.find(question, in: SocketAddress(group, port: Self.port, scope: scope), from: own.address)
      }
    }
  }

  private func find(at address: SocketAddress) {
    endpoint.request(question, to: address) { [unowned(unsafe) self] result in
      if case .success(let answer) = result, answer.code == .content {
        let effects = machine.found(answer.payload, from: address)
        if !effects.isEmpty { return perform(effects) }
      }
      perform(machine.answered(.failed, now: loop.now))
    }
  }

  private func register(_ path: [String], _ address: SocketAddress) {
    let node = node()
    told = node
    var message = CoAPMessage(code: .post, payload: node.links)
    message.path = path
    message.query = ["ep=\(node.name)", "lt=\(DirectoryRegistration.lifetimeSeconds)"]
    if let microcloud = node.microcloud { message.query.append("d=\(microcloud)") }
    message.contentFormat = .linkFormat
    ask(message, address)
  }

  private func ask(_ message: CoAPMessage, _ address: SocketAddress) {
    endpoint.request(message, to: address) { [unowned(unsafe) self] result in
      perform(machine.answered(Self.answer(result), now: loop.now))
    }
  }

  private static func answer(_ result: Result<CoAPMessage, RequestError>) -> DirectoryRegistration.Answer {
    guard case .success(let message) = result else { return .failed }
    switch message.code {
    case .created:
      return .created(
        message.options.list.filter { $0.number == .locationPath }.map { ASCII.string($0.value) })
    case .changed: return .done
    case .notFound: return .notFound
    default: return .failed
    }
  }
}
