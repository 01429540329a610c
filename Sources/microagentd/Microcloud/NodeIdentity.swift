import Crypto
import LinuxSystem
import MicroAgent
import Microcloud
import NodeSecurity

/// Who this node is: a key pair made at its first start, and the owner who answers for it, if it has one.
struct NodeIdentity {
  /// Of the node's key, 16 letters and digits (`KeyFingerprint.short`).
  let fingerprint: String
  let standing: NodeStanding
  /// What the host is called, as far as it goes into the node's name.
  let hostName: String

  /// Reads the key or makes it, which waits for the disk and, at a machine's first start, for random numbers.
  init(_ configuration: Configuration) throws(StartError) {
    do throws(NodeKeyError) {
      let key = try NodeKeyFile.load(stateDirectory: configuration.stateDirectory)
      fingerprint = try Self.fingerprint(of: key)
    } catch {
      throw StartError("\(error)")
    }
    if let owner = configuration.node.owner {
      do throws(CryptoError) {
        _ = try P256.PublicKey(owner)
      } catch {
        throw StartError("owner: \(error): set it to the owner's public key")
      }
    }
    standing = configuration.node.standing
    hostName = configuration.node.name.isEmpty ? MachineStatus.hostname() : configuration.node.name
  }

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
