import Basics
import Testing

@testable import Microcloud

/// A client and a server that share a security context, with all that passes between them in the test's hands.
final class SecureNodes {
  enum Side { case client, server }

  let clientAddress = SocketAddress(.v4(0x0A00_0001), port: 5683)
  let serverAddress = SocketAddress(.v4(0x0A00_0002), port: 5683)
  var client: SecureCoAPEndpoint
  var server: SecureCoAPEndpoint
  let context: UInt64
  let serverContext: UInt64
  let pair: OSCOREPair
  var now = Instant(nanoseconds: 1_000_000_000)

  /// What each node told what is above it.
  var requests: [(message: CoAPMessage, handle: CoAPRequestHandle)] = []
  var responses: [CoAPMessage] = []
  var ends: [CoAPEnd] = []
  var delivered: [CoAPExchangeID] = []
  /// All that was sent.
  var sent: [(from: Side, bytes: [UInt8])] = []
  /// What becomes of a datagram on its way; nil: it is lost.
  var onWay: (Side, [UInt8]) -> [UInt8]? = { $1 }
  /// How the server answers at once; nil: it does not.
  var answer: ((CoAPMessage, CoAPRequestHandle) -> CoAPMessage)?

  init() throws {
    pair = try OSCOREPair()
    client = SecureCoAPEndpoint(digest: { Checksum.of([1] + $0) })
    server = SecureCoAPEndpoint(digest: { Checksum.of([2] + $0) })
    context = client.contexts.insert(pair.client, peer: serverAddress)!
    serverContext = server.contexts.insert(pair.server, peer: clientAddress)!
  }

  @discardableResult
  func request(_ message: CoAPMessage, plain: Bool = false) throws -> CoAPExchangeID {
    let (id, effects) = try client.request(message, to: serverAddress, context: plain ? nil : context, now: now)
    perform(.client, effects)
    return id
  }

  func respond(_ message: CoAPMessage, to index: Int = 0) {
    perform(.server, server.respond(message, to: requests[index].handle, now: now))
  }

  func perform(_ side: Side, _ effects: [CoAPEffect]) {
    for effect in effects {
      switch effect {
      case .send(let bytes, _):
        sent.append((side, bytes))
        if let bytes = onWay(side, bytes) { arrive(bytes, from: side) }
      case .request(let message, let handle):
        requests.append((message, handle))
        if let answer { perform(side, server.respond(answer(message, handle), to: handle, now: now)) }
      case .response(_, let message, _): responses.append(message)
      case .ended(_, let reason): ends.append(reason)
      case .delivered(let id): delivered.append(id)
      }
    }
  }

  func arrive(_ bytes: [UInt8], from side: Side) {
    switch side {
    case .client: perform(.server, server.receive(bytes, from: clientAddress, now: now))
    case .server: perform(.client, client.receive(bytes, from: serverAddress, now: now))
    }
  }

  func pass(milliseconds: UInt64) {
    now = now.advanced(milliseconds: milliseconds)
    perform(.client, client.tick(now: now))
    perform(.server, server.tick(now: now))
  }

  /// The messages that were sent from a side.
  func messages(_ side: Side) throws -> [CoAPMessage] {
    try sent.filter { $0.from == side }.map { try CoAPDatagram(decoding: $0.bytes).message }
  }
}

/// A datagram with another message id, so that it is no copy of itself.
func renumbered(_ bytes: [UInt8], _ number: UInt8 = 0x77) -> [UInt8] {
  var bytes = bytes
  bytes[2] ^= number
  return bytes
}

/// A datagram with its message changed.
func changed(_ bytes: [UInt8], _ change: (inout CoAPMessage) -> Void) -> [UInt8] {
  var datagram = try! CoAPDatagram(decoding: bytes)
  change(&datagram.message)
  datagram.messageID ^= 0x5500
  return try! datagram.encoded()
}
