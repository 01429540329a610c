import Crypto
import LinuxSystem

/// Why a node has no key, in one line that says what to do.
public enum NodeKeyError: Error, Equatable, CustomStringConvertible {
  /// The file cannot be read or made.
  case system(SystemError)
  /// No key could be computed.
  case notMade(CryptoError)
  /// The file is another user's, who may have put a key there that others know.
  case foreign(path: String, user: UInt32)
  /// Others may read or change the file.
  case exposed(path: String)
  /// The file does not hold a whole key.
  case damaged(path: String)

  public var description: String {
    switch self {
    case .system(let error): "node key: \(error)"
    case .notMade(let error): "node key: \(error)"
    case .foreign(let path, let user):
      "node key \(path): it belongs to user \(user); chown it if you trust it, or remove it to get a new identity"
    case .exposed(let path):
      "node key \(path): others may read it; chmod 600 it if nobody did, or remove it to get a new identity"
    case .damaged(let path):
      "node key \(path): it is damaged; put a copy of it back, or remove it to get a new identity"
    }
  }
}
