import Testing

@testable import Microcloud

/// From strangers to a protected answer in two round trips (RFC 9668).
struct EDHOCWithOSCORETests {
  private struct Nodes {
    var client: EDHOCInitiator
    var server: EDHOCResponder
    let exchange: EDHOCExchange

    init(_ method: EDHOCMethod = .bothDiffieHellman) throws {
      exchange = try EDHOCExchange(method)
      (client, server) = (exchange.initiator, exchange.responder)
    }

    /// What the client sends second, and its end of the context.
    mutating func secondRequest() throws -> (request: CoAPMessage, context: OSCOREContext, partialIV: UInt64) {
      _ = try server.receiveMessage1(client.message1())
      let message2 = try server.message2(ephemeral: .generate(), connection: #require(ConnectionIdentifier([0x27])))
      _ = try client.receiveMessage2(message2)
      try client.authenticate(exchange.responderCredential)
      let (message3, session) = try client.message3()
      let context = try session.oscoreContext(principal: 1)
      var (request, partialIV) = try context.protect(request: CoAPMessage(code: .get, payload: [1, 2]))
      request.payload = EDHOCOverCoAP.combined(message3: message3, ciphertext: request.payload)
      request.options.add(CoAPOption(.edhoc, [UInt8]()))
      return (request, context, partialIV)
    }

    /// The server's end of the context, and the request without message_3.
    mutating func take(_ request: CoAPMessage) throws -> (context: OSCOREContext, request: CoAPMessage) {
      let (message3, ciphertext) = try EDHOCOverCoAP.split(request.payload)
      let peer = try server.receiveMessage3(message3)
      let session = try server.authenticate(#require(peer.credential))
      var rest = request
      rest.payload = ciphertext
      rest.options.remove(.edhoc)
      return (try session.oscoreContext(principal: 2), rest)
    }
  }

  @Test(arguments: EDHOCMethod.allCases) func theFirstProtectedRequestCarriesMessage3(_ method: EDHOCMethod) throws {
    var nodes = try Nodes(method)
    let (request, client, sent) = try nodes.secondRequest()
    // The name of the connection stands in the OSCORE option.
    let option = try OSCOREOption(#require(request.options[.oscore]).value)
    #expect(option.kid?.bytes == [0x27])

    let (server, rest) = try nodes.take(request)
    let (received, partialIV) = try server.unprotect(request: rest)
    #expect(received.code == .get && received.payload == [1, 2])
    let answer = try server.protect(
      response: CoAPMessage(code: .content, payload: [3]), to: partialIV, isNumbered: false)
    #expect(try client.unprotect(response: answer, to: sent).message.payload == [3])
  }

  /// Another exchange has other keys.
  @Test func noContextIsMadeTwice() throws {
    var (first, second) = (try Nodes(), try Nodes())
    let (request, _, _) = try first.secondRequest()
    let (other, _, _) = try second.secondRequest()
    let (server, _) = try first.take(request)
    let (_, rest) = try second.take(other)
    #expect(throws: OSCOREError.notAuthentic) { try server.unprotect(request: rest) }
  }
}
