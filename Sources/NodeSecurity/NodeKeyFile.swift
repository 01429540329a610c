import CSystem
import Crypto
import LinuxSystem
import Microcloud

/// The file in the state directory that holds a node's private key: a COSE_Key, which names the public half, too, and so
/// tells a damaged file from a whole one.
public enum NodeKeyFile {
  public static let name = "node.key"
  /// A map of five; type and curve, one byte each after their keys; coordinates and scalar, 32 each after key and length.
  static let fileBytes = 1 + 2 + 2 + 3 * (1 + 2 + P256.fieldBytes)

  /// The node's key: the file's, or, if there is none, a new one that is on the disk when this returns. Waits for the disk,
  /// and early after a machine's start for the kernel's random numbers.
  ///
  /// A file that cannot be used is left as it is: only its owner knows what it was worth. One process at a time may do this
  /// with a state directory: the one that has the store open.
  public static func load(stateDirectory: String) throws(NodeKeyError) -> P256.PrivateKey {
    try load(path: stateDirectory + "/" + name)
  }

  /// The same of a file of another name, as that of a person's key.
  public static func load(path: String) throws(NodeKeyError) -> P256.PrivateKey {
    guard let content = try content(of: path) else { return try create(path) }
    return try key(in: content, path)
  }

  private static func create(_ path: String) throws(NodeKeyError) -> P256.PrivateKey {
    let key: P256.PrivateKey
    do throws(CryptoError) {
      key = try P256.PrivateKey.generate()
    } catch {
      throw .notMade(error)
    }
    do throws(SystemError) {
      try Files.createDurably(path, Secret(COSEKey.encode(key)).bytes, mode: 0o600)
    } catch {
      throw .system(error)
    }
    return key
  }

  /// What the file holds; nil if there is none. It must be a file of our own that nobody else may even read.
  private static func content(of path: String) throws(NodeKeyError) -> Secret? {
    let content: Secret
    var status = system_file_status()
    do throws(SystemError) {
      // A link is not followed, and nobody's pipe waited for.
      let file = try FileDescriptor.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
      try check(system_fstat(file.rawValue, &status), "look at", path)
      content = Secret(try file.readFromStart(limitBytes: fileBytes + 1, subject: path))
    } catch {
      if error.errno == .noSuchFile { return nil }
      throw .system(error)
    }
    guard status.user == geteuid() else { throw .foreign(path: path, user: status.user) }
    guard status.mode & 0o077 == 0 else { throw .exposed(path: path) }
    return content
  }

  private static func key(in content: Secret, _ path: String) throws(NodeKeyError) -> P256.PrivateKey {
    do throws(CryptoError) {
      let scalar = Secret(copying: content.bytes.suffix(P256.fieldBytes))
      let key = try P256.PrivateKey(scalar: scalar)
      // Whatever was changed in the file, this is then not what would be written.
      if ConstantTime.areEqual(Secret(COSEKey.encode(key)).bytes, content.bytes) { return key }
    } catch {
      if case .failed = error { throw .notMade(error) }
    }
    throw .damaged(path: path)
  }
}
