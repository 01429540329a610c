import Basics
import Crypto
import Testing

@testable import Microcloud

struct CredentialTests {
  private let issuer: P256.PrivateKey
  private let subject: P256.PublicKey

  init() throws {
    issuer = try P256.PrivateKey.generate()
    subject = try P256.PrivateKey.generate().publicKey
  }

  private func credential(
    _ name: String = "raval", role: Credential.Role = .member, issued: UInt64 = 1_800_000_000,
    expires: UInt64 = 1_831_536_000, serial: UInt64 = 77
  ) -> Credential? {
    Credential(
      microcloud: name, subject: subject, role: role, issued: issued, expires: expires, serial: serial)
  }

  @Test func whatIsSignedIsRead() throws {
    for role in Credential.Role.allCases {
      for serial in [0, 1, 255, 256, .max] as [UInt64] {
        let made = try #require(credential(role: role, serial: serial))
        #expect(try Credential(made.signed(by: issuer), signedBy: issuer.publicKey) == made)
      }
    }
    let longest = try #require(
      credential(
        String(repeating: "m", count: MicrocloudName.maximumBytes), issued: .max - 1, expires: .max, serial: .max))
    let token = try longest.signed(by: issuer)
    #expect(token.count <= Credential.maximumBytes)
    #expect(try Credential(token, signedBy: issuer.publicKey) == longest)
  }

  @Test func noBitCanBeTurned() throws {
    let token = try #require(credential()).signed(by: issuer)
    for bit in 0..<(token.count * 8) {
      var changed = token
      changed[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(throws: CredentialError.self, "bit \(bit)") { try Credential(changed, signedBy: issuer.publicKey) }
    }
    for count in [0, 1, token.count - 1] {
      #expect(throws: CredentialError.malformed) {
        try Credential(Array(token.prefix(count)), signedBy: issuer.publicKey)
      }
    }
    #expect(throws: CredentialError.malformed) { try Credential(token + [0], signedBy: issuer.publicKey) }
  }

  @Test func anothersSignatureCountsForNothing() throws {
    let other = try P256.PrivateKey.generate()
    let token = try #require(credential()).signed(by: other)
    #expect(throws: CredentialError.notSigned) { try Credential(token, signedBy: issuer.publicKey) }
  }

  @Test func itEndsAtItsTime() throws {
    let made = try #require(credential(issued: 10, expires: 20))
    #expect(!made.isExpired(at: 0))
    #expect(!made.isExpired(at: 19))
    #expect(made.isExpired(at: 20))
    #expect(credential(issued: 20, expires: 20) == nil)
    #expect(credential("") == nil)
    #expect(credential("a b") == nil)
    #expect(credential(String(repeating: "m", count: MicrocloudName.maximumBytes + 1)) == nil)
  }

  /// Signed right, and still no credential.
  @Test func otherClaimsAreRefused() throws {
    let key = CBORValue.map(COSEKey.compressedMap(of: subject))
    let right: CBORValue = [1: "raval", 4: 20, 6: 10, 7: .bytes([77]), 8: [1: key], 9: "member"]
    func read(_ claims: CBORValue) throws -> Credential {
      try Credential(COSESign1.signing(claims.encoded, by: issuer).value.encoded, signedBy: issuer.publicKey)
    }
    #expect(try read(right).serial == 77)
    var wrong: [CBORValue] = [[], 1]
    for (claim, value) in [
      (1, ""), (1, "a b"), (4, 10), (4, .float(20)), (6, -1), (7, .bytes([0, 77])), (7, 77),
      (7, .bytes(Array(repeating: 1, count: 9))), (8, [:]), (8, [1: [:]]), (9, "guest"), (9, .null), (5, 15), (2, "x"),
    ] as [(Int, CBORValue)] {
      var map = try #require(right.mapValue)
      map[key: claim] = value
      wrong.append(.map(map))
    }
    for claim in [1, 4, 6, 7, 8, 9] {
      var map = try #require(right.mapValue)
      map[key: claim] = nil
      wrong.append(.map(map))
    }
    for claims in wrong { #expect(throws: CredentialError.malformed, "\(claims)") { try read(claims) } }
    // What is not signed beside it, and a tag.
    let signed = try COSESign1.signing(right.encoded, by: issuer).value
    var parts = try #require(signed.arrayValue)
    parts[1] = [4: .bytes([1])]
    #expect(throws: CredentialError.malformed) {
      try Credential(CBORValue.array(parts).encoded, signedBy: issuer.publicKey)
    }
    #expect(throws: CredentialError.malformed) {
      try Credential(CBORValue.tagged(18, signed).encoded, signedBy: issuer.publicKey)
    }
  }

  @Test func edhocCarriesIt() throws {
    let token = try #require(credential()).signed(by: issuer)
    let carried = try #require(AuthenticationCredential(token: token))
    #expect(carried.publicKey == subject)
    #expect(AuthenticationCredential(claimsSet: token) == nil)
  }

  /// Two members meet who have never heard of each other: each shows its credential, and that it holds the key in it.
  @Test(arguments: EDHOCMethod.allCases) func strangersKnowEachOtherByTheirMicrocloud(_ method: EDHOCMethod) throws {
    func member(_ serial: UInt64) throws -> EDHOCIdentity {
      let key = try P256.PrivateKey.generate()
      let credential = try #require(
        Credential(
          microcloud: "raval", subject: key.publicKey, role: .member, issued: 1, expires: 2, serial: serial))
      return try EDHOCIdentity(
        key: key, token: #require(AuthenticationCredential(token: credential.signed(by: issuer))))
    }
    var initiator = try EDHOCInitiator(
      method: method, identity: member(1), ephemeral: .generate(), connection: #require(ConnectionIdentifier([1])))
    var responder = try EDHOCResponder(methods: [method], identity: member(2))
    _ = try responder.receiveMessage1(initiator.message1())
    let message2 = try responder.message2(ephemeral: .generate(), connection: #require(ConnectionIdentifier([2])))
    #expect(try serial(of: initiator.receiveMessage2(message2)) { try initiator.authenticate($0) } == 2)
    let (message3, session) = try initiator.message3()
    let secret = try session.oscoreKeys().masterSecret.bytes
    let number = try serial(of: responder.receiveMessage3(message3)) {
      let theirs = try responder.authenticate($0)
      #expect(try theirs.oscoreKeys().masterSecret.bytes == secret)
    }
    #expect(number == 1)
  }

  /// As a node would: first whether the microcloud vouches for it, then whether it is the one.
  private func serial(
    of peer: EDHOCPeer, _ authenticate: (AuthenticationCredential) throws -> Void
  ) throws -> UInt64 {
    guard case .token(let token) = peer.identifier, let carried = peer.credential else {
      throw CredentialError.malformed
    }
    let credential = try Credential(token, signedBy: issuer.publicKey)
    #expect(credential.subject == carried.publicKey)
    try authenticate(carried)
    return credential.serial
  }

  // Revocation

  @Test func aListRevokesWhatItNames() throws {
    let list = try #require(RevocationList(microcloud: "raval", sequence: 3, issued: 5, serials: [9, 77, 9, 1]))
    #expect(list.serials == [1, 9, 77])
    #expect(list.revokes(try #require(credential())))
    #expect(!list.revokes(try #require(credential(serial: 78))))
    #expect(!list.revokes(try #require(credential("gracia"))))
    #expect(try RevocationList(list.signed(by: issuer), signedBy: issuer.publicKey) == list)
  }

  @Test func theNewestListCounts() throws {
    func list(_ sequence: UInt64, _ name: String = "raval") throws -> RevocationList {
      try #require(RevocationList(microcloud: name, sequence: sequence, issued: 5, serials: []))
    }
    #expect(try list(4).supersedes(list(3)))
    #expect(try !list(3).supersedes(list(3)))
    #expect(try !list(2).supersedes(list(3)))
    #expect(try !list(4, "gracia").supersedes(list(3)))
  }

  @Test func aListIsBounded() throws {
    let serials = (0..<256).map { UInt64.max - UInt64($0) }
    let name = String(repeating: "m", count: MicrocloudName.maximumBytes)
    let list = try #require(RevocationList(microcloud: name, sequence: .max, issued: .max, serials: serials))
    let bytes = try list.signed(by: issuer)
    #expect(bytes.count <= RevocationList.maximumBytes)
    #expect(try RevocationList(bytes, signedBy: issuer.publicKey) == list)
    #expect(RevocationList(microcloud: name, sequence: 1, issued: 1, serials: serials + [1]) == nil)
  }

  /// A credential is no list and a list no credential, though one key signs both.
  @Test func signaturesServeOnePurpose() throws {
    let token = try #require(credential()).signed(by: issuer)
    let list = try #require(RevocationList(microcloud: "raval", sequence: 3, issued: 5, serials: [])).signed(by: issuer)
    #expect(throws: CredentialError.notSigned) { try RevocationList(token, signedBy: issuer.publicKey) }
    #expect(throws: CredentialError.notSigned) { try Credential(list, signedBy: issuer.publicKey) }
  }

  @Test func otherListsAreRefused() throws {
    func read(_ map: CBORValue) throws -> RevocationList {
      try RevocationList(
        COSESign1.signing(map.encoded, externalData: Array("microagent revocation list".utf8), by: issuer).value
          .encoded,
        signedBy: issuer.publicKey)
    }
    #expect(try read([0: "raval", 1: 1, 2: 2, 3: [1, 2]]).serials == [1, 2])
    let wrong: [CBORValue] = [
      [0: "raval", 1: 1, 2: 2, 3: [2, 1]], [0: "raval", 1: 1, 2: 2, 3: [1, 1]], [0: "raval", 1: 1, 2: 2, 3: [-1]],
      [0: "raval", 1: 1, 2: 2], [0: "raval", 1: 1, 2: 2, 3: [], 4: 1], [0: "", 1: 1, 2: 2, 3: []], [],
      [0: "raval", 1: 1, 2: 2, 3: .array((0...256).map { .unsigned($0) })],
    ]
    for map in wrong { #expect(throws: CredentialError.malformed, "\(map)") { try read(map) } }
  }

  // Text

  @Test func textIsReadAsItIsWritten() throws {
    let token = try #require(credential()).signed(by: issuer)
    let text = CredentialText.encode(token, .credential)
    #expect(text.hasPrefix("credential:"))
    #expect(CredentialText.decode(Array(text.utf8), .credential) == token)
    #expect(CredentialText.decode(Array(text.utf8), .revoked) == nil)
    let wrapped = text.enumerated().map { ($0 % 60 == 59 ? "\($1)\r\n  " : "\($1)") }.joined()
    #expect(CredentialText.decode(Array(wrapped.utf8), .credential) == token)
    // Python: base64.urlsafe_b64encode(b"abc" + zlib.crc32(b"abc").to_bytes(4, "big"))
    #expect(CredentialText.encode(Array("abc".utf8), .revoked) == "revoked:YWJjNSRBwg")
  }

  @Test func slipsAreNoticed() throws {
    let text = Array(CredentialText.encode(try #require(credential()).signed(by: issuer), .credential).utf8)
    for place in text.indices {
      var slipped = text
      slipped[place] = slipped[place] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
      #expect(CredentialText.decode(slipped, .credential) == nil)
      slipped.remove(at: place)
      #expect(CredentialText.decode(slipped, .credential) == nil)
    }
    for other in [
      "", "credential:", "credential:AAAA", "credential:====", "YWJjNSRBwg", "revoked:YWJjNSRBwg=",
      "revoked:YWJjNSRBw+",
    ] {
      #expect(CredentialText.decode(Array(other.utf8), .credential) == nil)
      #expect(CredentialText.decode(Array(other.utf8), .revoked) == nil)
    }
    let long = Array(repeating: UInt8(ascii: " "), count: CredentialText.maximumCharacters) + text
    #expect(CredentialText.decode(long, .credential) == nil)
  }
}
