import Crypto
import NodeSecurity

/// The key of the person who uses microctl. It is made where it is first needed, and never leaves that machine.
enum OwnKey {
  static func load() throws(Failure) -> P256.PrivateKey {
    try load(path: try OwnFiles.directory("") + "/key")
  }

  /// The key in a file, which is made where there is none.
  static func load(path: String) throws(Failure) -> P256.PrivateKey {
    do throws(NodeKeyError) {
      return try NodeKeyFile.load(path: path)
    } catch {
      throw Failure(.refused, "\(error)")
    }
  }
}
