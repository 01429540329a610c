import Crypto
import Testing

@testable import Microcloud

/// RFC 9529.
struct EDHOCTraceTests {
  /// Chapter 3: every message, by both machines.
  @Test func everyMessageOfChapter3() throws {
    let trace = EDHOCTrace.diffieHellman
    var initiator = try trace.initiator(suites: [6, 2])
    var responder = try trace.responder()
    #expect(try initiator.message1() == trace["message_1"])
    let request = try responder.receiveMessage1(trace["message_1"])
    #expect(request.method == .bothDiffieHellman)
    #expect(request.connection == trace.connection("C_I"))

    let message2 = try responder.message2(ephemeral: trace.key("Y"), connection: trace.connection("C_R"))
    #expect(message2 == trace["message_2"])
    let peer = try initiator.receiveMessage2(trace["message_2"])
    #expect(peer.identifier == .keyIdentifier([0x32]))
    #expect(peer.credential == nil)
    try initiator.authenticate(trace.credential("CRED_R"))

    let (message3, initiatorSession) = try initiator.message3()
    #expect(message3 == trace["message_3"])
    #expect(try responder.receiveMessage3(trace["message_3"]).identifier == .keyIdentifier([0x2B]))
    let responderSession = try responder.authenticate(trace.credential("CRED_I"))

    #expect(try responder.message4() == trace["message_4"])
    #expect(try initiator.receiveMessage4(trace["message_4"]).isEmpty)
    for session in [initiatorSession, responderSession] { try check(session, trace) }
    #expect(initiatorSession.peerConnection.bytes == trace["Clients-OSCORE-Sender-ID"])
    #expect(responderSession.peerConnection.bytes == trace["Servers-OSCORE-Sender-ID"])
    #expect(initiatorSession.ownConnection == responderSession.peerConnection)
  }

  private func check(_ session: EDHOCSession, _ trace: EDHOCTrace) throws {
    var session = session
    #expect(session.secret.bytes == trace["PRK_out"])
    #expect(session.exporter.bytes == trace["PRK_exporter"])
    #expect(try session.oscoreKeys().masterSecret.bytes == trace["OSCORE-Master-Secret"])
    #expect(try session.oscoreKeys().masterSalt.bytes == trace["OSCORE-Master-Salt"])
    try session.update(context: trace["context-for-KeyUpdate"])
    #expect(session.secret.bytes == trace["PRK_out-after-KeyUpdate"])
    #expect(session.exporter.bytes == trace["PRK_exporter-after-KeyUpdate"])
    #expect(try session.oscoreKeys().masterSecret.bytes == trace["OSCORE-Master-Secret-after-KeyUpdate"])
    #expect(try session.oscoreKeys().masterSalt.bytes == trace["OSCORE-Master-Salt-after-KeyUpdate"])
  }

  /// The suite of message_1's first try is not ours.
  @Test func theSuiteIsNegotiated() throws {
    let trace = EDHOCTrace.diffieHellman
    var initiator = try trace.initiator(suites: [6], ephemeral: "first-X", connection: "first-C_I")
    var responder = try trace.responder()
    #expect(try initiator.message1() == trace["first-message_1"])
    let error = #expect(throws: EDHOCError.wrongSuite) { try responder.receiveMessage1(trace["first-message_1"]) }
    #expect(error?.reply == trace["error"])
    #expect(throws: EDHOCError.peerFailed(.suites([2]))) { try initiator.receiveMessage2(trace["error"]) }
  }

  /// Every key between the messages, of both chapters: chapter 2's shared secrets and signatures, which are of algorithms
  /// that we lack, are put in.
  @Test(arguments: [EDHOCTrace.signatures, .diffieHellman]) func everyKey(_ trace: EDHOCTrace) throws {
    #expect(try EDHOCSuite.hash(trace["message_1"]) == trace["H(message_1)"])
    #expect(try EDHOCSuite.hash(trace["Input-to-calculate-TH_2"]) == trace["TH_2"])
    let secret2 = try EDHOCSuite.extract(salt: trace["TH_2"], trace.secret("G_XY"))
    #expect(secret2.bytes == trace["PRK_2e"])
    let keystream = try EDHOCSuite.expand(
      secret2, .keystream2, context: trace["TH_2"], count: trace["PLAINTEXT_2"].count)
    #expect(keystream.bytes == trace["KEYSTREAM_2"])
    let plaintext2 = trace["PLAINTEXT_2"]
    #expect(
      try EDHOCCipher.applyKeystream(secret2, transcript: trace["TH_2"], to: plaintext2[...]) == trace["CIPHERTEXT_2"])
    #expect(
      try EDHOCSuite.transcript(trace["TH_2"], plaintext2, credential: trace["CRED_R"]) == trace["TH_3"])
    #expect(
      try EDHOCSuite.transcript(trace["TH_3"], trace["PLAINTEXT_3"], credential: trace["CRED_I"]) == trace["TH_4"])

    let (secret3, secret4) = (trace.secret("PRK_3e2m"), trace.secret("PRK_4e3m"))
    let cipher3 = try EDHOCCipher.message3(secret3, transcript: trace["TH_3"])
    #expect(try cipher3.seal(trace["PLAINTEXT_3"]) == trace["message_3"])
    #expect(try cipher3.open(trace["message_3"]) == trace["PLAINTEXT_3"])
    #expect(try EDHOCSuite.expand(secret3, .key3, context: trace["TH_3"], count: 16).bytes == trace["K_3"])
    #expect(try EDHOCSuite.expand(secret3, .nonce3, context: trace["TH_3"], count: 13).bytes == trace["IV_3"])
    let cipher4 = try EDHOCCipher.message4(secret4, transcript: trace["TH_4"])
    #expect(try cipher4.seal([]) == trace["message_4"])
    #expect(try EDHOCSuite.expand(secret4, .key4, context: trace["TH_4"], count: 16).bytes == trace["K_4"])
    #expect(try EDHOCSuite.expand(secret4, .nonce4, context: trace["TH_4"], count: 13).bytes == trace["IV_4"])
    try check(
      EDHOCSession(
        secret4, transcript: trace["TH_4"], own: trace.connection("C_I"), peer: trace.connection("C_R")), trace)
  }

  /// The keys that chapter 3 has of static Diffie-Hellman.
  @Test func everyKeyOfDiffieHellman() throws {
    let trace = EDHOCTrace.diffieHellman
    let (x, y) = try (trace.key("X"), trace.key("Y"))
    #expect(x.publicKey.x == trace["G_X"])
    #expect(y.publicKey.x == trace["G_Y"])
    #expect(try EDHOCSuite.agree(x, EDHOCSuite.ephemeralKey(trace["G_Y"][...])).bytes == trace["G_XY"])
    #expect(try EDHOCSuite.agree(x, trace.credential("CRED_R").publicKey).bytes == trace["G_RX"])
    #expect(try EDHOCSuite.agree(y, trace.credential("CRED_I").publicKey).bytes == trace["G_IY"])
    let secret2 = trace.secret("PRK_2e")
    #expect(try EDHOCSuite.expand(secret2, .salt3, context: trace["TH_2"]).bytes == trace["SALT_3e2m"])
    let secret3 = try EDHOCSuite.mix(secret2, .salt3, transcript: trace["TH_2"], with: trace.secret("G_RX"))
    #expect(secret3.bytes == trace["PRK_3e2m"])
    #expect(try EDHOCSuite.expand(secret3, .salt4, context: trace["TH_3"]).bytes == trace["SALT_4e3m"])
    let secret4 = try EDHOCSuite.mix(secret3, .salt4, transcript: trace["TH_3"], with: trace.secret("G_IY"))
    #expect(secret4.bytes == trace["PRK_4e3m"])
  }

  /// MACs and what is signed.
  @Test(arguments: [(EDHOCTrace.signatures, EDHOCMethod.bothSign), (.diffieHellman, .bothDiffieHellman)])
  func everyProof(_ trace: EDHOCTrace, _ method: EDHOCMethod) throws {
    let second = EDHOCProof(
      isSignature: method.isResponderSigning, label: .mac2, connection: trace.connection("C_R").encoded,
      identifier: trace["ID_CRED_R"], credential: trace["CRED_R"], transcript: trace["TH_2"], items: [])
    let third = EDHOCProof(
      isSignature: method.isInitiatorSigning, label: .mac3, connection: [], identifier: trace["ID_CRED_I"],
      credential: trace["CRED_I"], transcript: trace["TH_3"], items: [])
    #expect(try second.mac(trace.secret("PRK_3e2m")) == trace["MAC_2"])
    #expect(try third.mac(trace.secret("PRK_4e3m")) == trace["MAC_3"])
    if method == .bothSign {
      #expect(second.signed(trace["MAC_2"]) == trace["Message-to-be-signed-2"])
      #expect(third.signed(trace["MAC_3"]) == trace["Message-to-be-signed-3"])
    } else {
      #expect(try second.made(trace.secret("PRK_3e2m"), key: trace.key("SK_R")) == trace["Signature_or_MAC_2"])
      #expect(try third.made(trace.secret("PRK_4e3m"), key: trace.key("SK_I")) == trace["Signature_or_MAC_3"])
    }
  }

  @Test(arguments: [EDHOCTrace.signatures, .diffieHellman]) func identifiers(_ trace: EDHOCTrace) throws {
    for name in ["C_I", "C_R"] {
      #expect(trace.connection(name).encoded == trace[name + "-item"])
      #expect(try ConnectionIdentifier(CBORDecoder.decode(trace[name + "-item"])) == trace.connection(name))
    }
  }
}
