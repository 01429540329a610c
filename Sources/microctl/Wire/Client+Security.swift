import Crypto
import MicroAgent
import Microcloud

extension Client {
  /// What a stream to a node is secured with: our key, and the credential that we have for that node.
  static func makeSecurity(for node: RemoteNode) throws(Failure) -> SecureStreamClient {
    let key = try OwnKey.load()
    let shown = try KeptCredentials.shown(to: node)
    do throws(CryptoError) {
      let claimsSet = EDHOCIdentity(key: key, claimsSet: AuthenticationCredential(of: key.publicKey))
      let identity = shown.map { EDHOCIdentity(key: key, token: $0) } ?? claimsSet
      return SecureStreamClient(identity: identity, ephemeral: try P256.PrivateKey.generate())
    } catch {
      throw Failure(.refused, "make a key for node \(node.name): \(error)")
    }
  }

  /// Why keys could not be agreed on.
  static func failure(_ error: EDHOCError, _ destination: Destination) -> Failure {
    Failure(kind(error), line(error, destination))
  }

  private static func kind(_ error: EDHOCError) -> Failure.Kind {
    switch error {
    case .refused, .peerFailed(.unspecified): .keyUnknown
    default: .refused
    }
  }

  private static func line(_ error: EDHOCError, _ destination: Destination) -> String {
    switch error {
    case .peerFailed(.unspecified(let text)) where EDHOCPeerError.unspecified(text) != .notAccepted:
      "\(destination) refuses: \(text)"
    case .refused, .peerFailed(.unspecified):
      "\(destination) does not know this key: its owner is set by `owner` in its configuration (`microctl key` shows yours), "
        + "its members by its microcloud (`microctl accept` takes a credential)"
    case .outOfOrder: "\(destination) went away while keys were agreed on: try again"
    default: "agree on keys with \(destination): \(error)"
    }
  }
}
