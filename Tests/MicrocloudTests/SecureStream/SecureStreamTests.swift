import Crypto
import Testing

@testable import Microcloud

/// The two ends of a secured stream, message by message.
struct SecureStreamTests {
  nonisolated(unsafe) private static let serverKey = try! P256.PrivateKey.generate()
  nonisolated(unsafe) private static let clientKey = try! P256.PrivateKey.generate()

  private static func identity(_ key: P256.PrivateKey) -> EDHOCIdentity {
    EDHOCIdentity(key: key, claimsSet: AuthenticationCredential(of: key.publicKey))
  }

  private struct Ends {
    var server = SecureStreamServer(identity: identity(serverKey))
    var client = SecureStreamClient(identity: identity(clientKey), ephemeral: try! P256.PrivateKey.generate())

    mutating func hear(
      _ message: CoAPMessage, accepts: (AuthenticationCredential) -> Bool = { $0.publicKey == clientKey.publicKey }
    ) -> SecureStreamServer.Incoming {
      server.receive(
        message, makeKey: { try? P256.PrivateKey.generate() }, refusal: { accepts($0) ? nil : .refused })
    }

    /// What is said to a message that is no request to what is above.
    mutating func answer(_ message: CoAPMessage) throws -> CoAPMessage {
      guard case .answer(let answer) = hear(message) else { throw EDHOCError.refused }
      return answer
    }

    mutating func secure() throws {
      let finish = try client.takeHello(try answer(try client.hello(token: [1])), token: [2]) {
        $0.publicKey == serverKey.publicKey
      }
      #expect(!server.isSecured)
      try client.takeFinish(try answer(finish))
      #expect(server.isSecured)
    }

    mutating func reply(_ response: CoAPMessage) throws -> CoAPMessage {
      guard let protected = server.protect(response) else { throw OSCOREError.contextNotFound }
      return protected
    }

    /// A request as the server reads it.
    mutating func ask(_ request: CoAPMessage) throws -> SecureStreamServer.Incoming {
      hear(try client.protect(request))
    }

    static func secured() throws -> Ends {
      var ends = Ends()
      try ends.secure()
      return ends
    }
  }

  private func request(_ token: UInt8, _ path: String, observe: UInt64? = nil) -> CoAPMessage {
    var message = CoAPMessage(code: .get, token: [token])
    message.path = [path]
    if let observe { message.options.add(CoAPOption(.observe, observe)) }
    return message
  }

  private func content(_ token: UInt8, _ text: String, observe: UInt64? = nil) -> CoAPMessage {
    var message = CoAPMessage(code: .content, token: [token], payload: Array(text.utf8))
    if let observe { message.options.add(CoAPOption(.observe, observe)) }
    return message
  }

  private func isEnd(_ incoming: SecureStreamServer.Incoming, _ code: CoAPCode) -> Bool {
    if case .end(let message) = incoming { message.code == code } else { false }
  }

  @Test func requestsAndAnswersAreNobodyElsesBusiness() throws {
    var ends = try Ends.secured()
    for round in 0..<3 {
      let asked = request(7, "containers")
      let protected = try ends.client.protect(asked)
      #expect(protected.path == [] && protected.code == .post)
      #expect(ends.hear(protected) == .request(asked))
      let answer = content(7, "round \(round)")
      let sent = try ends.reply(answer)
      #expect(sent.payload != answer.payload && sent.code == .changed)
      #expect(try ends.client.unprotect(sent) == answer)
      // It is answered once.
      #expect(ends.server.protect(answer) == nil)
    }
  }

  @Test func anObservationGoesOnUntilItsEnd() throws {
    var ends = try Ends.secured()
    let asked = try ends.ask(request(1, "logs", observe: 0))
    #expect(asked == .request(request(1, "logs", observe: 0)))
    var sent: [CoAPMessage] = []
    for number in 1...3 {
      let notification = try ends.reply(content(1, "piece \(number)", observe: UInt64(number)))
      sent.append(notification)
      #expect(try ends.client.unprotect(notification).payload == Array("piece \(number)".utf8))
    }
    // Somebody in between says it again, or in another order.
    for old in sent { #expect(throws: OSCOREError.replayed) { try ends.client.unprotect(old) } }
    let last = try ends.reply(content(1, "end"))
    #expect(try ends.client.unprotect(last) == content(1, "end"))
    #expect(throws: OSCOREError.contextNotFound) { try ends.client.unprotect(last) }
  }

  @Test func whatWasChangedOrComesTwiceEndsTheStream() throws {
    let fresh = try Ends.secured()
    var ends = fresh
    let message = try ends.client.protect(request(1, "containers"))
    for index in message.payload.indices {
      var changed = message
      changed.payload[index] ^= 1
      var copy = ends
      #expect(isEnd(copy.hear(changed), .badRequest))
    }
    #expect(ends.hear(message) == .request(request(1, "containers")))
    #expect(isEnd(ends.hear(message), .unauthorized))
    // An answer to another request is none to this one.
    var other = try Ends.secured()
    _ = try other.ask(request(1, "a"))
    _ = try other.ask(request(2, "b"))
    var answer = try other.reply(content(2, "b"))
    answer.token = [1]
    #expect(throws: OSCOREError.notAuthentic) { try other.client.unprotect(answer) }
  }

  @Test func strangersAreHeardInPlainOnlyBeforeThereAreKeys() throws {
    var ends = Ends()
    #expect(ends.hear(request(1, "offer")) == .request(request(1, "offer")))
    #expect(!ends.server.isSecured)
    #expect(ends.server.protect(content(1, "offer")) == content(1, "offer"))
    try ends.secure()
    #expect(isEnd(ends.hear(request(1, "offer")), .unauthorized))
  }

  @Test func whoIsNotAcceptedEndsThere() throws {
    var ends = Ends()
    let hello = try ends.client.hello(token: [1])
    let answer = try ends.answer(hello)
    var mistrusting = ends
    #expect(throws: EDHOCError.refused) { try mistrusting.client.takeHello(answer, token: [2]) { _ in false } }
    let finish = try ends.client.takeHello(answer, token: [2]) { _ in true }
    guard case .end(let refusal) = ends.hear(finish, accepts: { _ in false }) else {
      Issue.record("it went on")
      return
    }
    #expect(refusal.code == .badRequest && !ends.server.isSecured)
    #expect(throws: EDHOCError.self) { try ends.client.takeFinish(refusal) }
    // Nothing of it can be tried again.
    #expect(isEnd(ends.hear(hello), .badRequest))
    #expect(isEnd(ends.hear(finish), .badRequest))
  }

  /// Who says that it is someone else has no key to go on with.
  @Test func aCredentialWithoutItsKeyIsWorthNothing() throws {
    let thief = try P256.PrivateKey.generate()
    var ends = Ends()
    let stolen = EDHOCIdentity(key: thief, claimsSet: AuthenticationCredential(of: Self.clientKey.publicKey))
    ends.client = SecureStreamClient(identity: stolen, ephemeral: try P256.PrivateKey.generate())
    let answer = try ends.answer(try ends.client.hello(token: [1]))
    let finish = try ends.client.takeHello(answer, token: [2]) { _ in true }
    #expect(isEnd(ends.hear(finish), .badRequest))
    #expect(!ends.server.isSecured)
  }

  @Test func exchangesAreRefusedWhileThereAreTooMany() throws {
    var ends = Ends()
    let hello = try ends.client.hello(token: [1])
    #expect(isEnd(ends.server.receive(hello, makeKey: { nil }, refusal: { _ in nil }), .tooManyRequests))
  }

  @Test func openRequestsAreBounded() throws {
    var ends = try Ends.secured()
    for token in 0..<SecureStreamServer.maximumRequests {
      let asked = request(UInt8(token), "logs", observe: 0)
      #expect(try ends.ask(asked) == .request(asked))
    }
    guard case .answer(let refusal) = try ends.ask(request(200, "logs", observe: 0)) else {
      Issue.record("it was taken")
      return
    }
    #expect(try ends.client.unprotect(refusal).code == .tooManyRequests)
    // A token that is used again is the new request's.
    let again = request(3, "logs", observe: 1)
    #expect(try ends.ask(again) == .request(again))
  }
}
