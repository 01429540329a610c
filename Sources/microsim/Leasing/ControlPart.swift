import Basics
import Crypto
import MicroAgent
import Microcloud
import NodeSecurity

/// A node's CoAP port as it ships: a `SecureCoAPEndpoint` that serves whoever proves by EDHOC who it is, and asks others. What is
/// asked of it goes to its `Board`; what it asks comes from its `Tenant`.
final class ControlPart: NodePart {
  static let defaultPort: UInt16 = 5683
  private static let tenantsPerNode = 3
  private static let muteMilliseconds: UInt64 = 15_000

  let port = ControlPart.defaultPort
  private unowned let node: SimulatedNode
  private unowned let world: World
  private var endpoint: SecureCoAPEndpoint
  private var exchanges: EDHOCExchanges
  private var principals: [UInt64: Principal] = [:]
  private var waiting: [CoAPExchangeID: (Outcome) -> Void] = [:]
  private var timers = EventQueue<(Instant) -> Void>()
  private(set) var board: Board!
  private(set) var tenants: [Tenant] = []
  /// Until then nothing that it says arrives.
  private var isMuteUntil = Instant(nanoseconds: 0)
  /// The requests that were taken, by context and number: each comes once.
  private var taken: Set<CoAPProtection> = []
  /// What was answered to each; nothing else may be said under the same nonce.
  private var answered: [CoAPProtection: [UInt8]] = [:]

  /// What became of a request.
  enum Outcome {
    case response(CoAPMessage)
    case ended(CoAPEnd)
    /// It was not sent.
    case unsent
  }

  init(_ node: SimulatedNode, in world: World) {
    (self.node, self.world) = (node, world)
    var limits = CoAPLimits()
    limits.criticalOptions.append(.edhoc)
    let key = (0..<4).flatMap { _ in BigEndian.bytes(node.random.next()) }
    endpoint = SecureCoAPEndpoint(limits: limits, digest: HMACDigest.keyed(by: key))
    exchanges = EDHOCExchanges(identity: node.identity, firstName: UInt16(node.random.below(1 << 16)))
    board = Board(node, in: world, self)
    if node.index < world.tenants {
      tenants = (1...Self.tenantsPerNode).map { Tenant(number: $0, node, in: world, self) }
    }
  }

  func start(now: Instant) {
    board.start(now: now)
    for tenant in tenants { tenant.start() }
  }

  // MARK: Time

  var nextDeadline: Instant? {
    [endpoint.nextDeadline, exchanges.nextDeadline, timers.nextTime, board.nextDeadline].compactMap { $0 }.min()
  }

  func tick(now: Instant) {
    perform(endpoint.tick(now: now))
    exchanges.expire(now: now)
    while let (_, body) = timers.popFirst(until: now) { body(now) }
    board.tick(now: now)
  }

  /// The way back is broken, for longer than anybody waits for one answer.
  func goMute() { isMuteUntil = world.now.advanced(milliseconds: Self.muteMilliseconds) }

  func at(_ instant: Instant, _ body: @escaping (Instant) -> Void) { timers.add(body, at: instant) }

  func after(milliseconds: UInt64, _ body: @escaping (Instant) -> Void) {
    at(now.advanced(milliseconds: milliseconds), body)
  }

  private var now: Instant { node.clock.local(world.now) }

  // MARK: What comes

  func receive(_ packet: [UInt8], from source: SocketAddress, now: Instant) {
    perform(endpoint.receive(packet, from: source, now: now))
  }

  /// Streams are for people's machines.
  func accept(_ stream: StreamNumber, now: Instant) -> Bool { false }
  func read(_ bytes: [UInt8], on stream: StreamNumber, now: Instant) {}
  func streamEnded(_ stream: StreamNumber, now: Instant) {}

  private func perform(_ effects: [CoAPEffect]) {
    for effect in effects {
      switch effect {
      case .send(let bytes, let address):
        world.tape.record(bytes, from: SocketAddress(node.address.address, port: port), to: address)
        if world.now >= isMuteUntil { world.sendUnseen(bytes, from: node, port: port, to: address) }
      case .request(let message, let handle): serve(message, handle)
      case .response(let id, let message, _): waiting.removeValue(forKey: id)?(.response(message))
      case .ended(let id, let end): waiting.removeValue(forKey: id)?(.ended(end))
      case .delivered: break
      }
    }
  }

  // MARK: Serving

  private func serve(_ message: CoAPMessage, _ handle: CoAPRequestHandle) {
    if let protection = handle.protection {
      guard let principal = principals[protection.context] else { return perform(endpoint.settle(handle, now: now)) }
      if !taken.insert(protection).inserted {
        world.leaseJudge?.complain(.replay, "\(node.hostName) takes a request of \(handle.source) twice")
      }
      board.take(message, of: principal, now: now) { [unowned self] in respond($0, to: handle) }
    } else if message.options[.edhoc] != nil {
      takeCombined(message, handle)
    } else if message.path == EDHOCOverCoAP.path, message.code == .post {
      exchange(message, handle)
    } else {
      respond(CoAPMessage(code: .notFound), to: handle)
    }
  }

  private func respond(_ message: CoAPMessage, to handle: CoAPRequestHandle) {
    let effects = endpoint.respond(message, to: handle, now: now)
    if let protection = handle.protection { checkNonce(of: protection, effects) }
    perform(effects)
  }

  /// An answer has its request's nonce: two different ones would give the key's secrets away.
  private func checkNonce(of protection: CoAPProtection, _ effects: [CoAPEffect]) {
    for case .send(let bytes, _) in effects {
      guard let message = try? CoAPDatagram(decoding: bytes).message, message.options[.oscore]?.value == [] else {
        continue
      }
      let earlier = answered.updateValue(message.payload, forKey: protection)
      if let earlier, earlier != message.payload {
        world.leaseJudge?.complain(.nonce, "\(node.hostName) answers one request in two ways")
      }
    }
  }

  private func exchange(_ message: CoAPMessage, _ handle: CoAPRequestHandle) {
    do throws(EDHOCError) {
      switch try EDHOCOverCoAP.request(message.payload) {
      case .new(let message1):
        let answer = try exchanges.begin(
          message1, key: node.newKey(), isFree: { [unowned self] in isFree($0) }, now: now)
        respond(EDHOCOverCoAP.answer(answer, token: handle.token), to: handle)
      case .continued(let connection, let message3):
        try finish(connection, message3)
        respond(CoAPMessage(code: .changed), to: handle)
      }
    } catch {
      respond(EDHOCOverCoAP.answer(error, token: handle.token), to: handle)
    }
  }

  private func takeCombined(_ message: CoAPMessage, _ handle: CoAPRequestHandle) {
    do throws(EDHOCError) {
      let (connection, message3, ciphertext) = try EDHOCOverCoAP.split(message)
      try finish(connection, message3)
      perform(endpoint.verify(message, ciphertext: ciphertext, from: handle, now: now))
    } catch {
      respond(EDHOCOverCoAP.answer(error, token: handle.token), to: handle)
    }
  }

  private func finish(_ connection: ConnectionIdentifier, _ message3: [UInt8]) throws(EDHOCError) {
    var thumbprint: [UInt8] = []
    let session = try exchanges.finish(
      connection, message3,
      refusal: { credential in
        thumbprint = (try? KeyFingerprint(of: credential.publicKey).thumbprint) ?? []
        return thumbprint.isEmpty ? .refused : nil
      }, now: now)
    guard let number = endpoint.contexts.insert(try session.oscoreContext()) else { throw .refused }
    principals[number] = Principal(thumbprint: thumbprint, role: .member)
  }

  // MARK: Asking

  private func isFree(_ connection: ConnectionIdentifier) -> Bool {
    OSCOREIdentifier(connection.bytes[...]).map { endpoint.contexts.isFree($0) } ?? false
  }

  /// A name for a connection of ours.
  func newConnection() -> ConnectionIdentifier {
    while true {
      let number = node.random.below(1 << 16)
      let name = ConnectionIdentifier([UInt8(number >> 8), UInt8(number & 0xFF)])
      if let name, isFree(name) { return name }
    }
  }

  func insert(_ context: OSCOREContext, of peer: SocketAddress) -> UInt64? {
    endpoint.contexts.insert(context, peer: peer)
  }

  func remove(_ context: UInt64) { endpoint.contexts.remove(context) }

  func ask(
    _ message: CoAPMessage, at address: SocketAddress, context: UInt64? = nil, message3: [UInt8] = [],
    milliseconds: UInt64, _ told: @escaping (Outcome) -> Void
  ) {
    do throws(CoAPError) {
      let (id, effects) = try endpoint.request(
        message, to: address, context: context, message3: message3, timeoutMilliseconds: milliseconds, now: now)
      waiting[id] = told
      perform(effects)
    } catch {
      told(.unsent)
    }
  }
}
