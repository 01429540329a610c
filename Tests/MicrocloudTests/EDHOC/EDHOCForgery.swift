import Crypto

@testable import Microcloud

/// What anybody can send who has no key of anybody else's.
enum EDHOCForgery {
  /// A message_2 of any plaintext for who sent `message1`.
  static func message2(_ plaintext: [UInt8], answering message1: [UInt8]) throws -> [UInt8] {
    let ephemeral = try P256.PrivateKey.generate()
    let x = ephemeral.publicKey.x
    var reader = try EDHOCReader(message1)
    let peer = try EDHOCSuite.ephemeralKey(EDHOCMessage1(&reader).key[...])
    let digest = try EDHOCSuite.hash(message1)
    let transcript = try EDHOCSuite.hash(CBORValue.bytes(x).encoded + CBORValue.bytes(digest).encoded)
    let secret = try EDHOCSuite.extract(salt: transcript, EDHOCSuite.agree(ephemeral, peer))
    return CBORValue.bytes(
      x + (try EDHOCCipher.applyKeystream(secret, transcript: transcript, to: plaintext[...]))
    ).encoded
  }
}
