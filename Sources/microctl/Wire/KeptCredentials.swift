import Basics
import Microcloud

/// The credentials that the person was given, in `credentials` beside the key: a file for each microcloud, under its name, as
/// text.
enum KeptCredentials {
  private static let directory = "credentials"

  /// Keeps one, in place of an earlier one of the same microcloud.
  static func keep(_ token: [UInt8], of microcloud: String) throws(Failure) {
    let path = try OwnFiles.directory(directory) + "/" + microcloud
    try OwnFiles.replace(path, Array((CredentialText.encode(token, .credential) + "\n").utf8))
  }

  /// The microclouds of which there is one.
  static func microclouds() throws(Failure) -> [String] {
    try OwnFiles.names(in: directory).filter { MicrocloudName.isValid($0) }
  }

  /// The token for a microcloud; nil: there is none.
  static func token(of microcloud: String) throws(Failure) -> [UInt8]? {
    guard MicrocloudName.isValid(microcloud) else { return nil }
    let path = try OwnFiles.directory() + "/\(directory)/" + microcloud
    guard let text = try OwnFiles.read(path) else { return nil }
    guard let token = CredentialText.decode(text, .credential) else {
      throw Failure(.refused, "\(path): it is no credential, or was damaged: give `microctl accept` its text again")
    }
    return token
  }

  /// What is shown to a node: the credential of its microcloud; where nobody told which that is, the only one that there
  /// is. Nil: the bare key.
  static func shown(to node: RemoteNode) throws(Failure) -> AuthenticationCredential? {
    let kept = try microclouds()
    let name = node.microcloud ?? (kept.count == 1 ? kept[0] : "")
    return try token(of: name).flatMap { AuthenticationCredential(token: $0) }
  }
}
