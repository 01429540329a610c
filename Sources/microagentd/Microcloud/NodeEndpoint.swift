import Basics
import EventLoop
import LinuxSystem
import MicroAgent
import Microcloud
import NodeSecurity
import Transport

/// The node as others ask it by CoAP, and as it asks them: both from the one UDP port that its tag names.
final class NodeEndpoint {
  /// What keeps some from asking us, or us from asking them; nil: nothing.
  var problem: String? { problems.isEmpty ? nil : problems.joined(separator: "; ") + ": trying again" }

  private let port: UInt16
  private let resources: () -> NodeResources
  private let transport: CoAPTransport
  private let client: CoAPClient
  private let datagrams: DatagramServer?
  /// Is given the links of whoever answers to `find`.
  var onFound: (([UInt8], SocketAddress) -> Void)?
  /// What groups were asked.
  private var finds: [CoAPExchangeID] = []
  private var problems: [String] = []
  private var retry: Timer?

  private static let keyWords = 4
  private static let retryMilliseconds: UInt64 = 10_000
  /// More questions of ours at once than people ask.
  private static let maximumQuestions = 8
  /// How long a neighbour may take for all of its answer: enough to lose two datagrams on the way.
  private static let questionMilliseconds: UInt64 = 10_000

  /// Listens from now on; where the port is taken, as soon as it is free.
  ///
  /// - Parameters:
  ///   - datagrams: serves those who prove who they are.
  ///   - resources: what anybody is told, as it is when somebody asks.
  init(
    port: UInt16, _ datagrams: DatagramServer?, on loop: EventLoop, resources: @escaping () -> NodeResources
  ) throws(SystemError) {
    self.port = port
    self.datagrams = datagrams
    self.resources = resources
    var random = SystemRandomNumberGenerator()
    let key = (0..<Self.keyWords).flatMap { _ in BigEndian.bytes(random.next()) }
    let contexts = OSCOREContexts(capacity: DatagramServer.maximumSessions)
    transport = try CoAPTransport(
      on: loop,
      endpoint: SecureCoAPEndpoint(limits: .node, contexts: contexts, digest: HMACDigest.keyed(by: key)))
    client = CoAPClient(transport, on: loop)
    retry = try Timer(on: loop) { [unowned(unsafe) self] in bind() }
    transport.onEffect = { [unowned(unsafe) self] in take($0) }
    datagrams?.transport = transport
    bind()
  }

  /// Ends at once; questions stay without an answer.
  func close() {
    transport.close()
    retry?.close()
    retry = nil
  }

  /// Another program may have the port. It is tried again, as one day it may be gone.
  private func bind() {
    problems = []
    for address in [IPAddress.anyV4, .anyV6] where !transport.isBound(IPFamily(address)) {
      do throws(SystemError) {
        try transport.bind(to: SocketAddress(address, port: port))
      } catch {
        // A kernel without IPv6 needs no IPv6.
        if error.errno != .addressFamilyNotSupported { problems.append("CoAP: \(error)") }
      }
    }
    if !problems.isEmpty { retry?.start(milliseconds: Self.retryMilliseconds) }
  }

  private func take(_ effect: CoAPEffect) {
    guard case .request(let message, let handle) = effect else {
      datagrams?.take(effect)
      takeFound(effect)
      return client.take(effect)
    }
    if datagrams?.take(message, handle) ?? false { return }
    let response = resources().response(
      to: message, from: handle.source.address, exponent: handle.blockExponent)
    transport.respond(response, to: handle)
  }

  /// Asks everybody on an interface of ours, by one of its addresses.
  func find(_ request: CoAPMessage, in group: SocketAddress, from local: IPAddress) {
    guard transport.isBound(IPFamily(group.address)) else { return }
    do throws(CoAPError) {
      finds.append(
        try transport.request(request, in: group, from: local, timeoutMilliseconds: Self.questionMilliseconds))
    } catch {
      // Too much is under way: whoever looks for something looks again.
    }
  }

  private func takeFound(_ effect: CoAPEffect) {
    switch effect {
    case .response(let id, let message, let source) where finds.contains(id):
      if message.code == .content { onFound?(message.payload, source) }
    case .ended(let id, _): finds.removeAll { $0 == id }
    case .send, .request, .response, .delivered: break
    }
  }

  /// Asks somebody for something. `completion` is given the answer, or in half a line why there is none.
  func request(
    _ message: CoAPMessage, to peer: SocketAddress, maximumBytes: Int = 1024,
    completion: @escaping (Result<CoAPMessage, RequestError>) -> Void
  ) {
    guard transport.isBound(IPFamily(peer.address)) else {
      return completion(.failure(RequestError(.failed, problem ?? "this kernel does not know such addresses")))
    }
    guard client.count < Self.maximumQuestions else {
      return completion(.failure(RequestError(.noRoom, "\(Self.maximumQuestions) others are being asked: try again")))
    }
    client.request(
      message, to: peer, timeoutMilliseconds: Self.questionMilliseconds, maximumBodyBytes: maximumBytes
    ) { result in
      completion(result.mapError { RequestError(.failed, Self.line($0)) })
    }
  }

  /// Asks a neighbour for something. `completion` is given its answer, or in half a line why there is none.
  func get(
    _ path: [String], from peer: SocketAddress, maximumBytes: Int,
    completion: @escaping (Result<[UInt8], RequestError>) -> Void
  ) {
    var request = CoAPMessage(code: .get)
    request.path = path
    request.accept = .cbor
    self.request(request, to: peer, maximumBytes: maximumBytes) { result in
      switch result {
      case .success(let answer) where answer.code == .content: completion(.success(answer.payload))
      case .success(let answer): completion(.failure(RequestError(.failed, "it answered \(answer.code)")))
      case .failure(let error): completion(.failure(error))
      }
    }
  }

  private static func line(_ failure: CoAPRequestFailure) -> String {
    switch failure {
    case .notSent(let error): error.description
    case .ended(.timedOut): "it did not answer in \(questionMilliseconds / 1000) s"
    case .ended(.refused), .ended(.notAuthentic): "it does not know this node (any more)"
    case .ended(.reset), .ended(.notUnderstood), .blocks: "it answered something that cannot be read"
    }
  }
}

extension CoAPLimits {
  /// What a board of 256 MB spends on strangers who read a few lines, and on neighbours who come again.
  static var node: CoAPLimits {
    var limits = CoAPLimits()
    limits.peers = 128
    limits.strangers = 64
    limits.rememberedBytes = 48 * 1024
    limits.requests = 16
    limits.deliveries = 32
    limits.pendingRequests = 32
    limits.delayedAnswers = 0
    limits.requestsPerSecond = 50
    limits.criticalOptions.append(.edhoc)
    return limits
  }
}
