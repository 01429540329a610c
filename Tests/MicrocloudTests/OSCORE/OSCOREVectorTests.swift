import Basics
import Crypto
import Testing

@testable import Microcloud

/// The test vectors of RFC 8613 appendix C, byte by byte.
@Suite struct OSCOREVectorTests {
  /// C.1 to C.3: a context as its client has it; the server's is the mirror of it.
  struct Derivation: Sendable, CustomTestStringConvertible {
    let section: String
    var testDescription: String { section }
    let salt: String
    let clientID: String
    let serverID: String
    var idContext: String?
    /// Client's key, server's key, Common IV: the info that they are expanded with and what comes of it.
    let infos: [String]
    let outputs: [String]
    /// Of Partial IV 0, the client's and the server's.
    let nonces: [String]

    func context(isClient: Bool) throws -> OSCOREContext {
      try OSCOREContext(
        masterSecret: Secret(bytes(secret)), masterSalt: bytes(salt), senderID: id(isClient ? clientID : serverID),
        recipientID: id(isClient ? serverID : clientID), idContext: idContext.map { bytes($0) })
    }
  }

  static let withSalt = Derivation(
    section: "C.1", salt: "9e7ca92223786340", clientID: "", serverID: "01",
    infos: ["8540f60a634b657910", "854101f60a634b657910", "8540f60a6249560d"],
    outputs: [
      "f0910ed7295e6ad4b54fc793154302ff", "ffb14e093c94c9cac9471648b4f98710", "4622d4dd6d944168eefb54987c",
    ],
    nonces: ["4622d4dd6d944168eefb54987c", "4722d4dd6d944169eefb54987c"])
  static let withoutSalt = Derivation(
    section: "C.2", salt: "", clientID: "00", serverID: "01",
    infos: ["854100f60a634b657910", "854101f60a634b657910", "8540f60a6249560d"],
    outputs: [
      "321b26943253c7ffb6003b0b64d74041", "e57b5635815177cd679ab4bcec9d7dda", "be35ae297d2dace910c52e99f9",
    ],
    nonces: ["bf35ae297d2dace910c52e99f9", "bf35ae297d2dace810c52e99f9"])
  static let withIDContext = Derivation(
    section: "C.3", salt: "9e7ca92223786340", clientID: "", serverID: "01", idContext: "37cbf3210017a2d3",
    infos: [
      "85404837cbf3210017a2d30a634b657910", "8541014837cbf3210017a2d30a634b657910",
      "85404837cbf3210017a2d30a6249560d",
    ],
    outputs: [
      "af2a1300a5e95788b356336eeecd2b92", "e39a0c7c77b43f03b4b39ab9a268699f", "2ca58fb85ff1b81c0b7181b85e",
    ],
    nonces: ["2ca58fb85ff1b81c0b7181b85e", "2da58fb85ff1b81d0b7181b85e"])

  @Test(arguments: [withSalt, withoutSalt, withIDContext])
  func derivation(_ vector: Derivation) throws {
    let derivation = try OSCOREDerivation(
      masterSecret: Secret(bytes(secret)), masterSalt: bytes(vector.salt), idContext: vector.idContext.map { bytes($0) }
    )
    let (client, server) = (id(vector.clientID), id(vector.serverID))
    #expect(derivation.info(client.bytes, "Key", 16) == bytes(vector.infos[0]))
    #expect(derivation.info(server.bytes, "Key", 16) == bytes(vector.infos[1]))
    #expect(derivation.info([], "IV", 13) == bytes(vector.infos[2]))
    #expect(try derivation.key(of: client).bytes == bytes(vector.outputs[0]))
    #expect(try derivation.key(of: server).bytes == bytes(vector.outputs[1]))
    #expect(try derivation.commonIV().bytes == bytes(vector.outputs[2]))
    for context in [try vector.context(isClient: true), try vector.context(isClient: false)] {
      #expect(context.nonce(client, 0).bytes == bytes(vector.nonces[0]))
      #expect(context.nonce(server, 0).bytes == bytes(vector.nonces[1]))
    }
  }

  /// C.4 to C.6: a request of the client's with number 20.
  struct Request: Sendable, CustomTestStringConvertible {
    let section: String
    var testDescription: String { section }
    let derivation: Derivation
    let plain: String
    let data: String
    let plaintext: String
    let nonce: String
    let option: String
    let ciphertext: String
    let protected: String
  }

  static let requests = [
    Request(
      section: "C.4", derivation: withSalt, plain: "44015d1f00003974396c6f63616c686f737483747631",
      data: "8368456e63727970743040488501810a40411440", plaintext: "01b3747631", nonce: "4622d4dd6d944168eefb549868",
      option: "0914", ciphertext: "612f1092f1776f1c1668b3825e",
      protected: "44025d1f00003974396c6f63616c686f7374620914ff612f1092f1776f1c1668b3825e"),
    Request(
      section: "C.5", derivation: withoutSalt, plain: "440171c30000b932396c6f63616c686f737483747631",
      data: "8368456e63727970743040498501810a4100411440", plaintext: "01b3747631",
      nonce: "bf35ae297d2dace910c52e99ed", option: "091400", ciphertext: "4ed339a5a379b0b8bc731fffb0",
      protected: "440271c30000b932396c6f63616c686f737463091400ff4ed339a5a379b0b8bc731fffb0"),
    Request(
      section: "C.6", derivation: withIDContext, plain: "44012f8eef9bbf7a396c6f63616c686f737483747631",
      data: "8368456e63727970743040488501810a40411440", plaintext: "01b3747631", nonce: "2ca58fb85ff1b81c0b7181b84a",
      option: "19140837cbf3210017a2d3", ciphertext: "72cd7273fd331ac45cffbe55c3",
      protected: "44022f8eef9bbf7a396c6f63616c686f73746b19140837cbf3210017a2d3ff72cd7273fd331ac45cffbe55c3"),
  ]

  @Test(arguments: requests)
  func request(_ vector: Request) throws {
    let client = try vector.derivation.context(isClient: true)
    client.skip(to: 20)
    let plain = try CoAPDatagram(decoding: bytes(vector.plain))
    #expect(try OSCOREParts(plain.message).text == bytes(vector.plaintext))
    let data = OSCOREAdditionalData(client.senderID, 20)
    #expect((0..<data.count).map { data.bytes[$0] } == bytes(vector.data))
    #expect(client.nonce(client.senderID, 20).bytes == bytes(vector.nonce))
    let (message, partialIV) = try client.protect(request: plain.message)
    #expect(partialIV == 20 && message.payload == bytes(vector.ciphertext))
    #expect(message.options[.oscore]?.value == bytes(vector.option))
    let datagram = try CoAPDatagram(plain.type, messageID: plain.messageID, message).encoded()
    #expect(datagram == bytes(vector.protected))

    let server = try vector.derivation.context(isClient: false)
    let arrived = try CoAPDatagram(decoding: bytes(vector.protected)).message
    let option = try OSCOREOption(bytes(vector.option))
    #expect(option.kidContext == vector.derivation.idContext.map { bytes($0) } && option.kid == client.senderID)
    let verified = try server.unprotect(request: arrived, option)
    #expect(verified.message == plain.message && verified.partialIV == 20)
    #expect(throws: OSCOREError.replayed) { try server.unprotect(request: arrived, option) }
  }

  /// C.7 and C.8: responses to the request of C.4.
  @Test(arguments: [
    (
      false, "", "dbaad1e9a7e7b2a813d3c31524378303cdafae119106",
      "64445d1f0000397490ffdbaad1e9a7e7b2a813d3c31524378303cdafae119106"
    ),
    (
      true, "0100", "4d4c13669384b67354b2b6175ff4b8658c666a6cf88e",
      "64445d1f00003974920100ff4d4c13669384b67354b2b6175ff4b8658c666a6cf88e"
    ),
  ])
  func response(isNumbered: Bool, option: String, ciphertext: String, protected: String) throws {
    let server = try Self.withSalt.context(isClient: false)
    let plain = try CoAPDatagram(decoding: bytes("64455d1f00003974ff48656c6c6f20576f726c6421"))
    #expect(try OSCOREParts(plain.message).text == bytes("45ff48656c6c6f20576f726c6421"))
    let message = try server.protect(response: plain.message, to: 20, isNumbered: isNumbered)
    #expect(message.options[.oscore]?.value == bytes(option) && message.payload == bytes(ciphertext))
    #expect(server.senderSequence == (isNumbered ? 1 : 0))
    #expect(try CoAPDatagram(plain.type, messageID: plain.messageID, message).encoded() == bytes(protected))

    let client = try Self.withSalt.context(isClient: true)
    let arrived = try CoAPDatagram(decoding: bytes(protected)).message
    let verified = try client.unprotect(response: arrived, to: 20)
    #expect(verified.message == plain.message && verified.partialIV == (isNumbered ? 0 : nil))
    #expect(throws: OSCOREError.notAuthentic) { try client.unprotect(response: arrived, to: 21) }
  }
}

private let secret = "0102030405060708090a0b0c0d0e0f10"

private func id(_ text: String) -> OSCOREIdentifier { OSCOREIdentifier(bytes(text)[...])! }
