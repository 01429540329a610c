import Crypto
import MicroAgent
import Microcloud
import NodeSecurity

/// What keys from elsewhere are to this node: the one place that makes principals of them.
struct Authority {
  private let owner: P256.PublicKey?

  /// - Parameter settings: whose the board is.
  init(_ settings: NodeSettings) throws(CryptoError) {
    owner = try settings.owner.map { key throws(CryptoError) in try P256.PublicKey(key) }
  }

  /// Who the bearer of a credential is, once it has proven to be its bearer; nil: nobody here knows it.
  func principal(of credential: AuthenticationCredential) -> Principal? {
    guard credential.publicKey == owner, let key = try? KeyFingerprint(of: credential.publicKey) else { return nil }
    return Principal(thumbprint: key.thumbprint, role: .owner)
  }
}
