import Basics
import Testing

@testable import Microcloud

/// The client's role under OSCORE.
@Suite struct SecureClientTests {
  private func reply(_ code: CoAPCode, options: [CoAPOption] = []) -> (SecureNodes.Side, [UInt8]) -> [UInt8]? {
    { side, bytes in
      side == .client
        ? bytes
        : changed(bytes) {
          let token = $0.token
          $0 = CoAPMessage(code: code, token: token, payload: [9])
          for option in options { $0.options.add(option) }
        }
    }
  }

  /// The message id of a piggybacked response stays, or it would belong to nothing.
  private func keepID(_ change: @escaping (SecureNodes.Side, [UInt8]) -> [UInt8]?) -> (SecureNodes.Side, [UInt8]) ->
    [UInt8]?
  {
    { side, bytes in
      guard var changed = change(side, bytes) else { return nil }
      changed[2] = bytes[2]
      return changed
    }
  }

  @Test(arguments: [CoAPCode.content, .changed, .unauthorized, .badRequest, .badOption, .serviceUnavailable])
  func aPlainResponseIsNoneButAnErrorOfTheLayer(_ code: CoAPCode) throws {
    let nodes = try SecureNodes()
    nodes.answer = { _, _ in CoAPMessage(code: .content, payload: [1]) }
    nodes.onWay = keepID(reply(code))
    try nodes.request(CoAPMessage(.get, "a"))
    #expect(nodes.responses.isEmpty)
    #expect(nodes.ends == [code.isSuccess ? .notAuthentic : .refused(code)])
    #expect(nodes.client.exchanges.isEmpty && nodes.client.contexts.context(nodes.context)?.uses == 0)
  }

  @Test func aServerWithoutTheContextSaysSo() throws {
    let nodes = try SecureNodes()
    nodes.server.contexts.remove(nodes.serverContext)
    try nodes.request(CoAPMessage(.get, "a"))
    #expect(nodes.ends == [.refused(.unauthorized)])
  }

  @Test func aForgedResponseIsNone() throws {
    let nodes = try SecureNodes()
    nodes.answer = { _, _ in CoAPMessage(code: .content, payload: [1]) }
    nodes.onWay = keepID { side, bytes in side == .client ? bytes : changed(bytes) { $0.payload[0] ^= 1 } }
    try nodes.request(CoAPMessage(.get, "a"))
    #expect(nodes.responses.isEmpty && nodes.ends == [.notAuthentic])
  }

  /// The response to one request is none to another, though the token is made to fit.
  @Test func aResponseBelongsToItsRequest() throws {
    let nodes = try SecureNodes()
    nodes.answer = { _, _ in CoAPMessage(code: .content, payload: [1]) }
    try nodes.request(CoAPMessage(.get, "open?"))
    let old = try CoAPDatagram(decoding: nodes.sent[1].bytes).message
    nodes.onWay = keepID { side, bytes in
      side == .client
        ? bytes
        : changed(bytes) {
          $0.payload = old.payload
          $0.options = old.options
        }
    }
    try nodes.request(CoAPMessage(.get, "open?"))
    #expect(nodes.responses.count == 1 && nodes.ends == [.notAuthentic])
  }

  @Test func aContextThatIsNotThereProtectsNothing() throws {
    let nodes = try SecureNodes()
    nodes.client.contexts.remove(nodes.context)
    #expect(throws: CoAPError.noSecurityContext) { try nodes.request(CoAPMessage(.get, "a")) }
    #expect(nodes.sent.isEmpty)
  }

  @Test func contextsAreFoundByPeer() throws {
    let nodes = try SecureNodes()
    #expect(nodes.client.contexts.number(of: nodes.serverAddress) == nodes.context)
    #expect(nodes.client.contexts.number(of: nodes.clientAddress) == nil)
  }

  @Test func clientGivesUpInTimeThoughSomethingCame() throws {
    // An outer Observe option makes the endpoint believe that the observation began.
    let nodes = try SecureNodes()
    nodes.answer = { _, _ in CoAPMessage(code: .content, payload: [1]) }
    nodes.onWay = keepID(reply(.content, options: [CoAPOption(.observe, 1)]))
    var message = CoAPMessage(.get, "a")
    message.options.add(CoAPOption(.observe, 0))
    try nodes.request(message)
    #expect(nodes.responses.isEmpty && nodes.ends.isEmpty && nodes.client.exchanges.count == 1)
    #expect(nodes.client.nextDeadline != nil)
    nodes.pass(milliseconds: 93_000)
    #expect(nodes.ends == [.timedOut] && nodes.client.exchanges.isEmpty && nodes.client.endpoint.exchanges.isEmpty)
    #expect(nodes.client.nextDeadline == nil)
  }

  @Test func resetAndSilenceEndARequest() throws {
    let nodes = try SecureNodes()
    nodes.onWay = { _, _ in nil }
    try nodes.request(CoAPMessage(.get, "a"))
    nodes.arrive([0x70, 0] + nodes.sent[0].bytes[2..<4], from: .server)
    #expect(nodes.ends == [.reset])
    try nodes.request(CoAPMessage(.get, "a"))
    nodes.pass(milliseconds: 93_000)
    #expect(nodes.ends == [.reset, .timedOut] && nodes.client.exchanges.isEmpty)
    #expect(nodes.client.contexts.context(nodes.context)?.uses == 0)
  }

  @Test func bodiesPassInBlocks() throws {
    let nodes = try SecureNodes()
    let body = (0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    var receiver = CoAPBlockReceiver()
    var stored: [UInt8] = []
    nodes.answer = { message, handle in
      switch receiver.receive(message, from: handle.source, protection: handle.protection, now: nodes.now) {
      case .answer(let answer): return answer
      case .complete(let whole):
        if whole.code == .get { return CoAPBody(stored).response(to: whole) }
        stored = whole.payload
        return CoAPBlockReceiver.finish(CoAPMessage(code: .changed), to: whole)
      }
    }
    for message in [CoAPMessage(.put, "b", payload: body), CoAPMessage(.get, "b")] {
      var transfer = CoAPBlockTransfer(message)
      var next: CoAPMessage? = transfer.first
      var whole: CoAPMessage?
      while let message = next {
        try nodes.request(message)
        next = nil
        switch transfer.receive(try #require(nodes.responses.last)) {
        case .send(let message): next = message
        case .done(let message): whole = message
        case .failed(let error): #expect(Bool(false), "\(error)")
        }
      }
      #expect(whole?.code == (message.code == .get ? .content : .changed))
      if message.code == .get { #expect(whole?.payload == body) }
    }
    #expect(stored == body)
    #expect(try nodes.messages(.client).allSatisfy { $0.options[.block1] == nil && $0.options[.block2] == nil })
  }
}
