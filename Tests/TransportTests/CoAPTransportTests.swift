import Basics
import EventLoop
import LinuxSystem
import Microcloud
import Testing

@testable import Transport

/// A server and a client on real sockets of the loopback.
private final class Pair {
  let loop: EventLoop
  let server: CoAPTransport
  let transport: CoAPTransport
  let client: CoAPClient
  let address: SocketAddress
  var body: [UInt8] = []
  var requests = 0
  /// It takes requests and answers none.
  var isMute = false

  init(isV6: Bool = false) throws {
    loop = try EventLoop()
    server = try CoAPTransport(on: loop, endpoint: SecureCoAPEndpoint { BigEndian.number($0.suffix(8)) ^ 0x5A5A })
    transport = try CoAPTransport(on: loop, endpoint: SecureCoAPEndpoint { BigEndian.number($0.suffix(8)) })
    client = CoAPClient(transport, on: loop)
    let any: IPAddress = isV6 ? .loopbackV6 : .loopbackV4
    try server.bind(to: SocketAddress(any, port: 0))
    try transport.bind(to: SocketAddress(any, port: 0))
    address = SocketAddress(any, port: server.port!)
    server.onEffect = { [unowned self] effect in
      guard case .request(let message, let handle) = effect else { return }
      requests += 1
      if isMute { return }
      server.respond(CoAPBody(body).response(to: message, exponent: handle.blockExponent), to: handle)
    }
    transport.onEffect = { [unowned self] in client.take($0) }
  }

  deinit {
    server.close()
    transport.close()
  }

  func get(timeoutMilliseconds: UInt64 = 10_000, maximumBodyBytes: Int = 64 * 1024) throws
    -> Result<CoAPMessage, CoAPRequestFailure>
  {
    var result: Result<CoAPMessage, CoAPRequestFailure>?
    client.request(
      CoAPMessage(code: .get), to: address, timeoutMilliseconds: timeoutMilliseconds,
      maximumBodyBytes: maximumBodyBytes
    ) { [loop] in
      result = $0
      loop.stop()
    }
    let guardTimer = try Timer(on: loop) { [loop] in loop.stop() }
    guardTimer.start(milliseconds: 20_000)
    if result == nil { loop.run() }
    guardTimer.close()
    return try #require(result, "no end in 20 s")
  }
}

@Suite struct CoAPTransportTests {
  @Test(arguments: [false, true]) func aBodyComesInBlocks(_ isV6: Bool) throws {
    let pair = try Pair(isV6: isV6)
    pair.body = (0..<20_000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
    #expect(try pair.get().get().payload == pair.body)
    // The first block was too long for a stranger, who was challenged and asked again.
    #expect(pair.requests == 21)
    #expect(pair.client.count == 0)
  }

  @Test func aBodyThatIsTooLongIsAnError() throws {
    let pair = try Pair()
    pair.body = [UInt8](repeating: 1, count: 5000)
    #expect(try pair.get(maximumBodyBytes: 4999) == .failure(.blocks(.tooLarge)))
    #expect(try pair.get(maximumBodyBytes: 5000).get().payload.count == 5000)
  }

  @Test func whoDoesNotAnswerIsGivenUp() throws {
    let pair = try Pair()
    pair.isMute = true
    #expect(try pair.get(timeoutMilliseconds: 50) == .failure(.ended(.timedOut)))
    #expect(pair.client.count == 0)
  }

  @Test func anErrorOfTheServersIsAnAnswer() throws {
    let pair = try Pair()
    pair.server.onEffect = { effect in
      guard case .request(_, let handle) = effect else { return }
      pair.server.respond(CoAPMessage(code: .notFound), to: handle)
    }
    #expect(try pair.get().get().code == .notFound)
  }

  @Test func aPortThatIsTakenIsAnErrorAndCanBeTriedAgain() throws {
    let pair = try Pair()
    let other = try CoAPTransport(on: pair.loop, endpoint: SecureCoAPEndpoint { _ in 1 })
    defer { other.close() }
    #expect(throws: SystemError.self) { try other.bind(to: pair.address) }
    #expect(!other.isBound(.v4) && other.port == nil)
    pair.server.close()
    try other.bind(to: pair.address)
    #expect(other.isBound(.v4) && !other.isBound(.v6) && other.port == pair.address.port)
  }

  @Test func afterTheEndNothingIsDone() throws {
    let pair = try Pair()
    pair.server.close()
    pair.server.perform { _, _ in
      Issue.record("a command after the end")
      return []
    }
    #expect(pair.server.port == nil)
  }
}
