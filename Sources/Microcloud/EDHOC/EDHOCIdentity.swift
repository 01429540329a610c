import Crypto

/// Who we are to a peer.
public final class EDHOCIdentity {
  /// For signatures or for static Diffie-Hellman, as the method says.
  public let key: P256.PrivateKey
  /// That binds the public half.
  public let credential: AuthenticationCredential
  public let identifier: CredentialIdentifier

  /// One whose credential the peer has.
  /// - Parameter keyIdentifier: by which it finds the credential; at most `EDHOCLimits.keyIdentifierBytes`.
  public init(key: P256.PrivateKey, credential: AuthenticationCredential, keyIdentifier: [UInt8]) {
    self.key = key
    self.credential = credential
    identifier = .keyIdentifier(keyIdentifier)
  }

  /// One whose credential, a claims set, is sent.
  public init(key: P256.PrivateKey, claimsSet: AuthenticationCredential) {
    self.key = key
    credential = claimsSet
    identifier = .claimsSet(claimsSet.encoded)
  }

  /// One whose credential, a token, is sent.
  public init(key: P256.PrivateKey, token: AuthenticationCredential) {
    self.key = key
    credential = token
    identifier = .token(token.encoded)
  }

  /// Whether a peer that shows `other` says that it is we. x alone, as Diffie-Hellman is the same with either y.
  func isSame(as other: AuthenticationCredential) -> Bool {
    key.publicKey.x == other.publicKey.x
  }
}

/// Who a peer says it is. Nothing of it is proven before its credential was taken by `authenticate`.
public struct EDHOCPeer: Equatable, Sendable {
  public let identifier: CredentialIdentifier
  /// The credential, if the message carries it.
  public let credential: AuthenticationCredential?
  /// External authorization data; the labels of critical ones are known to us.
  public let items: [AuthorizationItem]

  init(_ identifier: CredentialIdentifier, _ items: [AuthorizationItem]) throws(EDHOCError) {
    self.identifier = identifier
    self.items = items
    switch identifier {
    case .keyIdentifier: credential = nil
    case .claimsSet(let item): credential = AuthenticationCredential(claimsSet: item)
    case .token(let item): credential = AuthenticationCredential(token: item)
    }
    if case .keyIdentifier = identifier { return }
    if credential == nil { throw .unsupportedCredential }
  }
}
