import Crypto
import LinuxSystem
import MicroAgent
import Microcloud
import NodeSecurity

/// Who this node is: a key pair made at its first start, and the owner who answers for it, if it has one.
struct NodeIdentity {
  /// Of the node's key, 16 letters and digits (`KeyFingerprint.short`).
  let fingerprint: String
  /// The key itself, for exchanges with others.
  let key: P256.PrivateKey
  let standing: NodeStanding
  /// What the host is called, as far as it goes into the node's name.
  let hostName: String

  /// Reads the key or makes it, which waits for the disk and, at a machine's first start, for random numbers.
  init(_ configuration: Configuration) throws(StartError) {
    do throws(NodeKeyError) {
      key = try NodeKeyFile.load(stateDirectory: configuration.stateDirectory)
      fingerprint = try Self.fingerprint(of: key)
    } catch {
      throw StartError("\(error)")
    }
    standing = configuration.node.standing
    hostName = configuration.node.name.isEmpty ? MachineStatus.hostname() : configuration.node.name
  }

  /// The same to those with whom it agrees on keys.
  var credential: EDHOCIdentity { EDHOCIdentity(key: key, claimsSet: AuthenticationCredential(of: key.publicKey)) }

  func naming(number: Int) -> NodeNaming {
    NodeNaming(hostName: hostName, fingerprint: fingerprint, number: number)
  }

  private static func fingerprint(of key: P256.PrivateKey) throws(NodeKeyError) -> String {
    do throws(CryptoError) {
      return try KeyFingerprint(of: key.publicKey).short
    } catch {
      throw .notMade(error)
    }
  }
}
