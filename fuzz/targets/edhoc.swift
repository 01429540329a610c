// sources: Sources/Microcloud/EDHOC Sources/Microcloud/OSCORE Sources/Microcloud/COSE Sources/Microcloud/CoAP Sources/Microcloud/CBOR Sources/Microcloud/Registration/MicrocloudName.swift Sources/Microcloud/Memberlist/CRC32.swift Sources/Basics Sources/Crypto
// C: Sources/CSystem/random.c fuzz/remembered.c --wrap=mbedtls_ecdh_compute_shared --wrap=mbedtls_mpi_exp_mod --wrap=mbedtls_ecdsa_verify -lmbedcrypto
// The first byte says what the rest is: a message, the plaintext of one as a stranger or a member could have made it, the
// body of a request, or a change of an honest message. Nobody is believed who has not proven that he has a key.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzEDHOC(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Array(UnsafeBufferPointer(start: start, count: count))
  guard let kind = input.first else { return 0 }
  let rest = Array(input.dropFirst())
  let scene = kind & 0x10 == 0 ? Scene.diffieHellman : Scene.signatures
  switch kind & 0xF {
  case 0: receiveMessage1(rest)
  case 1: refuse { () throws(EDHOCError) in try scene.receive2(rest) }
  case 2: refuse { () throws(EDHOCError) in try scene.receive2(scene.message2(rest)) }
  case 3: refuse { () throws(EDHOCError) in try scene.receive3(rest) }
  case 4: refuse { () throws(EDHOCError) in try scene.receive3(scene.cipher3.seal(rest)) }
  case 5: receiveMessage4(rest, scene)
  case 6: body(rest)
  default: scene.change(rest)
  }
  return 0
}

private func receiveMessage1(_ message: [UInt8]) {
  var responder = Scene.diffieHellman.responder
  do throws(EDHOCError) {
    let request = try responder.receiveMessage1(message)
    precondition(!request.items.contains { $0.label == 0 }, "padding was told")
    var copy = responder
    refuse { () throws(EDHOCError) in
      _ = try copy.message2(ephemeral: Scene.key(3), connection: request.connection)
    }
    let other = ConnectionIdentifier(request.connection.bytes == [1] ? [2] : [1])!
    _ = try responder.message2(ephemeral: Scene.key(3), connection: other)
  } catch {
    check(error)
  }
}

private func receiveMessage4(_ bytes: [UInt8], _ scene: Scene) {
  var initiator = scene.finished
  refuse { () throws(EDHOCError) in _ = try initiator.receiveMessage4(bytes) }
  // As the responder could have made it.
  initiator = scene.finished
  do throws(EDHOCError) {
    let items = try initiator.receiveMessage4(scene.cipher4.seal(bytes))
    precondition(items.allSatisfy { $0.label != 0 && !$0.isCritical })
  } catch {
    check(error)
  }
}

private func body(_ bytes: [UInt8]) {
  do throws(EDHOCError) {
    let request = try EDHOCOverCoAP.request(bytes)
    precondition(EDHOCOverCoAP.body(request) == bytes, "another body after a round trip")
  } catch {
    check(error)
  }
  do throws(EDHOCError) {
    let (message3, ciphertext) = try EDHOCOverCoAP.split(bytes)
    precondition(EDHOCOverCoAP.combined(message3: message3, ciphertext: ciphertext) == bytes)
  } catch {
    check(error)
  }
}

private func check(_ error: EDHOCError) {
  precondition(!error.description.isEmpty)
  precondition(error != .outOfOrder, "the exchange was not where it should be")
  if let reply = error.reply {
    precondition(reply.count < 100)
    precondition((try! EDHOCPeerError(inPlaceOfBytes: reply)) != nil, "an error that nobody reads")
  }
}

private func refuse(_ body: () throws(EDHOCError) -> Void) {
  do throws(EDHOCError) {
    try body()
  } catch {
    return check(error)
  }
  preconditionFailure("something forged was taken")
}

/// An exchange of two honest sides, and the machines between its messages.
private struct Scene {
  let responder: EDHOCResponder
  let asked: EDHOCInitiator
  let answered: EDHOCResponder
  let finished: EDHOCInitiator
  let messages: [[UInt8]]
  let initiatorKey: P256.PublicKey
  let responderKey: P256.PublicKey
  let cipher3: EDHOCCipher
  let cipher4: EDHOCCipher
  /// What the responder encrypts message_2 with.
  let secret2: Secret
  let transcript2: [UInt8]

  nonisolated(unsafe) static let diffieHellman = try! Scene(.bothDiffieHellman)
  nonisolated(unsafe) static let signatures = try! Scene(.bothSign)

  /// Made once: to find a key's public half takes as long as all the rest of an input.
  nonisolated(unsafe) private static let keys = (0..<4).map { index in
    try! P256.PrivateKey(scalar: Secret(Array(repeating: UInt8(index) + 1, count: 32)))
  }

  static func key(_ number: Int) -> P256.PrivateKey { keys[number - 1] }

  private init(_ method: EDHOCMethod) throws(EDHOCError) {
    let (first, second) = (Self.key(1), Self.key(2))
    let (firstCredential, secondCredential) = (
      AuthenticationCredential(of: first.publicKey), AuthenticationCredential(of: second.publicKey)
    )
    initiatorKey = first.publicKey
    responderKey = second.publicKey
    var initiator = EDHOCInitiator(
      method: method, identity: EDHOCIdentity(key: first, claimsSet: firstCredential), ephemeral: Self.key(3),
      connection: ConnectionIdentifier([1])!)
    var responder = EDHOCResponder(
      methods: EDHOCMethod.allCases, identity: EDHOCIdentity(key: second, claimsSet: secondCredential))
    self.responder = responder
    let message1 = try initiator.message1()
    asked = initiator
    _ = try responder.receiveMessage1(message1)
    let ephemeral = Self.key(4)
    let message2 = try responder.message2(ephemeral: ephemeral, connection: ConnectionIdentifier([2])!)
    answered = responder
    _ = try initiator.receiveMessage2(message2)
    try initiator.authenticate(secondCredential)
    let message3 = try initiator.message3().message
    finished = initiator
    _ = try responder.receiveMessage3(message3)
    _ = try responder.authenticate(firstCredential)
    messages = [message1, message2, message3, try responder.message4()]

    // The same keys as the machines have, by hand.
    let x = ephemeral.publicKey.x
    let digest = try EDHOCSuite.hash(message1)
    transcript2 = try EDHOCSuite.hash(CBORValue.bytes(x).encoded + CBORValue.bytes(digest).encoded)
    secret2 = try EDHOCSuite.extract(
      salt: transcript2, try EDHOCSuite.agree(ephemeral, Self.key(3).publicKey))
    let plaintext2 = try EDHOCCipher.applyKeystream(
      secret2, transcript: transcript2, to: message2[(2 + 32)...])
    let isSigned = method == .bothSign
    let secret3 =
      isSigned
      ? secret2
      : try EDHOCSuite.mix(
        secret2, .salt3, transcript: transcript2, with: try EDHOCSuite.agree(Self.key(3), second.publicKey))
    let transcript3 = try EDHOCSuite.transcript(transcript2, plaintext2, credential: secondCredential.encoded)
    cipher3 = try EDHOCCipher.message3(secret3, transcript: transcript3)
    let plaintext3 = try cipher3.open(message3)
    let secret4 =
      isSigned
      ? secret3
      : try EDHOCSuite.mix(
        secret3, .salt4, transcript: transcript3, with: try EDHOCSuite.agree(first, ephemeral.publicKey))
    let transcript4 = try EDHOCSuite.transcript(transcript3, plaintext3, credential: firstCredential.encoded)
    cipher4 = try EDHOCCipher.message4(secret4, transcript: transcript4)
    let plaintext4 = try cipher4.open(messages[3])
    precondition(plaintext4.isEmpty, "other keys than the machines")
  }

  /// A message_2 with this plaintext.
  func message2(_ plaintext: [UInt8]) throws(EDHOCError) -> [UInt8] {
    guard !plaintext.isEmpty, plaintext.count <= HKDF.maximumBytes else { throw .tooLarge }
    let ciphertext = try EDHOCCipher.applyKeystream(secret2, transcript: transcript2, to: plaintext[...])
    return CBORValue.bytes(Self.key(4).publicKey.x + ciphertext).encoded
  }

  func receive2(_ message: [UInt8]) throws(EDHOCError) {
    if message == messages[1] { throw .malformed }
    var initiator = asked
    let peer = try initiator.receiveMessage2(message)
    try initiator.authenticate(peer.credential ?? AuthenticationCredential(of: responderKey))
  }

  func receive3(_ message: [UInt8]) throws(EDHOCError) {
    if message == messages[2] { throw .malformed }
    var responder = answered
    let peer = try responder.receiveMessage3(message)
    _ = try responder.authenticate(peer.credential ?? AuthenticationCredential(of: initiatorKey))
  }

  /// Changes a byte of message_2, message_3 or message_4: `words` are which one, the place, and the change.
  func change(_ words: [UInt8]) {
    guard words.count >= 3, words[2] != 0 else { return }
    let number = 1 + Int(words[0] % 3)
    var message = messages[number]
    message[Int(words[1]) % message.count] ^= words[2]
    refuse { () throws(EDHOCError) in
      switch number {
      case 1: try receive2(message)
      case 2: try receive3(message)
      default:
        var initiator = finished
        _ = try initiator.receiveMessage4(message)
      }
    }
  }
}
