import Crypto

@testable import Microcloud

/// A chapter of RFC 9529, as `vectors/edhoc.txt` has it.
struct EDHOCTrace {
  private let chapter: String
  private static let lines = GossipVectors.lines("edhoc.txt")

  static let signatures = EDHOCTrace(chapter: "2")
  static let diffieHellman = EDHOCTrace(chapter: "3")
  static let invalid = EDHOCTrace(chapter: "4")

  subscript(_ name: String) -> [UInt8] {
    Self.lines.first { $0[0] == chapter && $0[1] == name }.map { bytes($0[2]) }!
  }

  func all(_ name: String) -> [[UInt8]] {
    Self.lines.filter { $0[0] == chapter && $0[1] == name }.map { bytes($0[2]) }
  }

  func secret(_ name: String) -> Secret { Secret(self[name]) }

  func key(_ name: String) throws -> P256.PrivateKey { try P256.PrivateKey(scalar: secret(name)) }

  func connection(_ name: String) -> ConnectionIdentifier { ConnectionIdentifier(self[name])! }

  func credential(_ name: String) -> AuthenticationCredential { AuthenticationCredential(claimsSet: self[name])! }

  func initiator(suites: [Int64], ephemeral: String = "X", connection name: String = "C_I") throws -> EDHOCInitiator {
    try EDHOCInitiator(
      method: .bothDiffieHellman,
      identity: EDHOCIdentity(key: key("SK_I"), credential: credential("CRED_I"), keyIdentifier: [0x2B]),
      ephemeral: key(ephemeral), connection: connection(name), knownItems: [], suites: suites)
  }

  func responder() throws -> EDHOCResponder {
    try EDHOCResponder(
      methods: [.bothDiffieHellman],
      identity: EDHOCIdentity(key: key("SK_R"), credential: credential("CRED_R"), keyIdentifier: [0x32]))
  }
}
